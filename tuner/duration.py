"""Durations as people write them."""

from __future__ import annotations

import re

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def seconds(duration: float | str, name: str = "duration") -> float:
    """Return a duration in seconds.

    Args:
        duration: Seconds, or text such as `"90s"`, `"20m"` or `"1h30m"`.
        name: What to call it in a complaint.

    Raises:
        ValueError: It is no duration, or not above zero.

    >>> seconds("1h30m")
    5400.0
    """
    if isinstance(duration, str):
        parts = re.findall(r"([\d.]+)\s*([dhms])", duration)
        if not parts or re.sub(r"[\d.]+\s*[dhms]|\s", "", duration):
            raise ValueError(f"{name} must be seconds or text such as '90s', '20m' or '1h30m', got {duration!r}")
        total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif isinstance(duration, bool) or not isinstance(duration, int | float):
        raise ValueError(f"{name} must be seconds or text such as '20m', got {duration!r}")
    else:
        total = float(duration)
    if not total > 0:
        raise ValueError(f"{name} must be above zero, got {duration!r}")
    return total
