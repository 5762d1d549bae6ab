"""The time that a training may take: engines ask whether it is over, stop, and keep the best so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class NoTime(Exception):
    """The time was over before there was anything to keep; the message says how far it went."""


class Clock:
    """Says when a training is to stop; it may be set again for the next fold.

    Args:
        until: When, as `time.monotonic()`.
        most: After how many epochs, rounds or trees at the latest, as when a training that was stopped is repeated.

    Attributes:
        stopped: The epochs, rounds or trees after which it stopped a training, or None.
        paused: Seconds in which it stood still, since it was made.
        ends: When the study ends, as `time.monotonic()`; standing still does not move that.
        on_pause: Called with True when it stands still, and with False when it goes on.

    >>> Clock().over(3), Clock(until=0.0).over(3)
    (False, True)
    """

    def __init__(self, until: float = math.inf, most: int | None = None) -> None:
        self.until, self.most = until, most
        self.stopped: int | None = None
        self.paused, self.ends = 0.0, math.inf
        self.on_pause: Callable[[bool], None] = lambda paused: None
        self._parts = 1
        self._lender: Clock | None = None

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def over(self, steps: int, *, least: int = 1) -> bool:
        """Return whether to stop after so many epochs, rounds or trees, and note it.

        Args:
            steps: How many are done.
            least: A training never stops before so many.
        """
        if self.most is not None and steps >= self.most:
            self.note(steps)
            return True
        if steps < least or self.left > 0:
            return False
        self.note(steps)
        return True

    def note(self, steps: int | None) -> None:
        """Note after how many steps a training was stopped, if it was; of several the most."""
        if steps is not None:
            self.stopped = max(steps, self.stopped or 0)

    def set(self, seconds: float, most: int | None = None, *, parts: int = 1) -> None:
        """Begin anew: it is over in so many seconds, or after so many steps.

        Args:
            seconds: Until it is over.
            most: After how many steps at the latest.
            parts: How many trainings, this one among them, share the time that is left.
        """
        self.until, self.most, self.stopped = time.monotonic() + seconds, most, None
        self._parts = parts

    def once(self, seconds: float) -> None:
        """Let all trainings bear what the first has done for them, such as a trace."""
        self.until += seconds * (1 - 1 / self._parts)

    def lend(self, other: Clock, *, parts: int) -> None:
        """Set the clock of the next of so many trainings that share the time that is left."""
        other.set(self.left / parts)
        other.ends, other._lender = self.ends, self

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stand still while the block makes what is kept for other trials too: no training bears its seconds.

        Where the block raises, they count.
        """
        if self._lender is None:
            began = time.monotonic()
            self.on_pause(True)
            try:
                yield
            finally:
                self.on_pause(False)
        else:
            with self._lender.standing_still():
                began = time.monotonic()
                yield
        seconds = time.monotonic() - began
        self.until, self.paused = later(self.until, seconds, ends=self.ends), self.paused + seconds


def later(until: float, seconds: float, *, ends: float) -> float:
    """Return a moment so many seconds later, but not behind the end of the study.

    >>> later(10.0, 5.0, ends=12.0), later(10.0, 5.0, ends=20.0), later(10.0, 5.0, ends=8.0)
    (12.0, 15.0, 10.0)
    """
    return max(until, min(until + seconds, ends))
