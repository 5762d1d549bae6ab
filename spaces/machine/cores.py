"""How many cores this process may use."""

from __future__ import annotations

import os
from functools import cache

_CELLS_A_THREAD = 250_000


@cache
def cores() -> int:
    """Return the number of cores this process may use: fewer than the machine's in a container or under `taskset`."""
    import joblib

    return int(joblib.cpu_count())


def crowding() -> float:
    """Return how many processes wanted each core of the machine in the last minute, this one's among them; at least 1.

    Work that computes takes about so many times longer than its computing.
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def threads() -> int:
    """Return how many threads one model may use: the study's share (`TUNER_THREADS`), or else every core."""
    return int(os.environ.get("TUNER_THREADS") or cores())


def threads_for(rows: int, columns: int) -> int:
    """Return how many threads boosted trees may use for so many values: each has a quarter of a million at least.

    Threads wait for each other several times a round. With few values this takes longer than the work, and on a busy
    machine ten times longer.
    """
    return max(1, min(threads(), rows * columns // _CELLS_A_THREAD))
