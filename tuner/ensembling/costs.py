"""What a member costs: files on disk, and time for a prediction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ensembles.member import Member
from spaces.machine.disk import size_of

_TIMINGS = 5


def megabytes(member: Member) -> float:
    """Return the megabytes of a member's files."""
    return sum(map(size_of, member.folders)) / 1e6


def milliseconds(predict: Callable[[], Any]) -> float:
    """Return the least of several times that a prediction takes, after a first one that loads and traces."""
    predict()
    seconds = []
    for _ in range(_TIMINGS):
        start = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds)
