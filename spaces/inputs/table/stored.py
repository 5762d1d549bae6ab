"""Transformers in files, without pickle (skops). Classes of ours have names there that stay when a file moves.

Where a class moves, its line in `PINNED` says where it is found now; what was stored before then loads as ever.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spaces.machine.strange import check_archive

PINNED = {
    "spaces.centred": "spaces.inputs.table.centred",
    "spaces.crosses": "spaces.inputs.table.crosses",
    "spaces.piecewise": "spaces.inputs.table.piecewise",
    "spaces.robust": "spaces.inputs.table.robust",
}
"""The module that a file names, and the one that it is."""
_TRUSTED = [
    "numpy.dtype",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.StratifiedKFold",
    "spaces.inputs.table.centred.Centred",
    "spaces.inputs.table.crosses.HashedCrosses",
    "spaces.inputs.table.piecewise.PiecewiseLinear",
    "spaces.inputs.table.robust.SmoothlyClipped",
]
_SCHEMA = "schema.json"


def dump(transformer: Any, path: Path) -> None:
    """Write a transformer."""
    import skops.io

    path.write_bytes(_with_modules(skops.io.dumps(transformer), {now: name for name, now in PINNED.items()}))


def load(path: Path) -> Any:
    """Read what `dump` wrote."""
    import skops.io

    check_archive(path)
    return skops.io.loads(_with_modules(path.read_bytes(), PINNED), trusted=_TRUSTED)


def _with_modules(stored: bytes, names: Mapping[str, str]) -> bytes:
    """Return a file of skops in which some modules have other names."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as before, zipfile.ZipFile(changed, "w") as after:
        for item in before.infolist():
            data = before.read(item)
            if item.filename == _SCHEMA:
                data = json.dumps(_renamed(json.loads(data), names)).encode()
            after.writestr(item, data)
    return changed.getvalue()


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_renamed(child, names) for child in node]
    if isinstance(node, dict):
        return {
            key: names.get(child, child) if key == "__module__" else _renamed(child, names)
            for key, child in node.items()
        }
    return node
