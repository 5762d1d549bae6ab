"""How many cores this process may use."""

from __future__ import annotations

import os
from functools import cache


@cache
def cores() -> int:
    """Return the number of cores this process may use: fewer than the machine's in a container or under `taskset`."""
    import joblib

    return int(joblib.cpu_count())


def threads() -> int:
    """Return how many threads one model may use: the study's share (`TUNER_THREADS`), or else every core."""
    return int(os.environ.get("TUNER_THREADS") or cores())
