"""Prediction intervals and sets that hold the truth as often as promised.

From how far an ensemble was off on rows that fitted neither its models nor its weights: if new rows are like those
(exchangeable), a share of at least `coverage` of them lies within the matching quantile of these distances. Vovk,
Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; across folds, Vovk, "Cross-conformal
predictors", Annals of Mathematics and Artificial Intelligence, 2015. The guarantee is for one model and rows set aside;
across folds it is what is seen in practice, and on the careful side, as new rows are predicted by the mean of all fold
models, which is off by a little less.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def distances(outputs: NDArray[np.float64], target: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far predictions are off, sorted: absolute errors, or one minus the probability of the true class.

    Args:
        outputs: `(rows, 1)` values or `(rows, classes)` probabilities, of rows that did not fit the ensemble.
        target: `(rows,)`, values or class indices.
    """
    if outputs.shape[1] == 1:
        return np.sort(np.abs(outputs[:, 0] - target))
    true = np.take_along_axis(outputs, target[:, None], axis=1)[:, 0]
    return np.sort(np.maximum(0.0, 1 - true))  # a sum of products may be above one by rounding


def radius(found: NDArray[np.float64], coverage: float) -> float:
    """Return the distance within which a new row lies with probability `coverage`, at least.

    Args:
        found: Sorted distances.
        coverage: Between 0 and 1.

    Raises:
        ValueError: The coverage is not between 0 and 1, or too near 1 for so few rows.

    >>> radius(np.arange(1.0, 100.0), 0.9)
    90.0
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {coverage!r}")
    rank = math.ceil((len(found) + 1) * coverage)
    if rank > len(found):
        raise ValueError(
            f"a coverage of {coverage:g} needs at least {math.ceil(coverage / (1 - coverage))} held-out rows, "
            f"there are {len(found)}: ask for at most {len(found) / (len(found) + 1):.3g}"
        )
    return float(found[rank - 1])


def intervals(outputs: NDArray[np.float64], found: NDArray[np.float64], coverage: float) -> NDArray[np.float64]:
    """Return `(rows, 2)`, the lower and upper ends around predicted values `(rows, 1)`."""
    half = radius(found, coverage)
    return np.hstack([outputs - half, outputs + half])


def label_sets(outputs: NDArray[np.float64], found: NDArray[np.float64], coverage: float) -> NDArray[np.bool_]:
    """Return `(rows, classes)`, which classes are in the set: those probable enough, and always the most probable."""
    sets: NDArray[np.bool_] = outputs >= 1 - radius(found, coverage)
    sets[np.arange(len(outputs)), outputs.argmax(axis=1)] = True
    return sets
