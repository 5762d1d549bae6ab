"""One model of all rows, with the configuration of a trial: nothing is held out to score it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from spaces.engines.clock import Clock
from spaces.engines.contract import Fold
from spaces.families.family import Family
from spaces.machine.disk import lacks_room, replaced
from tuner.task.task import Task
from tuner.trials.guests import restored_state
from tuner.trials.outcome import Job, Outcome
from tuner.trials.trial import NotFinite

_MOST_SEEN = 2_000  # rows that a model predicts before it is kept


def run_on_all_rows(job: Job, task: Task, family: Family) -> Outcome:
    """Train the model of a job, as long as its time lasts; whatever happens is its outcome, which nobody seals.

    A model that the clock stops is not kept: it has learned less than those of the folds.
    """
    started, began = time.time(), time.monotonic()
    clock = Clock(began + job.seconds)
    clock.ends = began + job.left
    try:
        kept = train_on_all_rows(job, task, family, clock=clock)
        outcome = Outcome("complete") if kept else Outcome("pruned", error="its time was over")
    except (Exception, SystemExit) as error:  # as in a trial: the study has all that it needs without it
        reason = "disk" if lacks_room(error) else "error"
        outcome = Outcome("failed", error=f"{type(error).__name__}: {str(error).strip()[:500]}", reason=reason)
    return replace(outcome, seconds=time.monotonic() - began, started=started)


def train_on_all_rows(job: Job, task: Task, family: Family, *, clock: Clock) -> bool:
    """Train a configuration on all rows, write the model into the job's folder, whole or not at all, and say whether.

    Args:
        job: What to train, and for how long.
        task: The task.
        family: The family of the job.
        clock: When to stop.

    Raises:
        NotFinite: The model predicts NaN or infinite values, which would become the ensemble's.
    """
    some = task.rows.take(np.arange(1))  # not looked at
    assert job.on_all_rows is not None
    steps, clock.most = job.on_all_rows.steps, job.on_all_rows.most
    fold = Fold(task.rows, task.rows, some, job.seed, max(steps, default=None), steps, clock=clock)
    with restored_state(family.engines):
        model = family.build(job.config, task.signature)
        fitted = next(iter(model.fit([fold], lambda *_: None)))
        if clock.left <= 0:
            return False
        seen = task.rows.table.take(np.arange(min(len(task.rows), _MOST_SEEN)))
        if not np.isfinite(fitted.predict(seen)).all():
            raise NotFinite("predictions of training rows hold NaN or infinite values")
        with replaced(Path(job.folder).absolute()) as part:
            part.mkdir()
            fitted.save(part)
    return True
