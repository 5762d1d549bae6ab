"""One driver with up to a thousand workers, simulated in one process: where it can no longer follow.

Measured on the real path: `tuner.tune`, its loop, the ledger in SQLite, the running ensemble, the real space of the
`dense` family, three folds, five reports a trial. Only the places where trials run are made up (`SimulatedSlots`): each
trial sleeps on a clock of its own, reports along the curve that `pretend` makes of its configuration, and leaves the
files that a worker would. No process is started, and MLflow is off: `mlflow_scale` measures that.

The clock. Workers take no time of this machine. The driver takes what it computes, in seconds of CPU of its thread:
while it does, the clock goes on and workers that ended wait. So the numbers do not depend on what else the machine
does, and a study of days takes minutes. What the driver waits for, a disk or a database, is not in them: `statements`
counts how often a trial asks the ledger, each time a round trip where it is in PostgreSQL.

How to read it. `asks a second` is how many trials the driver begins while workers wait for it; more trials than that do
not fit, however many workers there are. `wait` is the time from the end of a trial to the beginning of the next one on
that worker, `answer` from a report to its decision, medians and 95th percentiles in seconds. `busy` is the share of the
workers' time in which they train. The driver is the bottleneck where `busy` falls: with `n` workers and trials of `s`
seconds it has to begin `n / s` trials a second. The first trials, one a worker, are not counted. `ms a trial`
is what the driver computes for each, all of it: asking, five reports and their decisions, telling, the running
ensemble, limits and turns.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil
import sqlalchemy

import tuner
from benchmarks.database import database
from benchmarks.pretend import made_up_error, pretend_dense, pretend_task
from benchmarks.results import FOLDER
from spaces.families.catalog import BASELINE
from tuner.archive.report import print_table
from tuner.launch import loop
from tuner.task.task import Task
from tuner.trials.outcome import Job, Outcome, seal
from tuner.trials.slots import Finished, OnReport
from tuner.trials.trial import RUNGS, _write_predictions

CELLS = (  # store, sampler, workers, seconds of a trial
    ("SQLite", "optuna.random", 8, 600),
    ("SQLite", "optuna.random", 100, 600),
    ("SQLite", "optuna.random", 1_000, 600),
    ("SQLite", "optuna.random", 1_000, 60),
    ("SQLite", "optuna.tpe", 100, 600),
    ("SQLite", "optuna.tpe", 1_000, 600),
    ("PostgreSQL", "optuna.random", 100, 600),
)
KEPT = FOLDER / "slots_simulated.jsonl"
QUICK = (("SQLite", "optuna.random", 4, 60), ("SQLite", "optuna.random", 20, 60))
AFTER = 200  # trials that are counted, after the first one of each worker
_OF_THE_BASELINE = 2.0
_COLUMNS = (
    "store", "sampler", "workers", "trial s", "asks a second", "ms a trial", "statements", "wait", "wait 95 %",
    "answer", "answer 95 %", "busy", "MiB",
)  # fmt: skip


@dataclass(order=True)
class _Event:
    """Something that a worker says, at a time of the simulated clock."""

    when: float
    order: int
    job: Job = field(compare=False)
    step: int = field(compare=False)
    ended: float = field(compare=False)


@dataclass(frozen=True)
class Seen:
    """What happened to a worker between two trials: when one ended, and when the next one began."""

    begun: float
    wait: float
    trained: float


class SimulatedSlots:
    """Slots without processes, on a clock of their own.

    Args:
        task: The task.
        workers: How many there are.
        seconds: How long a trial trains, on average.
        on_report: The driver's answer to a report.
    """

    def __init__(self, task: Task, workers: int, seconds: float, *, on_report: OnReport) -> None:
        self.count, self._seconds, self._task, self._on_report = workers, seconds, task, on_report
        self._idle_since = [0.0] * workers  # of each idle worker, a heap
        self._events: list[_Event] = []
        self._order = itertools.count()
        self._clock, self._cpu = 0.0, 0.0
        self._lengths = np.random.default_rng(1)
        self.seen: list[Seen] = []
        self.answers: list[float] = []
        self.peak = 0
        self.driver_seconds = 0.0

    def start(self) -> None:
        """Let the clock run."""
        self._cpu = time.thread_time()

    def free(self) -> int:
        """Return how many workers are idle."""
        return len(self._idle_since)

    def submit(self, job: Job) -> None:
        """Begin a trial on the worker that waits the longest."""
        self._driver_worked()
        since = heapq.heappop(self._idle_since)
        length = self._seconds * float(self._lengths.lognormal(-0.125, 0.5))
        self.seen.append(Seen(self._clock, self._clock - since, length))
        self._say(job, 0, self._clock, length)
        self._cpu = time.thread_time()

    def poll(self, seconds: float) -> list[Finished]:
        """Hear all that was said by now, or else wait for the next word."""
        self._driver_worked()
        if self._events:
            self._clock = max(self._clock, self._events[0].when)
        until, finished = self._clock, []
        while self._events and self._events[0].when <= until:
            event = heapq.heappop(self._events)
            if event.step <= len(RUNGS) + 1:
                finished += self._reported(event)
            else:
                finished.append(self._over(event, pruned=False))
        self._cpu = time.thread_time()
        return finished

    def kill(self) -> None:
        """Forget all."""
        self._events.clear()

    def close(self) -> None:
        """Do nothing."""

    def _driver_worked(self) -> None:
        """Let the clock go on by what the driver computed since it left."""
        took = time.thread_time() - self._cpu
        self._clock += took
        self.driver_seconds += took
        if len(self.seen) % 100 == 0:
            self.peak = max(self.peak, psutil.Process().memory_info().rss)
        self._cpu = time.thread_time()

    def _say(self, job: Job, step: int, now: float, length: float) -> None:
        """Put the next word of a trial on the clock: a report at each rung and fold, or its end."""
        share = [*RUNGS, 1.0, 2.0, 3.0]
        before = share[step - 1] if step else 0.0
        folds = len(self._task.folds)
        when = now + (share[step] - before) / folds * length
        heapq.heappush(self._events, _Event(when, next(self._order), job, step, length))

    def _reported(self, event: _Event) -> list[Finished]:
        error = _error(event.job)
        self._cpu = time.thread_time()
        pruned = event.step < 5 and self._on_report(event.job, event.step, error * (1 + 0.5 ** (event.step + 1)))
        self._driver_worked()
        self.answers.append(self._clock - event.when)
        if pruned:
            return [self._over(event, pruned=True)]
        self._say(event.job, event.step + 1, self._clock, event.ended)
        return []

    def _over(self, event: _Event, *, pruned: bool) -> Finished:
        heapq.heappush(self._idle_since, event.when)
        outcome = Outcome("pruned", error=f"pruned at step {event.step}", seconds=event.ended)
        if not pruned:
            outcome = _trained(self._task, event.job, event.ended)
        seal(Path(event.job.folder), outcome)
        return Finished(event.job, outcome)


def _trained(task: Task, job: Job, seconds: float) -> Outcome:
    """Leave what a worker leaves, and return the outcome."""
    errors = [_error(job) + 0.001 * fold for fold in range(len(task.folds))]
    predictions = [
        task.rows.target[held_out][:, None] + error for (_, held_out), error in zip(task.folds, errors, strict=True)
    ]
    _write_predictions(Path(job.folder), task, predictions)
    value = statistics.mean(errors)
    scores = {"held_out": {"rmse": value}, "train": {"rmse": value}}
    return Outcome("complete", value, tuple(errors), scores, seconds=seconds, started=time.time())


def _error(job: Job) -> float:
    return _OF_THE_BASELINE if job.family == BASELINE else made_up_error(job.config, job.seed)


def run(*, quick: bool, repeats: int = 1) -> None:
    """Simulate, print and keep row by row, so that a run that was cut off goes on; it is not repeated."""
    rows = [] if quick or not KEPT.exists() else [json.loads(line) for line in KEPT.read_text().splitlines()]
    done = {(row["store"], row["sampler"], row["workers"], row["trial s"]) for row in rows}
    with database() as ledger:
        for cell in [cell for cell in (QUICK if quick else CELLS) if cell not in done]:
            store, sampler, workers, seconds = cell
            if store == "SQLite" or ledger is not None:
                told = None if store == "SQLite" else ledger
                found = _apart(sampler, workers, seconds, after=20 if quick else AFTER, ledger=told)
                rows.append({"store": store, "sampler": sampler, "workers": workers, "trial s": seconds, **found})
                if not quick:
                    with KEPT.open("a") as kept:
                        kept.write(json.dumps(rows[-1]) + "\n")
    print_table("One driver, simulated workers", _COLUMNS, [[_cell(row[name]) for name in _COLUMNS] for row in rows])


def _apart(*what: Any, **given: Any) -> dict[str, Any]:
    """Measure in a fresh process, whose memory no other cell has used."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, *what, **given).result()


def measure(sampler: str, workers: int, seconds: float, *, after: int, ledger: str | None = None) -> dict[str, Any]:
    """Run a study with simulated workers, and say how the driver followed."""
    gc.collect()
    made: list[SimulatedSlots] = []

    def slots_of(study: tuner.Study, plan: Any, *, on_report: OnReport, on_epochs: Callable[..., None]) -> Any:
        made.append(SimulatedSlots(study.task, workers, seconds, on_report=on_report))
        return made[0]

    before = psutil.Process().memory_info().rss
    statements = [0]
    with (
        tempfile.TemporaryDirectory() as temporary,
        mock.patch.object(loop, "slots_of", slots_of),
        _counting(statements),
    ):
        tuner.tune(
            pretend_task(), [pretend_dense()], sampler=sampler, trials=workers + after, folder=Path(temporary) / "s",
            ledger=ledger, tracking=None, progress=False,
        )  # fmt: skip
    return {
        **_summary(made[0], workers),
        "statements": statements[0] / len(made[0].seen),
        "MiB": (made[0].peak - before) / 2**20,
    }


@contextmanager
def _counting(statements: list[int]) -> Iterator[None]:
    """Count what is asked of databases while the block runs."""

    def count(*_: Any) -> None:
        statements[0] += 1

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", count)


def _summary(slots: SimulatedSlots, workers: int) -> dict[str, Any]:
    counted = slots.seen[workers + 1 :]
    waits = sorted(one.wait for one in counted)
    answers = sorted(slots.answers)
    return {
        "asks a second": _asks_a_second(slots.seen[1:workers]),
        "ms a trial": 1000 * slots.driver_seconds / len(slots.seen),
        "wait": statistics.median(waits),
        "wait 95 %": waits[int(0.95 * len(waits))],
        "answer": statistics.median(answers),
        "answer 95 %": answers[int(0.95 * len(answers))],
        "busy": 1 - sum(waits) / sum(one.wait + one.trained for one in counted),
    }


def _asks_a_second(first: list[Seen]) -> float:
    """Return how quickly the first trials began, while all workers waited."""
    return (len(first) - 1) / (first[-1].begun - first[0].begun)


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
