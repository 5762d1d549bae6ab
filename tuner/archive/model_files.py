"""The disk budget of fold models: the worst trials' go first, the best of each family never."""

from __future__ import annotations

import shutil
from pathlib import Path

from tuner.archive.study_folder import Archive
from tuner.search.ledger import Trial


class ModelFiles:
    """Knows how large the fold models of a study's trials are.

    Args:
        study: The study.
        limit: Bytes that they may take.
    """

    def __init__(self, study: Archive, limit: float) -> None:
        self._study, self._limit = study, limit
        self._sizes: dict[str, int] = {}

    def found(self, trial: Trial) -> None:
        """Count the models of a trial of an earlier launch."""
        if trial.state == "complete" and not trial.duplicate:
            self._sizes[trial.name] = _size(self._study.attempt_folder(trial))

    def told(self, trial: Trial) -> None:
        """Count the models of a trial that just ended, or drop them when it failed, and keep to the limit."""
        if trial.duplicate:
            return
        if trial.state != "complete":
            _drop(self._study.attempt_folder(trial))
            return
        self.found(trial)
        if sum(self._sizes.values()) > self._limit:
            self._drop_worst()

    def _drop_worst(self) -> None:
        ranked = self._study.complete
        best = {trial.family: trial.name for trial in reversed(ranked)}
        for trial in reversed(ranked):
            if sum(self._sizes.values()) <= self._limit:
                return
            if trial.name != best[trial.family] and self._sizes.pop(trial.name, 0):
                _drop(self._study.attempt_folder(trial))


def _size(folder: Path) -> int:
    """Return the bytes of a trial's models, without files that are links to others."""
    files = [path.stat() for fold in folder.glob("fold-*") for path in fold.rglob("*") if path.is_file()]
    return sum(file.st_size for file in files if file.st_nlink == 1)


def _drop(folder: Path) -> None:
    for path in folder.glob("fold-*"):
        shutil.rmtree(path)
