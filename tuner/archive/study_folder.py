"""A study's folder: what a study left on disk, for whoever reads it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.engines.curves import Curves, curves_from_json
from spaces.language.complaints import unknown_name
from spaces.language.shown import Shown
from spaces.language.space import Config, configure, from_json
from spaces.machine.torn import Torn, check_record, read_list, read_record, reading
from spaces.store import made_of
from tuner.archive.records import Records
from tuner.search.ledger import Trial
from tuner.task.task import Task

FORMAT = 5
_HOLDS = {"id": str, "seed": int, "task": dict, "families": dict}


class StudyError(ValueError):
    """A folder that cannot be used for this study."""


@dataclass(frozen=True, eq=False, repr=False)
class Archive(Records):
    """What a study left on disk: its records, the task, and the files of each trial.

    Attributes:
        task: The task.
    """

    task: Task

    @property
    def metric(self) -> str:
        """The deciding metric."""
        return self.task.score.name

    @property
    def sign(self) -> int:
        """1 where less is better, else -1."""
        return self.task.score.sign

    def __repr__(self) -> str:
        return "\n".join([self.brief(), *(f"  {line}" for line in repr(self.task).splitlines())])

    def must_be_writable(self, instead: str) -> None:
        """Refuse to make something in a folder that can only be read.

        Args:
            instead: What to do then.

        Raises:
            StudyError: It can only be read.
        """
        if not os.access(self.folder, os.W_OK):
            raise StudyError(f"{self.folder} can only be read: {instead}, or copy the folder")

    def is_there(self) -> bool:
        """Return whether its folder is still there."""
        return (self.folder / "study.json").exists()

    def must_be_there(self) -> None:
        """Refuse to go on in a folder that was deleted, moved or made read-only while the study ran.

        Raises:
            StudyError: It was.
        """
        if not self.is_there():
            raise StudyError(
                f"{self.folder} is gone, while the study ran: if it was moved, the same call goes on with its new place"
            )
        if not os.access(self.folder, os.W_OK):
            raise StudyError(f"{self.folder} can only be read now: make it writable, and the same call goes on")

    def attempt_folder(self, trial: Trial) -> Path:
        """Return the folder of the attempt that finished."""
        assert trial.outcome is not None
        return self.folder / "trials" / trial.name / str(trial.outcome.attempt)

    def has_models(self, trial: Trial) -> bool:
        """Return whether the trial's fold models are still on disk."""
        folder = self.attempt_folder(trial)
        return all((folder / f"fold-{k}" / "model.json").exists() for k in range(len(self.task.folds)))

    def space(self, family: str) -> Shown:
        """Return the space of one of the study's families, which shows itself in a notebook as a nested list.

        Raises:
            ValueError: The study has no such family.
        """
        if family not in self.families:
            raise ValueError(f"family: {unknown_name(family, list(self.families))}")
        return Shown(from_json(read_study_file(self.folder)["families"][family]["space"]))

    def config(self, trial: Trial) -> Config:
        """Return a trial's configuration, nested as its space is."""
        if trial.outside is not None:
            return trial.outside
        return configure(self.space(trial.family), trial.params)

    def made_of(self, trial: Trial) -> tuple[str, ...]:
        """Return the stored name of a trial's models and, behind it, those of what they wrap."""
        return made_of(self.attempt_folder(trial) / "fold-0")

    def curves(self, trial: Trial) -> list[Curves]:
        """Return a trial's curves, one mapping a fold; nothing of a trial that did not finish.

        Nor of one whose file is damaged, which the log says.
        """
        if trial.outcome is None or trial.duplicate:
            return []
        path = self.attempt_folder(trial) / "curves.json"
        try:
            with reading(path):
                return [curves_from_json(fold) for fold in read_list(path)] if path.exists() else []
        except Torn as error:
            logging.getLogger("tuner").warning(f"{trial.name} is shown without curves: {error}")
            return []


def read_study_file(folder: Path) -> dict[str, Any]:
    """Return what `study.json` says.

    Raises:
        StudyError: There is none, or it is damaged or of another format.
    """
    path = folder / "study.json"
    restore = (
        f"restore it from a backup, or run the study in another folder; its trials are in {path.parent / 'trials'}"
    )
    if not path.exists():
        if (folder / "trials").is_dir():
            raise StudyError(f"{path} is gone: {restore}")
        near = sorted(p.parent.name for p in folder.parent.glob("*/study.json")) if folder.parent.is_dir() else []
        hint = f"; in {folder.parent} there are {', '.join(near)}" if near else ""
        raise StudyError(f"{folder} holds no study{hint}")
    try:
        stored = read_record(path, {"format": int}, instead=restore)
        _check_format(folder, stored["format"])
        check_record(path, stored, _HOLDS, instead=restore)
    except Torn as error:
        raise StudyError(str(error)) from None
    return stored


def _check_format(folder: Path, stored: int) -> None:
    if stored > FORMAT:
        raise StudyError(f"{folder} was written by a newer version (format {stored}, this one reads {FORMAT})")
    if stored < FORMAT:
        raise StudyError(
            f"{folder} was written by an earlier version (format {stored}, this one reads {FORMAT}): run the study "
            "again in another folder"
        )
