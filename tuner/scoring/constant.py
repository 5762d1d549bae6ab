"""The prediction that is the same for every row: what the common-sense baseline says of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import SampleWeight
from spaces.rows.target import Target


def constant_prediction(
    target: Target, values: NDArray[Any], n_rows: int, *, sample_weight: SampleWeight = None
) -> NDArray[np.float64]:
    """Return the shares of classes, or the middle of the values, for so many rows, `(n_rows, outputs)`.

    Args:
        target: The target, or several as one.
        values: What it is learned from: class indices or values `(rows,)`; `(rows, targets)` of several.
        n_rows: The number of rows that are predicted.
        sample_weight: `(rows,)`, how much each row counts in what is learned; all the same when left out.
    """
    if target.parts:
        predicted = [_middle(part, target.column(values, i), sample_weight) for i, part in enumerate(target.parts)]
    else:
        predicted = [_middle(target, values, sample_weight)]
    outputs = np.concatenate(predicted)
    return np.broadcast_to(outputs, (n_rows, len(outputs)))


def _middle(target: Target, values: NDArray[Any], sample_weight: SampleWeight) -> NDArray[np.float64]:
    if target.classes:
        sums = np.bincount(values, weights=sample_weight, minlength=target.outputs)
        shares: NDArray[np.float64] = sums / sums.sum()
        return shares
    if target.loss != "absolute_error":
        return np.array([np.average(values, weights=sample_weight)])
    if sample_weight is None:
        return np.array([np.median(values)])
    return np.array([np.quantile(values, 0.5, weights=sample_weight, method="inverted_cdf")])
