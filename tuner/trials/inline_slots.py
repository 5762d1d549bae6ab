"""Trials that run in this very process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spaces.families.family import Family
from tuner.task.folds import make_folds
from tuner.task.task import Task
from tuner.trials.all_rows import run_on_all_rows
from tuner.trials.outcome import Job, begin_here
from tuner.trials.slots import Finished, OnEpochs, OnReport
from tuner.trials.trial import Log, run_trial


class InlineSlots:
    """Runs each trial in this process, when it is polled: for debuggers, notebooks and quick checks."""

    count = 1

    def __init__(
        self,
        task: Task,
        families: Mapping[str, Family],
        *,
        on_report: OnReport,
        on_epochs: OnEpochs,
    ) -> None:
        self._task, self._families = task, families
        self._on_report, self._on_epochs = on_report, on_epochs
        self._waiting: list[Job] = []

    def start(self) -> None:
        """Cut the folds."""
        self._folds = make_folds(self._task)

    def free(self) -> int:
        """Return 1 unless a job waits."""
        return 1 - len(self._waiting)

    def submit(self, job: Job) -> None:
        """Keep the job for the next poll."""
        self._waiting.append(job)

    def poll(self, seconds: float) -> list[Finished]:
        """Run the waiting job to its end."""
        if not self._waiting:
            time.sleep(seconds)
            return []
        job = self._waiting.pop()
        family = self._families[job.family]
        if job.on_all_rows is not None:
            return [Finished(job, run_on_all_rows(job, self._task, family))]
        begin_here(Path(job.folder))
        epochs: list[Any] = []
        log: Log = lambda fold, epoch, curves: epochs.append((fold, epoch, dict(curves), time.time()))  # noqa: E731
        outcome = run_trial(
            job,
            self._task,
            self._folds,
            family=family,
            report=lambda step, value: self._on_report(job, step, value),
            log=log,
        )
        return [Finished(job, outcome)]

    def kill(self) -> None:
        """Forget the waiting job."""
        self._waiting.clear()

    def close(self) -> None:
        """Do nothing: there is nothing to end."""
