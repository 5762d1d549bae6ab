"""Numbers scaled by their quartiles, and clipped smoothly where they are far from the others.

Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data",
NeurIPS 2024.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

_BOUND, _FARTHEST = 3.0, 1e30


class SmoothlyClipped(TransformerMixin, BaseEstimator):
    """Bring the median of each column to 0 and its interquartile range to 1, and everything between -3 and 3.

    Where the quartiles are one value, the range of all values comes to 2; a constant column is 0.

    Attributes:
        centres_: The medians, `(columns,)`.
        factors_: What is multiplied, `(columns,)`.
    """

    def fit(self, x: NDArray[np.float64], y: Any = None) -> Self:
        """Learn the quartiles of every column, NaN-free, `(rows, columns)`."""
        least, low, self.centres_, high, most = np.quantile(np.asarray(x, np.float64), (0, 0.25, 0.5, 0.75, 1), axis=0)
        inner, whole = high - low, (most - least) / 2
        spread = np.where(inner > 0, inner, whole)
        self.factors_ = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > np.finfo(np.float64).tiny)
        return self

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns scaled and clipped."""
        return smoothly_clipped((np.asarray(x, np.float64) - self.centres_) * self.factors_)


def smoothly_clipped(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers between -3 and 3, those near zero nearly as they are.

    >>> smoothly_clipped(np.array([0.0, 0.1, 4.0, -1e300])).round(3).tolist()
    [0.0, 0.1, 2.4, -3.0]
    """
    near = np.clip(x, -_FARTHEST, _FARTHEST)
    return near / np.hypot(1.0, near / _BOUND)
