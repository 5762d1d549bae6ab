"""Places where trials run: what the study asks of them.

A new place is a `Slots` beside this file, a branch in `tuner/launch/places.py`, and its arguments in
`tuner/launch/plan.py` and `tuner/launch/tune.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tuner.trials.outcome import Job, Outcome

OnReport = Callable[[Job, int, float], bool]

OnEpochs = Callable[[Job, list[tuple[int, int, dict[str, float], float]]], None]


class Finished(NamedTuple):
    """A job that ended; the outcome is None when its worker died."""

    job: Job
    outcome: Outcome | None


class Slots(Protocol):
    """What the study asks of the places where trials run."""

    @property
    def count(self) -> int:
        """How many trials run at once; known when they have started."""
        ...

    def start(self) -> None:
        """Make the slots ready, or begin to."""

    def free(self) -> int:
        """Return how many jobs can be submitted now."""
        ...

    def submit(self, job: Job) -> None:
        """Give a job to a free slot."""

    def poll(self, seconds: float) -> list[Finished]:
        """Wait until something happens, at most so long, and return the jobs that ended."""
        ...

    def kill(self) -> None:
        """End everything at once."""

    def close(self) -> None:
        """End idle workers in good order."""
