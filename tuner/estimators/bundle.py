"""A saved ensemble as bytes, which a pickle takes along."""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

from ensembles.ensemble import Ensemble
from ensembles.loading import load


class Bundle:
    """An ensemble that lives in one object; its files lie in a temporary folder while the object is in use.

    Args:
        ensemble: What is kept.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        with tempfile.TemporaryDirectory() as place:
            self._files = _packed(ensemble.save(Path(place) / "ensemble"))

    @cached_property
    def ensemble(self) -> Ensemble:
        """The ensemble, unpacked when it is first asked for."""
        folder = temporary_folder()
        with zipfile.ZipFile(io.BytesIO(self._files)) as files:
            files.extractall(folder)
        ensemble = load(folder)
        deleted_with(ensemble, folder)
        return ensemble

    def __getstate__(self) -> dict[str, Any]:
        return {"_files": self._files}


def temporary_folder() -> Path:
    """Return a new folder, which goes with what it is for (see `deleted_with`)."""
    return Path(tempfile.mkdtemp(prefix="tuner-"))


def deleted_with(owner: Any, folder: Path) -> None:
    """Delete a folder when an object goes, or the process ends."""
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files.write(path, path.relative_to(folder).as_posix())
    return packed.getvalue()
