"""How the time of a trial is shared among its folds, so that none is left out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from spaces.engines.clock import Clock
from tuner.trials.outcome import Job

_FIRST_OVERHEAD = 0.1


class Pace:
    """The clock of a trial: training on each fold may take an equal share of what is left.

    Args:
        job: Says how long the trial may take.
        folds: How many folds there are.
        done: After how many steps the clock stopped each fold that an earlier attempt finished.

    Attributes:
        clock: Stops training; handed over with every fold.
        hangs: When the trial hangs, as `time.monotonic()`.
        stopped: After how many steps the clock stopped each fold that has ended.
    """

    def __init__(self, job: Job, folds: int, done: Sequence[int | None] = ()) -> None:
        now = time.monotonic()
        self._end, self.hangs, self._folds = now + job.seconds, now + job.patience, folds
        self._most = job.stopped or (None,) * folds
        self.clock, self.stopped = Clock(), list(done)
        self._overhead, self._trained = _FIRST_OVERHEAD * job.seconds / folds, now
        if len(self.stopped) < folds:
            self._begin_fold(now)

    def trained(self) -> None:
        """Note that a fold is trained; predicting, scoring and saving follow."""
        self._trained = time.monotonic()
        self.stopped.append(self.clock.stopped)

    def next_fold(self) -> None:
        """Begin the next fold."""
        now = time.monotonic()
        self._overhead = now - self._trained
        if len(self.stopped) < self._folds:
            self._begin_fold(now)

    def _begin_fold(self, now: float) -> None:
        seconds = fold_seconds(self._end - now, self._folds - len(self.stopped), self._overhead)
        self.clock.set(seconds, self._most[len(self.stopped)])


def fold_seconds(left: float, folds: int, overhead: float) -> float:
    """Return how long training on the next fold may take.

    Args:
        left: Seconds that are left of the trial.
        folds: How many folds are left.
        overhead: Seconds that a fold takes beside training.

    >>> fold_seconds(100.0, 4, 5.0)
    20.0
    """
    return math.inf if math.isinf(left) else max(0.0, left / folds - overhead)
