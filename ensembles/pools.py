"""Pools: how the predictions of several members become one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Predictions = NDArray[Any]
Weights = NDArray[np.float64]


def blend(predictions: Predictions, weights: Weights) -> NDArray[np.float64]:
    """Return the linear pool, the weighted mean of members' predictions.

    Args:
        predictions: `(members, rows, outputs)`, probabilities or values.
        weights: `(members,)`, at least 0, of sum 1.

    >>> blend(np.array([[[0.0]], [[1.0]]]), np.array([0.25, 0.75])).item()
    0.75
    """
    pooled: NDArray[np.float64] = np.tensordot(weights, predictions, axes=1)
    return pooled
