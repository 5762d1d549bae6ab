"""Families of extras are tested where these are installed, and elsewhere it is said that they are not."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any

import pytest

from spaces import FAMILIES


def lacking(family: str) -> str:
    """Return which extra a family lacks here; nothing where it lacks none."""
    lacks = [one for one in FAMILIES[family].engines if any(find_spec(module) is None for module in one.modules)]
    return f"{lacks[0].name} is not installed: pip install 'tuned-ensembles[{lacks[0].extra}]'" if lacks else ""


def where_installed(cases: Iterable[Any]) -> list[Any]:
    """Return families, or cases that begin with one, those that lack an extra marked to be skipped."""
    marked = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        reason = lacking(values[0]) if values[0] in FAMILIES else ""
        marked.append(pytest.param(*values, marks=pytest.mark.skip(reason=reason) if reason else []))
    return marked
