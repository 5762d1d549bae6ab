"""How the time of a trial is shared among its folds, so that none is left out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from spaces.engines.clock import Clock, NoTime, later
from tuner.trials.outcome import Job

_FIRST_BESIDE, _MOST_BESIDE = 0.1, 5.0  # of the time of a fold; seconds


class Pace:
    """The clock of a trial: training on each fold may take an equal share of what is left.

    Args:
        job: Says how long the trial may take.
        folds: How many folds there are.
        done: After how many steps the clock stopped each fold that an earlier attempt finished.
        clock: Stops training; handed over with every fold.

    Attributes:
        stopped: After how many steps the clock stopped each fold that has ended.
    """

    def __init__(self, job: Job, folds: int, done: Sequence[int | None] = (), *, clock: Clock | None = None) -> None:
        now = time.monotonic()
        self._job, self._began, self._folds = job, now, folds
        self._study_ends = now + job.left
        self._most = job.stopped or (None,) * folds
        self.clock, self.stopped = clock or Clock(), list(done)
        self.clock.ends = self._study_ends
        self._beside, self._trained = min(_MOST_BESIDE, _FIRST_BESIDE * job.seconds / folds), now
        if len(self.stopped) < folds:
            self._begin_fold(now)

    @property
    def hangs(self) -> float:
        """When the trial hangs, as `time.monotonic()`."""
        return self._began + self._job.patience + self.clock.paused

    @property
    def _end(self) -> float:
        """When its time is over: so much later as the clock stood still."""
        return later(self._began + self._job.seconds, self.clock.paused, ends=self._study_ends)

    def trained(self) -> None:
        """Note that a fold is trained; predicting, scoring and saving follow."""
        self._trained = time.monotonic()
        self.stopped.append(self.clock.stopped)

    def next_fold(self) -> None:
        """Begin the next fold.

        Raises:
            NoTime: The folds that are left would take too long (see `too_long`).
        """
        now = time.monotonic()
        self._beside = now - self._trained + max(0.0, self._trained - self.clock.until)
        if folds := self._folds - len(self.stopped):
            rest = folds * self._beside
            if not self._job.needed and too_long(rest, left=self._end - now, study=self._study_ends - now):
                raise NoTime(f"its time was over after {len(self.stopped)} of {self._folds} folds")
            self._begin_fold(now)

    def _begin_fold(self, now: float) -> None:
        folds = self._folds - len(self.stopped)
        seconds = fold_seconds(self._end - now, folds, self._beside)
        self.clock.set(seconds, self._most[len(self.stopped)], parts=folds)


def fold_seconds(left: float, folds: int, beside: float) -> float:
    """Return how long training on the next fold may take.

    Args:
        left: Seconds that are left of the trial.
        folds: How many folds are left.
        beside: Seconds that a fold takes beside what the clock may stop.

    >>> fold_seconds(100.0, 4, 5.0)
    20.0
    """
    return math.inf if math.isinf(left) else max(0.0, left / folds - beside)


def too_long(rest: float, *, left: float, study: float) -> bool:
    """Return whether a trial is given up, as it would not end in time though its next folds hardly trained.

    A trial that is late takes from others, but what it has done so far would be lost: it may take half of what is left
    of the study.

    Args:
        rest: What its folds that are left take beside what the clock may stop.
        left: Seconds that are left of the trial.
        study: Seconds that are left of the study.

    >>> too_long(8.0, left=10.0, study=10.0), too_long(8.0, left=5.0, study=20.0), too_long(8.0, left=5.0, study=10.0)
    (False, False, True)
    """
    return rest > max(left, study / 2)
