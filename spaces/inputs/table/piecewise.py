"""Piecewise linear encoding of numbers, which lets a network see steps as trees do.

Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022. Knots
are quantiles of the *distinct* training values, so that a column that is mostly zero still has its tail resolved.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin


class PiecewiseLinear(TransformerMixin, BaseEstimator):
    """Turn each column into one column a piece, from 0 before the piece to 1 after it.

    Args:
        pieces: At most so many pieces a column; fewer for columns of few distinct values.

    Attributes:
        knots_: The ends of the pieces of each column, all columns one after the other.
        sizes_: The number of knots of each column.
    """

    def __init__(self, pieces: int = 96) -> None:
        self.pieces = pieces

    def fit(self, x: NDArray[np.float64], y: Any = None) -> Self:
        """Learn the knots of every column, NaN-free, `(rows, columns)`."""
        found = []
        for column in np.asarray(x, dtype=np.float64).T:
            distinct = np.unique(column)
            ends = np.quantile(distinct, np.linspace(0, 1, min(self.pieces, max(len(distinct) - 1, 1)) + 1))
            found.append(np.unique(ends))
        self.knots_ = np.concatenate(found)
        self.sizes_ = np.array([len(knots) for knots in found])
        return self

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `(rows, pieces of all columns)`; a constant column has none."""
        encoded = []
        for column, knots in zip(
            np.asarray(x, dtype=np.float64).T, np.split(self.knots_, np.cumsum(self.sizes_)[:-1]), strict=True
        ):
            low, high = knots[:-1], knots[1:]
            encoded.append(np.clip((column[:, None] - low) / (high - low), 0.0, 1.0))
        return np.hstack(encoded)
