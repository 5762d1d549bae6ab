"""Weights of training rows: how much each counts, by the user's word and by its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.rows.table import Rows


def row_weights(config: Mapping[str, Any], rows: Rows) -> NDArray[np.float32] | None:
    """Return weights `(rows,)`, None where all rows count alike.

    Where `class_weight` is `"balanced"`, all classes count alike: a row's weight is divided by the sum of those of its
    class, as if each row were there as often as it weighs.
    """
    balanced = config.get("class_weight", "none") == "balanced"
    if not balanced:
        return None if rows.weight is None else rows.weight.astype(np.float32)
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight
    _, of = np.unique(rows.target, return_inverse=True)
    sums = np.bincount(of, weights=weight)
    balanced_weight: NDArray[np.float32] = (weight * weight.sum() / (len(sums) * sums[of])).astype(np.float32)
    return balanced_weight


def of_mean_one(weight: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """Return weights of mean one: a network's loss, and so its steps, is then as large as without weights."""
    return None if weight is None else weight / weight.mean(dtype=np.float64).astype(np.float32)
