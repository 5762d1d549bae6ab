"""Logarithms of probabilities that may be 0 or 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

# Models may say 0 of what then happens; one such row must not decide everything.
SMALLEST = 1e-7


def summing_to_one(said: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities `(rows, classes)` as float64 whose rows sum to one, as exactly as that can be.

    What a library says as float32 sums to one within 1e-7 only, which scikit-learn's metrics complain of. What is far
    from one is no rounding: it is left as it is, for whoever checks.

    Args:
        said: `(rows, classes)`, or `(rows, 1)`, the probability of the second of two classes.

    >>> summing_to_one(np.array([[0.25], [1.0]], dtype=np.float32))
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    exact = said.astype(np.float64)
    if exact.shape[1] == 1:
        return np.hstack([1 - exact, exact])
    total = exact.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = exact / total if np.allclose(total, 1, atol=1e-4) else exact
    return found


def log_probabilities(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, those below 1e-7 counted as 1e-7."""
    clipped: NDArray[np.float64] = np.log(np.clip(probabilities, SMALLEST, 1.0))
    return clipped


def log_odds(probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return the log odds of probabilities, kept 1e-7 away from 0 and 1."""
    found: NDArray[np.float64] = logit(np.clip(probabilities, SMALLEST, 1 - SMALLEST, dtype=np.float64))
    return found


def scores_of(predictions: NDArray[Any]) -> NDArray[np.float64]:
    """Return what linear models add up, `(..., scores)`: values, log odds of two classes, or centred log probabilities.

    Args:
        predictions: `(..., 1)` values or `(..., classes)` probabilities.
    """
    if predictions.shape[-1] == 1:
        return predictions.astype(np.float64)
    if predictions.shape[-1] == 2:
        return log_odds(predictions[..., 1:])
    logs = log_probabilities(predictions)
    centred: NDArray[np.float64] = logs - logs.mean(axis=-1, keepdims=True)
    return centred
