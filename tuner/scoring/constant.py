"""The prediction that is the same for every row: what the common-sense baseline says of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.rows.target import Target


def constant_prediction(target: Target, values: NDArray[Any], n_rows: int) -> NDArray[np.float64]:
    """Return the shares of classes, or the middle of the values, for so many rows, `(n_rows, outputs)`.

    Args:
        target: The target, or several as one.
        values: What it is learned from: class indices or values `(rows,)`; `(rows, targets)` of several.
        n_rows: The number of rows that are predicted.
    """
    if target.parts:
        said = [_middle(part, target.column(values, i)) for i, part in enumerate(target.parts)]
    else:
        said = [_middle(target, values)]
    outputs = np.concatenate(said)
    return np.broadcast_to(outputs, (n_rows, len(outputs)))


def _middle(target: Target, values: NDArray[Any]) -> NDArray[np.float64]:
    if target.classes:
        shares: NDArray[np.float64] = np.bincount(values, minlength=target.outputs) / len(values)
        return shares
    return np.array([np.median(values) if target.loss == "absolute_error" else np.mean(values)])
