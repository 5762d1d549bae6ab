"""One trial: train one configuration on every fold, predict the held-out rows, seal the result."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fitted, Fold, ShippingError
from spaces.engines.curves import Curve, curves_to_json, labelled
from spaces.families.family import Family
from spaces.rows.outputs import no_probabilities
from spaces.rows.table import Rows
from tuner.scoring.score import Score, Undefined, mean_scores, scored
from tuner.seeds import derive_seed
from tuner.task.task import Task
from tuner.trials.guests import restored_state
from tuner.trials.outcome import Job, Outcome, seal
from tuner.trials.pace import Pace
from tuner.trials.scored_folds import scored_folds

RUNGS = (0.125, 0.25, 0.5)


Report = Callable[[int, float], bool]


Log = Callable[[int, int, Mapping[str, float]], None]


class Pruned(Exception):
    """The pruner stopped the trial."""


TRACEBACK = "traceback.txt"  # in the folder of an attempt that raised


class NotFinite(ArithmeticError):
    """A loss or a prediction is NaN or infinite."""


class OutOfTime(Exception):
    """The trial ran longer than it may (where it cannot be killed: `workers=0`)."""


def run_trial(
    job: Job,
    task: Task,
    folds: Sequence[tuple[Fold, Rows]],
    *,
    family: Family,
    report: Report,
    log: Log,
) -> Outcome:
    """Run one trial; whatever happens is its outcome, and the study goes on.

    Args:
        job: What to run.
        task: The task.
        folds: Its folds, from `make_folds`.
        family: The family of the job.
        report: Called with a step and the metric on inner rows; answers whether to prune.
        log: Called with fold, epoch and that epoch's numbers.

    Returns:
        The outcome, which is also sealed as `result.json` in the job's folder, written last.
    """
    started, clock = time.time(), time.monotonic()
    folder = Path(job.folder).absolute()  # the builder may change the working directory
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with restored_state(family.engines):
            outcome = _train(job, folder, task, folds=folds, family=family, report=report, log=log)
    except Pruned as pruned:
        outcome = Outcome("pruned", error=str(pruned))
    except NotFinite as error:
        outcome = Outcome("failed", error=str(error), reason="nan")
    except OutOfTime as error:
        outcome = Outcome("failed", error=str(error), reason="time")
    except Exception as error:  # the one place where anything may go wrong and the study must go on
        out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
        text = f"{type(error).__name__}: {str(error).strip()[:500]}"
        outcome = Outcome("failed", error=text, reason="memory" if out_of_memory else "error")
        (folder / TRACEBACK).write_text(traceback.format_exc())
    outcome = replace(outcome, seconds=time.monotonic() - clock, started=started, attempt=job.attempt)
    seal(folder, outcome)
    return outcome


def _train(
    job: Job,
    folder: Path,
    task: Task,
    *,
    folds: Sequence[tuple[Fold, Rows]],
    family: Family,
    report: Report,
    log: Log,
) -> Outcome:
    pace = Pace(job, len(folds))
    model = family.build(job.config, task.signature)
    seeded = [
        replace(fold, seed=derive_seed(job.seed, "fold", k), clock=pace.clock) for k, (fold, _) in enumerate(folds)
    ]
    watch = _Watch(task.score, seeded, report=report, log=log, pace=pace)
    predictions, inner_values, curves = [], [], []
    values: list[float | None] = []
    scoring = scored_folds(task)
    scores: dict[str, list[dict[str, float]]] = {"held_out": [], "train": []}
    for k, fitted in enumerate(model.fit(seeded, watch)):
        pace.trained()
        held_out = folds[k][1]
        predictions.append(_checked(fitted, held_out, "held-out rows"))
        if complaint := no_probabilities(predictions[-1], task.target):
            raise ShippingError(complaint)
        scores["held_out"].append(_scores_of(task, held_out, predictions[-1]))
        scores["train"].append(_scores_of(task, seeded[k].full, _checked(fitted, seeded[k].full, "training rows")))
        values.append(_value(task.score, scores["held_out"][-1], k) if k in scoring else None)
        curves.append(curves_to_json(fitted.curves))
        (folder / f"fold-{k}").mkdir(exist_ok=True)
        fitted.save(folder / f"fold-{k}")
        if model.stops_early and k + 1 < len(seeded):
            inner_values += _defined(task.score, seeded[k].inner, fitted.predict(seeded[k].inner.table))
            if inner_values:
                _report(report, len(RUNGS) + k, float(np.mean(inner_values)))
        watch.next_fold()
        pace.next_fold()
    _write_predictions(folder, task, predictions)
    (folder / "curves.json").write_text(json.dumps(curves))
    means = {part: mean_scores(rows) for part, rows in scores.items()}
    outcome = Outcome("complete", fold_values=tuple(values), scores=means, inner_values=tuple(inner_values))
    outcome = replace(outcome, stopped=tuple(pace.stopped))
    value = float(np.mean(outcome.scored))
    return replace(outcome, value=value, scores={**means, "held_out": {**means["held_out"], task.score.name: value}})


class _Watch:
    """Passes epochs on to the log, and the rungs of the first fold to the pruner."""

    def __init__(self, score: Score, folds: Sequence[Fold], *, report: Report, log: Log, pace: Pace) -> None:
        self._score, self._folds, self._report, self._log, self._pace = score, folds, report, log, pace
        self._fold = self._rung = 0

    def __call__(
        self, step: int, steps: int, curves: Mapping[Curve, float], predict: Callable[[], NDArray[Any]], /
    ) -> None:
        if time.monotonic() > self._pace.hangs:
            raise OutOfTime("the trial did not stop when its time was over")
        shown = labelled(curves)
        for name, value in shown.items():
            if math.isnan(value):
                raise NotFinite(f"{name} is NaN in epoch {step} of fold {self._fold}")
        self._log(self._fold, step, shown)
        fraction = (step + 1) / steps
        if self._fold == 0 and self._rung < len(RUNGS) and fraction >= RUNGS[self._rung]:
            while self._rung < len(RUNGS) and fraction >= RUNGS[self._rung]:
                self._rung += 1
            for value in _defined(self._score, self._folds[0].inner, predict()):
                _report(self._report, self._rung - 1, value)

    def next_fold(self) -> None:
        self._fold += 1


def _value(score: Score, found: Mapping[str, float], fold: int) -> float:
    """Return the deciding metric of a fold that scores all trials."""
    if score.name not in found:
        raise Undefined(f"{score.name} is undefined in fold {fold} for these predictions")
    if not math.isfinite(found[score.name]):
        raise NotFinite(f"{score.name} of fold {fold} is {found[score.name]}")
    return found[score.name]


def _scores_of(task: Task, rows: Rows, predictions: NDArray[Any]) -> dict[str, float]:
    return scored(task.scores, rows.target, predictions, sample_weight=rows.weight)


def _defined(score: Score, rows: Rows, predictions: NDArray[Any]) -> list[float]:
    """Return the metric, or nothing where it says nothing of these rows: the pruner then hears nothing of them."""
    try:
        return [score(rows.target, predictions, rows.weight)]
    except Undefined:
        return []


def _report(report: Report, step: int, value: float) -> None:
    if not math.isfinite(value):
        raise NotFinite(f"the metric on inner rows is {value} at step {step}")
    if report(step, value):
        raise Pruned(f"pruned at step {step}")


def _checked(fitted: Fitted, rows: Rows, what: str) -> NDArray[Any]:
    predictions = fitted.predict(rows.table)
    if not np.isfinite(predictions).all():
        raise NotFinite(f"predictions of {what} hold NaN or infinite values")
    return predictions


def _write_predictions(folder: Path, task: Task, predictions: Sequence[NDArray[Any]]) -> None:
    held_out = [held_out for _, held_out in task.folds]
    np.savez(
        folder / "held_out.npz",
        rows=np.concatenate(held_out),
        folds=np.repeat(np.arange(len(held_out)), [len(rows) for rows in held_out]),
        predictions=np.concatenate(predictions),
        digest=np.array(task.digest),
    )
