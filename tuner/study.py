"""A study: its folder, its ledger, and the view of what happened."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from spaces.catalog import BASELINE
from spaces.family import Family
from spaces.space import Config, Space, configure, digest, from_json, to_json
from tuner.ledger import Ledger, Trial
from tuner.metrics import Metric
from tuner.samplers import make_pruner, sampler_maker
from tuner.task import Task

if TYPE_CHECKING:
    import optuna

    from tuner.ensembling import StudyEnsemble

FORMAT = 3


class StudyError(ValueError):
    """A folder that cannot be used for this study."""


@dataclass(frozen=True, eq=False)
class Study:
    """What happened in a study.

    Attributes:
        folder: Where everything lies.
        task: The task.
        ledger: The ledger.
        families: Names of the families, the baseline first.
    """

    folder: Path
    task: Task
    ledger: Ledger
    families: tuple[str, ...]

    @property
    def name(self) -> str:
        """The study's name: that of its folder."""
        return self.folder.name

    @property
    def trials(self) -> list[Trial]:
        """Every trial, in the order in which they ended; those that run come last."""

        def ended(trial: Trial) -> tuple[bool, float]:
            outcome = trial.outcome
            return (outcome is None, outcome.started + outcome.seconds if outcome else 0.0)

        return sorted((trial for family in self.families for trial in self.ledger.trials(family)), key=ended)

    @property
    def complete(self) -> list[Trial]:
        """The trials that were really run and succeeded, best first."""
        done = [trial for trial in self.trials if trial.value is not None and not trial.duplicate]
        return sorted(done, key=lambda trial: self.task.score.sign * (trial.value or 0.0))

    @property
    def best(self) -> Trial | None:
        """The best trial by cross-validated score, the baseline included, or None."""
        return next(iter(self.complete), None)

    def leaderboard(self) -> pd.DataFrame:
        """Return one row a trial, best first: scores on held-out rows, their spread over folds, time, parameters."""
        rows = []
        ranked = self.complete
        shown = {trial.name for trial in ranked}
        rest = [trial for trial in self.trials if trial.name not in shown]
        for trial in ranked + rest:
            outcome = trial.outcome
            row: dict[str, Any] = {"trial": trial.name, "family": trial.family, "state": trial.state}
            row[self.task.score.name] = trial.value
            if outcome is not None:
                row["std"] = float(np.std(outcome.fold_values)) if outcome.fold_values else None
                row |= {k: v for k, v in outcome.scores.get("held_out", {}).items() if k != self.task.score.name}
                row |= {f"train_{k}": v for k, v in outcome.scores.get("train", {}).items()}
                row |= {"seconds": outcome.seconds, "reason": outcome.reason}
            row |= {f"params.{name}": value for name, value in trial.params.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def to_optuna(self, family: str) -> optuna.Study:
        """Return a family's Optuna study, for importances, plots and dashboards."""
        if family not in self.families:
            raise ValueError(f"family must be one of {', '.join(self.families)}, got {family!r}")
        return self.ledger.study(family)

    def ensemble(
        self,
        method: str = "auto",
        *,
        top: int = 5,
        joint: bool = False,
        max_mb: float | None = None,
        max_ms: float | None = None,
        seeds: int = 1,
        seed_time: float | str | None = None,
    ) -> StudyEnsemble:
        """Combine the best models of the study from their stored held-out predictions.

        Nothing is trained, but for the joint model and more seeds when they are asked for.

        Args:
            method: `"auto"`, which tries several and explains its choice, or a name in `ensembles.METHODS` or
                `ensembles.STACKS`, such as `"uniform"`, `"greedy"` or `"nelder_mead"`; or `"joint"`, the joint
                wide-and-deep model of the best trees and the best network, which is trained if it was not.
            top: At most so many trials of each family are candidates.
            joint: Whether `"auto"` tries the joint model too.
            max_mb: The members' files may have so many megabytes together.
            max_ms: The members may need so many milliseconds together for a row, measured one by one on this machine.
            seeds: Train the best configuration of each family with more seeds, until it has so many.
            seed_time: Begin no such training after so long: seconds, or text such as `"10m"`.
        """
        from tuner.ensembling import build_ensemble

        return build_ensemble(
            self, method, top=top, joint=joint, max_mb=max_mb, max_ms=max_ms, seeds=seeds, seed_time=seed_time
        )

    def attempt_folder(self, trial: Trial) -> Path:
        """Return the folder of the attempt that finished."""
        assert trial.outcome is not None
        return self.folder / "trials" / trial.name / str(trial.outcome.attempt)

    def has_models(self, trial: Trial) -> bool:
        """Return whether the trial's fold models are still on disk."""
        folder = self.attempt_folder(trial)
        return all((folder / f"fold-{k}" / "model.json").exists() for k in range(len(self.task.folds)))

    def config(self, trial: Trial) -> Config:
        """Return a trial's configuration, nested as its space is."""
        stored = read_study_file(self.folder)["families"][trial.family]["space"]
        return configure(from_json(stored), trial.params)

    def library(self, trial: Trial) -> str:
        """Return what a trial's models are of: `"keras"`, `"xgboost"` or `"sklearn"`."""
        return str(json.loads((self.attempt_folder(trial) / "fold-0" / "model.json").read_text())["library"])

    def summary(self, limit: str | None = None) -> str:
        """Say in one line what limited the study, whether it still improved, and what failed."""
        run = [trial for trial in self.trials if not trial.duplicate and trial.family != BASELINE and trial.outcome]
        failed = [trial for trial in run if trial.state == "failed"]
        parts = [limit or f"{len(run)} trials", _trend(run, self.task.score.sign)]
        if failed:
            reasons = sorted({str(trial.outcome.reason) for trial in failed if trial.outcome})
            parts.append(f"{len(failed)} of {len(run)} failed: {', '.join(reasons)}")
        first, *more = [part for part in parts if part]
        return "; ".join([f"{first}, {more[0]}" if more else first, *more[1:]])


def load_study(folder: str | Path, *, metrics: Sequence[Metric] = ()) -> Study:
    """Open a study's folder, without training anything.

    Args:
        folder: The folder.
        metrics: The user's own metrics, if it used any: functions are not stored.

    Raises:
        StudyError: The folder holds no study.
    """
    folder = Path(folder)
    stored = read_study_file(folder)
    task = Task.open(folder / "data", metrics)
    spaces = {family: from_json(entry["space"]) for family, entry in stored["families"].items()}
    return _open(folder, task, spaces, seed=stored["seed"], sampler="optuna.random", pruner=None)


def read_study_file(folder: Path) -> dict[str, Any]:
    """Return what `study.json` says.

    Raises:
        StudyError: There is none, or it is of a newer format.
    """
    path = folder / "study.json"
    if not path.is_file():
        near = sorted(p.parent.name for p in folder.parent.glob("*/study.json")) if folder.parent.is_dir() else []
        hint = f"; in {folder.parent} there are {', '.join(near)}" if near else ""
        raise StudyError(f"{folder} holds no study{hint}")
    stored: dict[str, Any] = json.loads(path.read_text())
    if stored["format"] > FORMAT:
        raise StudyError(
            f"{folder} was written by a newer version (format {stored['format']}, this one reads {FORMAT})"
        )
    return stored


def begin_or_continue(
    folder: Path,
    task: Task,
    families: Mapping[str, Family],
    spaces: Mapping[str, Space],
    *,
    seed: int,
    sampler: Any,
    pruner: Any,
) -> Study:
    """Begin a study in a folder, or continue the one that is there.

    Raises:
        StudyError: The folder holds a study of other data, split, metric, seed or spaces; the message says which.
    """
    if (folder / "study.json").exists():
        stored = read_study_file(folder)
        if stored["format"] < FORMAT:
            raise StudyError(
                f"{folder} was begun by an earlier version (format {stored['format']}, this one writes {FORMAT}): it "
                "can be read and made an ensemble of, but not continued; choose another folder"
            )
        if differences := list(_differences(stored, task, families, spaces, seed)):
            raise StudyError(
                f"{folder} holds another study: {'; '.join(differences)}. Choose another folder or restore it"
            )
    else:
        if folder.exists() and any(path for path in folder.iterdir() if path.name not in (".lock", "data")):
            raise StudyError(f"{folder} is not empty and holds no study: choose another folder")
        stored = {"format": FORMAT, "id": uuid.uuid4().hex, "seed": seed, "task": task.describe(), "families": {}}
        task.save(folder / "data")
    for name, space in spaces.items():
        stored["families"][name] = {"space": to_json(space), "digest": digest(space), "source": families[name].source}
    part = folder / "study.json.part"
    part.write_text(json.dumps(stored, indent=1))
    part.replace(folder / "study.json")
    every = {name: from_json(entry["space"]) for name, entry in stored["families"].items()}
    return _open(folder, task, every, seed=seed, sampler=sampler, pruner=pruner)


def _open(folder: Path, task: Task, spaces: Mapping[str, Space], *, seed: int, sampler: Any, pruner: Any) -> Study:
    maximize = task.score.metric.greater_is_better
    ledger = Ledger(folder / "ledger.db", seed=seed, maximize=maximize, pruner=make_pruner(pruner))
    for name, space in spaces.items():
        ledger.open(name, space, sampler_maker(sampler if space else "optuna.random", space))
    names = tuple(sorted(spaces, key=lambda name: name != BASELINE))
    return Study(folder, task, ledger, names)


def _differences(
    stored: Mapping[str, Any], task: Task, families: Mapping[str, Family], spaces: Mapping[str, Space], seed: int
) -> Iterator[str]:
    old, new = stored["task"], json.loads(json.dumps(task.describe()))
    for name in ("target", "metric", "split", "seed"):
        if old[name] != new[name]:
            yield f"its {name} is {old[name]!r}, not {new[name]!r}"
    if old["metrics"] != new["metrics"]:
        yield f"its metrics are {_names(old['metrics'])}, not {_names(new['metrics'])}"
    if old["digest"] != new["digest"] and old["split"] == new["split"] and old["seed"] == new["seed"]:
        yield f"its data differ (has {old['rows']} + {old['test_rows']} rows, not {new['rows']} + {new['test_rows']})"
    if stored["seed"] != seed:
        yield f"its seed is {stored['seed']}, not {seed}"
    for name, space in spaces.items():
        known = stored["families"].get(name)
        if known is not None and known["digest"] != digest(space):
            yield f"the space of {name} changed"
        if known is not None and known["source"] != families[name].source:
            yield f"the builder of {name} changed"


def _names(metrics: Sequence[Any]) -> str:
    return ", ".join(one if isinstance(one, str) else f"{one['name']} {one['parts']}" for one in metrics)


def _trend(run: Sequence[Trial], sign: int) -> str:
    """Say whether the best value was still improving in the last fifth of the trials."""
    values = [sign * trial.value for trial in run if trial.value is not None]
    if len(values) < 5:
        return ""
    best_at = int(np.argmin(values))
    late = len(values) - 1 - best_at
    return "best still improving" if late <= max(1, len(values) // 5) else f"no better in the last {late} trials"
