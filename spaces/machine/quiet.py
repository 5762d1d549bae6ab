"""TensorFlow is imported without its lines about drivers and instructions.

It writes them to file descriptor 2 before its own settings are read, whoever imports it. So its import is watched: what
is written meanwhile goes to a file, and what is not TensorFlow's comes out after it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+|\d{4}-\d\d-\d\d [\d:.]+: [IWE] |"
    rb"To enable the following instructions"
)


def import_quietly(name: str) -> None:
    """From now on, let the module of this name be imported quietly, by whoever imports it first."""
    if name not in sys.modules and not any(isinstance(one, _Watch) and one.name == name for one in sys.meta_path):
        sys.meta_path.insert(0, _Watch(name))


@contextmanager
def without_noise() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, by C++ too; lines that are no noise come out at the end."""
    try:
        kept = os.dup(2)
    except OSError:  # closed: nothing can be seen
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _NOISE.match(line):
                    _tell(line)


def _tell(line: bytes) -> None:
    try:
        os.write(2, line)
    except OSError:  # what only tells must not end anything
        pass


class _Watch(MetaPathFinder):
    """Finds the module where it always is, and wraps its loader."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's spec; of other modules nothing."""
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Quiet(spec.loader)
        return spec


class _Quiet(Loader):
    """Loads a module as its own loader does, without noise."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the module's own loader makes."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        with without_noise():
            self._loader.exec_module(module)
