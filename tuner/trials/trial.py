"""One trial: train one configuration on every fold, predict the held-out rows, seal the result."""

from __future__ import annotations

import json
import math
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Undefined
from spaces.engines.clock import Clock, NoTime
from spaces.engines.contract import Fitted, Fold, Look, Model, ShippingError, Watch
from spaces.engines.curves import Curve, curves_to_json, labelled
from spaces.families.family import Family
from spaces.machine.disk import lacks_room
from spaces.machine.peak import begin_peak, peak_bytes
from spaces.rows.outputs import no_probabilities
from spaces.rows.table import Rows
from tuner.scoring.score import Score, mean_scores, scored_rows
from tuner.seeds import derive_seed
from tuner.task.task import Task
from tuner.trials.guests import restored_state
from tuner.trials.metric_curves import MetricCurves
from tuner.trials.outcome import Job, Outcome, not_its_fault, overtaken, seal
from tuner.trials.pace import Pace
from tuner.trials.scored_folds import scored_folds
from tuner.trials.sealed_folds import SealedFold, take_over, unseal

RUNGS = (0.125, 0.25, 0.5)
_MOST_SEEN = 2000  # training rows whose scores are shown beside those of held-out rows
TRACEBACK = "traceback.txt"  # in the folder of an attempt that raised

Report = Callable[[int, float], bool]
Log = Callable[[int, int, Mapping[str, float]], None]
Pause = Callable[[bool], None]


class Pruned(Exception):
    """The pruner stopped the trial."""


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
    pause: Pause = lambda paused: None,
) -> Outcome:
    """Run one trial; whatever happens is its outcome, and the study goes on.

    Args:
        job: What to run.
        task: The task.
        folds: Its folds, from `make_folds`.
        family: The family of the job.
        report: Called with a step and the metric on inner rows; answers whether to prune.
        log: Called with fold, epoch and that epoch's numbers.
        pause: Called with True when the trial's time stands still, and with False when it goes on.

    Returns:
        The outcome, which is also sealed as `result.json` in the job's folder, written last, unless another attempt
        was begun meanwhile, as the driver had lost this one from sight.
    """
    started, began, clock = time.time(), time.monotonic(), Clock()
    clock.on_pause = pause
    begin_peak()
    folder = Path(job.folder).absolute()  # the builder may change the working directory
    folder.mkdir(parents=True, exist_ok=True)
    reported: dict[int, float] = {}

    def noted(step: int, value: float) -> bool:
        reported[step] = value
        return report(step, value)

    try:
        with restored_state(family.engines):
            outcome = _train(job, folder, task, folds=folds, family=family, report=noted, log=log, clock=clock)
    except (Pruned, NoTime) as pruned:
        outcome = Outcome("pruned", error=str(pruned))
    except NotFinite as error:
        outcome = Outcome("failed", error=str(error), reason="nan")
    except OutOfTime as error:
        outcome = Outcome("failed", error=str(error), reason="time")
    except (Exception, SystemExit) as error:  # the one place where anything may go wrong and the study must go on
        if _of_the_disk(error, folder):
            return _not_its_fault(folder, error)
        out_of_memory = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
        text = f"{type(error).__name__}: {str(error).strip()[:500]}"
        outcome = Outcome("failed", error=text, reason="memory" if out_of_memory else "error")
        with suppress(OSError):  # it only tells
            (folder / TRACEBACK).write_text(traceback.format_exc())
    seconds = time.monotonic() - began - clock.paused
    outcome = replace(outcome, seconds=seconds, started=started + clock.paused, attempt=job.attempt)
    outcome = replace(outcome, reports=tuple(reported.items()), memory=peak_bytes())
    if overtaken(folder):
        return outcome
    try:
        os.listdir(folder)  # one that is gone must not come back
        seal(folder, outcome)
    except OSError as error:
        if _of_the_disk(error, folder):
            return _not_its_fault(folder, error)
        raise
    unseal(folder)
    return outcome


def _of_the_disk(error: BaseException, folder: Path) -> bool:
    """Return whether the disk is full, or a trial's folder was deleted, moved or made read-only."""
    return lacks_room(error) or (isinstance(error, OSError) and not os.access(folder, os.W_OK))


def _not_its_fault(folder: Path, error: BaseException) -> Outcome:
    """Return that the disk failed; nothing is sealed, so the trial is run again."""
    with suppress(OSError):  # it may be read-only
        not_its_fault(folder)
    return Outcome("failed", error=str(error), reason="disk")


def _train(
    job: Job,
    folder: Path,
    task: Task,
    *,
    folds: Sequence[tuple[Fold, Rows]],
    family: Family,
    report: Report,
    log: Log,
    clock: Clock,
) -> Outcome:
    done = take_over(folder)
    pace = Pace(job, len(folds), [fold.stopped for fold in done], clock=clock)
    model = family.build(job.config, task.signature)
    seeded = [
        replace(
            fold,
            seed=derive_seed(job.seed, "fold", k),
            clock=clock,
            callbacks=family.callbacks,
            folder=folder / "callbacks" / f"fold-{k}",
        )
        for k, (fold, _) in enumerate(folds)
    ]
    watch = _Watch(task, seeded, report=report, log=log, pace=pace, fold=len(done))
    scoring = scored_folds(task)
    for k in range(len(done)):
        _report_fold(report, done[: k + 1], last=k + 1 == len(seeded))
    for k, fitted in enumerate(_rest(model, seeded, watch, done=len(done)), len(done)):
        pace.trained()
        last = k + 1 == len(seeded)
        done.append(_scored(fitted, task, (seeded[k], folds[k][1]), scores=k in scoring, fold=k))
        done[-1] = replace(done[-1], curves=curves_to_json({**fitted.curves, **watch.metrics.curves}))
        if model.stops_early and not last:
            inner = _defined(task.score, seeded[k].inner, fitted.predict(seeded[k].inner.table))
            done[-1] = replace(done[-1], inner=inner)
        done[-1] = replace(done[-1], stopped=pace.stopped[-1])
        (folder / f"fold-{k}").mkdir(exist_ok=True)
        fitted.save(folder / f"fold-{k}")
        done[-1].seal(folder, k)
        _report_fold(report, done, last=last)
        watch.next_fold()
        pace.next_fold()
    return _finished(folder, task, done)


def _scored(fitted: Fitted, task: Task, rows: tuple[Fold, Rows], *, scores: bool, fold: int) -> SealedFold:
    """Return what a model predicts of a fold's held-out rows, and every metric there and on its training rows."""
    of, held_out = rows
    predictions = _checked(fitted, held_out, "held-out rows")
    if complaint := no_probabilities(predictions, task.target):
        raise ShippingError(complaint)
    found = scored_rows(task.scores, held_out, predictions)
    seen = _some_of(of.full, task)
    train = scored_rows(task.scores, seen, _checked(fitted, seen, "training rows"))
    if scores and task.score.name not in found:
        _refuse_undefined(task.score, held_out, predictions, fold=fold)
    value = _finite(task.score, found, fold) if scores else None
    return SealedFold(predictions, value, found, train, curves=[])


def _some_of(rows: Rows, task: Task) -> Rows:
    """Return the training rows that are scored, the same for all trials: 2,000 at most, but groups as they are."""
    count = len(rows.target)
    if count <= _MOST_SEEN or task.groups is not None:
        return rows
    if task.ordered:
        return rows.take(np.arange(count - _MOST_SEEN, count))
    return rows.take(np.sort(np.random.default_rng(task.seed).choice(count, _MOST_SEEN, replace=False)))


def _rest(model: Model, folds: Sequence[Fold], watch: Watch, *, done: int) -> Iterator[Fitted]:
    """Train the folds that an earlier attempt did not finish."""
    beside = tuple(folds[:done])
    return model.fit([replace(fold, beside=beside) for fold in folds[done:]], watch) if done < len(folds) else iter(())


def folds_in(step: int) -> int:
    """Return of how many folds the value at a step is the mean: 0 for the rungs within the first.

    >>> [folds_in(step) for step in range(5)]
    [0, 0, 0, 1, 2]
    """
    return max(0, step - len(RUNGS) + 1)


def _report_fold(report: Report, done: Sequence[SealedFold], *, last: bool) -> None:
    """Report the mean over folds so far, of the inner rows; a fold in which it is undefined is no step."""
    values = [value for fold in done for value in fold.inner]
    if done[-1].inner and not last:
        _report(report, len(RUNGS) + len(values) - 1, float(np.mean(values)))


def _finished(folder: Path, task: Task, done: Sequence[SealedFold]) -> Outcome:
    """Write predictions and curves, and return the outcome of a trial all of whose folds are done."""
    _write_predictions(folder, task, [fold.predictions for fold in done])
    (folder / "curves.json").write_text(json.dumps([fold.curves for fold in done]))
    means = {
        "held_out": mean_scores([fold.held_out for fold in done]),
        "train": mean_scores([fold.train for fold in done]),
    }
    outcome = Outcome(
        "complete",
        fold_values=tuple(fold.value for fold in done),
        inner_values=tuple(value for fold in done for value in fold.inner),
        stopped=tuple(fold.stopped for fold in done),
    )
    value = float(np.mean(outcome.scored))
    return replace(outcome, value=value, scores={**means, "held_out": {**means["held_out"], task.score.name: value}})


class _Watch:
    """Passes epochs on to the log, and the rungs of the first fold to the pruner."""

    def __init__(self, task: Task, folds: Sequence[Fold], *, report: Report, log: Log, pace: Pace, fold: int) -> None:
        self._task, self._folds, self._report, self._log, self._pace = task, folds, report, log, pace
        self._fold, self._rung = fold, 0
        self.metrics = self._of_fold()

    def __call__(self, step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
        if time.monotonic() > self._pace.hangs:
            raise OutOfTime("the trial did not stop when its time was over")
        shown = labelled(curves)
        for name, value in shown.items():
            if math.isnan(value):
                raise NotFinite(f"{name} is NaN in epoch {step} of fold {self._fold}")
        self._log(self._fold, step, shown | labelled(self.metrics.look(step, steps, curves, predict=predict)))
        fraction = (step + 1) / steps
        if self._fold == 0 and self._rung < len(RUNGS) and fraction >= RUNGS[self._rung]:
            while self._rung < len(RUNGS) and fraction >= RUNGS[self._rung]:
                self._rung += 1
            for value in _defined(self._task.score, self._folds[0].inner, predict()):
                _report(self._report, self._rung - 1, value)

    def next_fold(self) -> None:
        self._fold += 1
        if self._fold < len(self._folds):
            self.metrics = self._of_fold()

    def _of_fold(self) -> MetricCurves:
        fold = self._folds[min(self._fold, len(self._folds) - 1)]
        return MetricCurves(self._task.scores, _some_of(fold.train, self._task), fold.inner)


def _refuse_undefined(score: Score, rows: Rows, predictions: NDArray[Any], *, fold: int) -> None:
    """Say why the deciding metric says nothing of a fold that scores all trials."""
    try:
        score.of(rows, predictions)
    except Undefined as error:
        raise Undefined(f"{score.name} is undefined in fold {fold} for these predictions: {error}") from error


def _finite(score: Score, found: Mapping[str, float], fold: int) -> float:
    if not math.isfinite(found[score.name]):
        raise NotFinite(f"{score.name} of fold {fold} is {found[score.name]}")
    return found[score.name]


def _defined(score: Score, rows: Rows, predictions: NDArray[Any]) -> list[float]:
    """Return the metric of these rows, alone in a list, which is empty where it is undefined: no report then."""
    try:
        return [score.of(rows, predictions)]
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
