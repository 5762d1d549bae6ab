"""A small real table, and a quick family."""

from __future__ import annotations

import numpy as np
import pandas as pd

SMALL_XGBOOST = {"n_estimators": 30, "patience": 5}


def make_frame(rows: int = 160, seed: int = 0) -> pd.DataFrame:
    """A table of numbers, categories and a missing value here and there, with a binary target."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "y": rng.normal(size=rows),
            "colour": rng.choice(["red", "green", "blue"], rows),
        }
    )
    score = frame["x"] * 1.5 - frame["y"] + (frame["colour"] == "red") + rng.normal(scale=0.7, size=rows)
    frame["label"] = np.where(score > 0, "yes", "no")
    frame.loc[::17, "y"] = np.nan
    return frame
