"""Numbers brought near zero before they lose digits: float32 counts seconds since 1970 in steps of two minutes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

# So many interquartile ranges from zero, float32 still tells a millionth of the range apart.
_FAR = 16


class Centred(TransformerMixin, BaseEstimator):
    """Subtract the median of the training rows, in float64, from each column that is far from zero.

    A column is far if its median is more than 16 interquartile ranges away. Others, and what is missing, stay as they
    are.

    Attributes:
        centres_: What is subtracted from each column, `(columns,)`.
    """

    def fit(self, x: NDArray[np.float64], y: Any = None) -> Self:
        """Learn the medians of training rows, `(rows, columns)`, NaN allowed."""
        columns = np.asarray(x, dtype=np.float64).T
        self.centres_ = np.array([_centre(column[~np.isnan(column)]) for column in columns])
        return self

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns near zero."""
        return np.asarray(x, dtype=np.float64) - self.centres_


def _centre(known: NDArray[np.float64]) -> float:
    if not len(known):
        return 0.0
    low, median, high = np.quantile(known, (0.25, 0.5, 0.75))
    return float(median) if abs(median) > _FAR * (high - low) else 0.0
