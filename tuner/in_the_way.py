"""Files of a user's that bear the names of our packages, and are imported in their place."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("spaces", "ensembles")  # beside this one
_HOME = Path(__file__).resolve().parents[1]


class InTheWay(ImportError, ValueError):
    """A file that is imported in place of one of our packages."""


def check() -> None:
    """Refuse to go on where another module stands before one of our packages.

    Raises:
        InTheWay: One does; the message names it, and says how to mend it.
    """
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
        for place in [Path(one).resolve() for one in places if one][:1]:
            if place != _HOME / name / "__init__.py":
                raise InTheWay(_message(name, place))


def check_folder(folder: Path) -> None:
    """Refuse a folder in which worker processes would import something else for one of our packages.

    Args:
        folder: The current folder, where worker processes start.

    Raises:
        InTheWay: There is such a file; the message names it, and says how to mend it.
    """
    for name in PACKAGES:
        for place in (folder / f"{name}.py", folder / name / "__init__.py"):
            if place.exists() and folder.resolve() != _HOME:
                raise InTheWay(_message(name, place))


def _message(name: str, place: Path) -> str:
    mine = place.parent if place.name == "__init__.py" else place
    kind = "folder" if mine.suffix != ".py" else "file"
    return (
        f"{mine} is in the way: Python imports this {kind} in place of tuner's own package {name!r}. Rename the {kind} "
        f"(such as my_{mine.name}), delete __pycache__ beside it, or start Python from another folder"
    )
