"""One trial's model to take home: it predicts by the mean of its folds, or, refitted, as one model of all rows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.engines.engine import KERAS
from spaces.families.catalog import families_for
from spaces.html import facts
from spaces.machine.habits import MODEL, no_attribute
from spaces.machine.mistakes import all_briefly
from spaces.rows.target import ITSELF
from spaces.store import made_of
from tuner.archive.one_trial import trial_named
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.candidates import usable
from tuner.ensembling.looks import single_ensemble
from tuner.ensembling.pool import distances_of
from tuner.ensembling.predictor import Predictor
from tuner.search.ledger import Trial
from tuner.trials.outcome import trial_name

_NETWORKS = (KERAS.name, "steps")  # stored names of models that are one network, and what reads rows for it


@all_briefly
@dataclass(frozen=True, repr=False)
class StudyModel(Predictor):
    """One trial's model: an ensemble of one member, which predicts raw rows.

    Attributes:
        ensemble: The trial as the only member.
        study: The study.
        trial: The trial: its parameters, value, folds.
    """

    trial: Trial

    def __repr__(self) -> str:
        (member,), value = self.members, self.trial.value
        made = "one model of all rows" if "models" in self.scores else f"the mean of {len(member.folders)} fold models"
        return (
            f"Model {self.name} of {self.study.name}: {made}, {self.ensemble.metric} {value:.5g} cross-validated\n"
            f"{repr(self.ensemble).splitlines()[-1]}"
        )

    def _repr_html_(self) -> str:
        return facts(repr(self))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(no_attribute("'StudyModel' object", name, dir(type(self)), habits=MODEL))

    @property
    def name(self) -> str:
        """The trial's name."""
        return self.trial.name

    def export(self, path: str | Path) -> Path:
        """Write the network alone as a `.keras` file, which `keras.saving.load_model` reads, and return its path.

        The network reads rows as they are prepared for it, and says standardised values or log odds; what reads raw
        rows and finishes its outputs is in the folder that `save` writes.

        Args:
            path: A path that ends in `.keras`.

        Raises:
            StudyError: There is a network for each fold, which `refit` makes one of, or none.
            ValueError: The path ends otherwise.
        """
        path = Path(path)
        if path.suffix != ".keras":
            raise ValueError(f"export writes .keras files, got {str(path)!r}: name it {path.stem}.keras")
        (member,) = self.members
        parts = made_of(member.folders[0])
        if parts[0] not in _NETWORKS:
            raise StudyError(
                f"{self.name} is no single network (it is stored as {' of '.join(parts)}): save() writes it whole"
            )
        if len(member.folders) > 1:
            own = "" if self.trial.family in families_for(self.study.task.signature) else "[family]"
            raise StudyError(
                f"{self.name} is {len(member.folders)} networks, one a fold: model.refit({own}).export({path.name!r}) "
                "trains one on all rows"
            )
        shutil.copyfile(member.folders[0] / "model.keras", path)
        return path


def model_of(study: Archive, name: str) -> StudyModel:
    """Return one trial's model.

    Raises:
        StudyError: There is no such trial, or it left no model; the message names the nearest that has one.
    """
    _check_target(study)
    trial = trial_named(study, name)
    if trial.value is None or not study.has_models(trial):
        raise StudyError(f"{name} has no model: {_why(trial)}{_instead(study, trial.family)}")
    return _model(study, trial)


def best_models(study: Archive, n: int) -> list[StudyModel]:
    """Return the models of the `n` best trials, best first, without the baseline; fewer where there are not so many.

    Raises:
        NoModels: There are none.
    """
    _check_target(study)
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n must be a whole number of at least 1, got {n!r}")
    return [_model(study, trial) for trial in usable(study)[:n]]


def _model(study: Archive, trial: Trial) -> StudyModel:
    single = replace(single_ensemble(study, trial), distances=distances_of(study, trial))
    return StudyModel(single, study, trial)


def _check_target(study: Archive) -> None:
    if study.task.target.kind == ITSELF:
        raise StudyError("rows without a target have nothing to predict: tuner.best_model(study) encodes and restores")


def _why(trial: Trial) -> str:
    outcome = trial.outcome
    if outcome is None:
        return "it still runs"
    if outcome.duplicate_of is not None:
        return f"its parameters are those of {trial_name(trial.family, outcome.duplicate_of)}"
    if trial.state == "complete":
        return "it was dropped to keep to disk="
    return "it was pruned" if trial.state == "pruned" else f"it failed ({outcome.error or outcome.reason})"


def _instead(study: Archive, family: str) -> str:
    """Name the best trial that has a model, of a family where that has one."""
    with_models = [one for one in study.complete if study.has_models(one)]
    best = next((one for one in with_models if one.family == family), next(iter(with_models), None))
    return "" if best is None else f"; did you mean {best.name!r}, the best {best.family} that has one?"
