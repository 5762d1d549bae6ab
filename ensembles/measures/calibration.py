"""How well probabilities fit what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS = 15


@dataclass(frozen=True)
class Calibration:
    """How well probabilities fit what happened; all lower is better.

    Attributes:
        log_loss: The log loss.
        brier_score: The mean squared distance to what happened; halved for two classes, as scikit-learn does.
        expected_calibration_error: The mean distance between how sure the most probable class was said to be and how
            often it was right, over 15 bins of equal width.
    """

    log_loss: float
    brier_score: float
    expected_calibration_error: float


def calibration(probabilities: NDArray[Any], target: NDArray[Any]) -> Calibration:
    """Measure the calibration of probabilities `(rows, classes)` against class indices `(rows,)`."""
    from sklearn.metrics import brier_score_loss, log_loss

    classes = probabilities.shape[1]
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)  # of float32 rounding
    labels = np.arange(classes)
    brier = brier_score_loss(target, probabilities, labels=labels, scale_by_half="auto")
    error = expected_calibration_error(probabilities, target)
    return Calibration(float(log_loss(target, probabilities, labels=labels)), float(brier), error)


def expected_calibration_error(probabilities: NDArray[Any], target: NDArray[Any]) -> float:
    """Return the expected calibration error; see `Calibration`.

    >>> expected_calibration_error(np.array([[0.1, 0.9]] * 10), np.array([1] * 9 + [0])) < 1e-12
    True
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == target
    bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    off = np.bincount(bins, weights=sure - right, minlength=_BINS)
    return float(np.abs(off).sum() / len(target))
