"""What predictions depend on: distributions and their versions."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from spaces.engines.engine import ENGINES, Engine, engine_named
from spaces.store import made_of

_PACKAGES = ("tuned-ensembles", "numpy")


def versions(folders: Iterable[Path]) -> dict[str, str]:
    """Return the installed versions of what models depend on, by distribution.

    Args:
        folders: Where the models lie.
    """
    own = engines_of(folders)
    engines = ENGINES | {engine.name: engine for engine in own}
    packages = dict.fromkeys([*_PACKAGES, *(package for one in engines.values() for package in one.packages)])
    return {name: metadata.version(name) for name in packages if _installed(name)}


def engines_of(folders: Iterable[Path]) -> list[Engine]:
    """Return the engines that do not come with us."""
    names = {name for folder in folders for name in made_of(folder) if ":" in name}
    return [engine_named(name) for name in sorted(names)]


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
