"""The data and the twenty configurations that all sides of the KerasTuner comparison share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from spaces.families.catalog import FAMILIES
from spaces.language.narrow import narrow
from spaces.language.space import Config, Space, defaults, sample
from tuner.task.folds import make_folds
from tuner.task.task import Task

BATCH_SIZES = (32, 64)
_SEED = 20


def digits_task() -> Task:
    """Return the task: scikit-learn's digits, one fifth held out."""
    data = load_digits(as_frame=True)
    return Task(data.data, data.target, split={"kind": "holdout", "share": 0.2})


def changes(epochs: int) -> dict[str, Any]:
    """Return what is narrowed in the `dense` space, so that every side can do the same."""
    return {
        "scaling": "standard",
        "shape": "rectangle",
        "residual": False,
        "activation": ["relu", "swish"],
        "batch_normalization": False,
        "penalty": "none",
        "units": {"high": 512},
        "dropout": ["some"],
        "optimizer": ["adam"],
        "weight_averaging": "none",
        "schedule": "constant",
        "batch_size": {"low": BATCH_SIZES[0], "high": BATCH_SIZES[-1], "default": BATCH_SIZES[-1]},
        "epochs": epochs,
        "patience": epochs,  # never stops early, yet restores the best weights
    }


def digits_space(task: Task, epochs: int) -> Space:
    """Return the narrowed space."""
    return narrow(FAMILIES["dense"].space(task.signature), changes(epochs))


def draw_configs(space: Space, count: int) -> list[Config]:
    """Draw configurations with a fixed seed; the first is the default, with which our studies begin."""
    rng = np.random.default_rng(_SEED)
    drawn = [
        sample(space, rng) | {"batch_size": BATCH_SIZES[int(rng.integers(len(BATCH_SIZES)))]} for _ in range(count - 1)
    ]
    return [defaults(space), *drawn]


def arrays(task: Task) -> dict[str, NDArray[Any]]:
    """Return what a side without our preprocessing trains on: the same rows, standardised once for all trials.

    `train` learns weights, `inner` chooses the best epoch, `held_out` scores.
    """
    ((fold, held_out),) = make_folds(task)
    parts = {"train": fold.train, "inner": fold.inner, "held_out": held_out}
    scaler = StandardScaler().fit(fold.train.table.numbers)
    matrices = {f"{name}_x": scaler.transform(rows.table.numbers).astype(np.float32) for name, rows in parts.items()}
    return matrices | {f"{name}_y": rows.target for name, rows in parts.items()}
