"""The time that a training may take: engines ask whether it is over, stop, and keep the best so far."""

from __future__ import annotations

import math
import time


class NoTime(Exception):
    """The time was over before there was anything to keep; the message says how far it went."""


class Clock:
    """Says when a training is to stop; it may be set again for the next fold.

    Args:
        until: When, as `time.monotonic()`.
        most: After how many epochs, rounds or trees at the latest, as when a training that was stopped is repeated.

    Attributes:
        stopped: The epochs, rounds or trees after which it stopped a training, or None.

    >>> Clock().over(3), Clock(until=0.0).over(3)
    (False, True)
    """

    def __init__(self, until: float = math.inf, most: int | None = None) -> None:
        self.until, self.most = until, most
        self.stopped: int | None = None
        self._parts = 1

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
