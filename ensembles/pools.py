"""Pools: how the predictions of several members become one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

Predictions = NDArray[Any]
Weights = NDArray[np.float64]
# Members may say 0 of what then happens; one such row must not decide everything.
SMALLEST = 1e-7


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


def log_linear_blend(predictions: Predictions, weights: Weights) -> NDArray[np.float64]:
    """Return the log-linear pool: the members' log probabilities, weighted, added and normalised again.

    A sum of weights above one makes the blend surer than its members (their errors differ), below one less sure.

    Args:
        predictions: `(members, rows, classes)`, probabilities.
        weights: `(members,)`, at least 0, of any sum.

    >>> log_linear_blend(np.array([[[0.8, 0.2]], [[0.8, 0.2]]]), np.array([1.0, 1.0])).round(3).tolist()
    [[0.941, 0.059]]
    """
    pooled: NDArray[np.float64] = softmax(np.tensordot(weights, log_probabilities(predictions), axes=1), axis=-1)
    return pooled


def log_probabilities(predictions: Predictions) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, those below 1e-7 counted as 1e-7."""
    clipped: NDArray[np.float64] = np.log(np.clip(predictions, SMALLEST, 1.0))
    return clipped


POOLS: dict[str, Callable[[Predictions, Weights], NDArray[np.float64]]] = {
    "linear": blend,
    "log_linear": log_linear_blend,
}
