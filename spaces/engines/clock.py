"""The time that a training may take: engines ask whether it is over, stop, and keep the best so far."""

from __future__ import annotations

import math
import time


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

    def set(self, seconds: float, most: int | None = None) -> None:
        """Begin anew: it is over in so many seconds, or after so many steps."""
        self.until, self.most, self.stopped = time.monotonic() + seconds, most, None

    def lend(self, other: Clock, *, parts: int) -> None:
        """Set the clock of the next of so many trainings that share the time that is left."""
        other.set(self.left / parts)
