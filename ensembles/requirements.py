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
    always = [engine for engine in ENGINES.values() if not engine.extra]
    engines = {engine.name: engine for engine in (*always, *engines_of(folders))}
    packages = dict.fromkeys([*_PACKAGES, *(package for one in engines.values() for package in one.packages)])
    return {name: metadata.version(name) for name in packages if _installed(name)}


def engines_of(folders: Iterable[Path]) -> list[Engine]:
    """Return the engines that are not always there: a user's own, and extras.

    Raises:
        EngineError: One of a user's own is not imported.
    """
    extras = {name for name, engine in ENGINES.items() if engine.extra}
    names = {name for folder in folders for name in made_of(folder) if ":" in name or name in extras}
    return [engine_named(name) for name in sorted(names)]


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
