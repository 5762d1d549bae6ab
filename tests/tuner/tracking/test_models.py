"""What a published model asks to be installed."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

import ensembles
import spaces
from ensembles.requirements import versions
from spaces.engines.engine import ENGINES
from tuner.tracking.models import requirements


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def with_what_they_need(names):
    """Return distributions with all that they depend on, without extras."""
    found, left = set(), [canonical(name) for name in names]
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            needed = [Requirement(one) for one in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:  # on another platform
            continue
        left += [canonical(one.name) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


def imported(package):
    """Return the modules of others that a package imports anywhere."""
    names = set()
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"spaces", "ensembles"}


def test_all_that_our_code_imports_is_installed_with_what_a_model_lists():
    listed = [Requirement(one).name for one in requirements(versions([]))]
    assert "tuned-ensembles" not in listed
    there, known = with_what_they_need([*listed, "mlflow"]), metadata.packages_distributions()
    missing = {
        name
        for name in imported(spaces) | imported(ensembles)
        if not {canonical(one) for one in known.get(name, [])} & there
    }
    assert missing == {module for engine in ENGINES.values() if engine.extra for module in engine.modules}
