"""Warm workers as the driver sees them, however they are reached: what they are told, what they run, and until when."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from spaces.engines.engine import environment_of
from spaces.families.family import Family
from tuner.scoring.metrics import own_metrics
from tuner.task.task import Task
from tuner.trials.outcome import Job
from tuner.trials.worker import Setup, pack

_BROKEN_BEFORE_GIVING_UP, _KILLED_BEFORE_GIVING_UP = 3, 20


@dataclass(eq=False, kw_only=True)
class Warm:
    """A worker's state, to which each kind of worker adds how it is reached.

    Attributes:
        ready: Whether it has started.
        job: What it runs; None while it is idle.
        deadline: When it hangs, in seconds of `time.monotonic`.
        latest: When it hangs though the trial's time stood still.
        left: The seconds until then, while the trial's time stands still.
    """

    ready: bool = False
    job: Job | None = None
    deadline: float = math.inf
    latest: float = math.inf
    left: float | None = None

    def begin(self, job: Job) -> None:
        """Note what it runs."""
        now = time.monotonic()
        self.job, self.left = job, None
        self.deadline, self.latest = now + job.patience, now + job.seconds + job.late

    def pause(self, paused: bool) -> None:
        """Let the trial's time stand still, or go on: what it makes for all trials is none of its own time."""
        now = time.monotonic()
        if paused:
            self.left, self.deadline = self.deadline - now, self.latest
        elif self.left is not None:
            self.deadline = min(now + self.left, self.latest)
            self.left = None

    def end(self) -> None:
        """Note that it is idle."""
        self.job, self.deadline = None, math.inf

    @property
    def hangs(self) -> bool:
        """Whether it runs longer than it may."""
        return self.job is not None and time.monotonic() > self.deadline


class Starts:
    """Counts workers that ended before they were ready, in a row."""

    def __init__(self) -> None:
        self._broken = self._killed = 0

    def succeeded(self) -> None:
        """Note that a worker is ready."""
        self._broken = self._killed = 0

    def failed(self, said: str | None) -> str | None:
        """Note that a worker ended, and return why to give up: soon where they end by themselves, later where killed.

        Args:
            said: What it said last; None where it was killed, or its node was lost.
        """
        if said is None:
            self._killed += 1
        else:
            self._broken += 1
        if self._broken >= _BROKEN_BEFORE_GIVING_UP:
            return f"workers cannot start; the last one said:\n{(said or '').strip()[-1500:]}"
        if self._killed >= _KILLED_BEFORE_GIVING_UP:
            return f"{self._killed} workers in a row were killed while starting, perhaps for want of memory"
        return None


W = TypeVar("W", bound=Warm)


def idle(workers: Iterable[W]) -> list[W]:
    """Return the workers that can take a job."""
    return [worker for worker in workers if worker.ready and worker.job is None]


def wait_at_most(workers: Sequence[Warm], seconds: float) -> float:
    """Return for how many seconds one may wait, at most so many, until the next worker hangs."""
    left = min((worker.deadline for worker in workers), default=math.inf) - time.monotonic()
    return max(0.0, min(seconds, left))


def setup_of(task: Task, families: Mapping[str, Family], *, folder: Path, threads: int) -> Setup:
    """Return what workers are told once.

    Args:
        task: The task, which is stored in the folder.
        families: The families that they train.
        folder: The study's folder.
        threads: How many threads a worker has.
    """
    path = [path for path in sys.path if path] + [os.getcwd()]
    payload = pack(families, own_metrics(task.scores))
    return Setup(path, str(folder / "data"), task.schema.kinds, payload, threads)


def environment_for(families: Mapping[str, Family], threads: int) -> dict[str, str]:
    """Return the variables that workers need before they import anything."""
    counts = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
    engines = environment_of(engine for family in families.values() for engine in family.engines)
    return {"TUNER_THREADS": str(threads), **counts, **engines}
