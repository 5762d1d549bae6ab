"""Hours of a weather that is easy to forecast, and a task of its windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

import tuner


def weather(days: int = 40, seed: int = 0) -> pd.DataFrame:
    """Hours of a temperature that wanders and rises every day, and a pressure that runs two hours ahead of it."""
    rng = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    wander = rng.normal(0, 0.4, len(hours)).cumsum()
    time = pd.Timestamp("2026-03-01") + pd.to_timedelta(hours, unit="h")
    holiday = rng.random(len(hours)) < 0.05
    temperature = 10 + wander + 5 * np.sin(hours / 24 * 2 * np.pi) + 6 * holiday
    return pd.DataFrame(
        {"time": time, "temperature": temperature, "pressure": np.roll(wander, -2), "holiday": holiday.astype(int)}
    )


def make_task(frame: pd.DataFrame | None = None, **changes: object) -> tuner.Task:
    given = {"window": 24, "horizon": 3, "time": "time", "known": ["holiday"], "test": 0.2, **changes}
    return tuner.series_task(weather() if frame is None else frame, "temperature", **given)
