"""How well probabilities fit what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import SampleWeight

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


def calibration(
    probabilities: NDArray[Any], target: NDArray[Any], *, sample_weight: SampleWeight = None
) -> Calibration:
    """Measure the calibration of probabilities.

    Args:
        probabilities: `(rows, classes)`.
        target: `(rows,)`, class indices.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
    """
    from sklearn.metrics import brier_score_loss, log_loss

    classes = probabilities.shape[1]
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)  # of float32 rounding
    given: dict[str, Any] = {"labels": np.arange(classes), "sample_weight": sample_weight}
    brier = brier_score_loss(target, probabilities, scale_by_half="auto", **given)
    error = expected_calibration_error(probabilities, target, sample_weight=sample_weight)
    return Calibration(float(log_loss(target, probabilities, **given)), float(brier), error)


def expected_calibration_error(
    probabilities: NDArray[Any], target: NDArray[Any], *, sample_weight: SampleWeight = None
) -> float:
    """Return the expected calibration error; see `Calibration`.

    >>> expected_calibration_error(np.array([[0.1, 0.9]] * 10), np.array([1] * 9 + [0])) < 1e-12
    True
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == target
    bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
    counts = np.ones(len(target)) if sample_weight is None else sample_weight
    off = np.bincount(bins, weights=counts * (sure - right), minlength=_BINS)
    return float(np.abs(off).sum() / counts.sum())
