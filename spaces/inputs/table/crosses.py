"""Crosses of columns, hashed: what the wide part of a wide-and-deep network memorises.

A cross is a pair of values that occur together, such as "married, and 50 to 60 years old". Cheng et al., "Wide & deep
learning for recommender systems", DLRS 2016; hashing as in Weinberger et al., "Feature hashing for large scale
multitask learning", ICML 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

_BINS = 8
_ROWS_AT_ONCE = 10_000
# Odd multipliers of 64 bits mix a pair of codes; any would do, these have no structure in common with the codes.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)


class HashedCrosses(TransformerMixin, BaseEstimator):
    """Turn columns into a fixed number of columns that count hashed pairs of values.

    The columns that tell most about the target are crossed, each with each: numbers in bins of equal share, categories
    as they are. What is missing is a value of its own.

    Args:
        columns: How many columns come out.
        n_numbers: The first so many columns are numbers, the rest codes of categories.
        most: How many columns are crossed.

    Attributes:
        edges_: The inner edges of the bins of every number column, `(n_numbers, bins - 1)`.
        chosen_: The columns that are crossed, the most telling one first.
    """

    def __init__(self, columns: int = 256, n_numbers: int = 0, most: int = 8) -> None:
        self.columns = columns
        self.n_numbers = n_numbers
        self.most = most

    def fit(self, x: NDArray[np.float64], y: NDArray[Any]) -> Self:
        """Learn bins and the choice of columns from training rows, `(rows, columns)`, NaN allowed."""
        x = np.asarray(x, dtype=np.float64)
        numbers = np.ma.masked_invalid(x[:, : self.n_numbers]).filled(np.nan)
        levels = np.linspace(0, 1, _BINS + 1)[1:-1]
        known = [column[~np.isnan(column)] for column in numbers.T]
        self.edges_ = np.array([np.quantile(column, levels) if len(column) else levels for column in known])
        codes = self._codes(x, range(x.shape[1]))
        told = [_share_explained(column, np.asarray(y)) for column in codes.T]
        self.chosen_ = np.argsort(np.negative(told), kind="stable")[: self.most]
        return self

    def transform(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return `(rows, columns)`: how many crosses of a row fall into each column."""
        chosen = np.sort(self.chosen_)
        codes = self._codes(np.asarray(x, dtype=np.float64), chosen).astype(np.uint64)
        first, second = np.transpose(list(combinations(range(len(chosen)), 2)) or np.empty((0, 2), dtype=np.int64))
        counts = np.zeros((len(codes), self.columns), dtype=np.float32)
        for rows in (slice(start, start + _ROWS_AT_ONCE) for start in range(0, len(codes), _ROWS_AT_ONCE)):
            some = codes[rows]
            mixed = some[:, first] * _MIX[0] + some[:, second] * _MIX[1]
            mixed = (mixed + np.arange(1, len(first) + 1, dtype=np.uint64)) * _MIX[2]
            mixed ^= mixed >> np.uint64(32)
            columns = (mixed % np.uint64(self.columns)).astype(np.int64)
            np.add.at(counts[rows], (np.arange(len(some))[:, None], columns), 1.0)
        return counts

    def _codes(self, x: NDArray[np.float64], columns: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return whole numbers of at least 0: bins, and codes moved up, as missing and unseen ones are below 0."""
        codes = np.empty((len(x), len(columns)), dtype=np.int64)
        for i, column in enumerate(columns):
            values = x[:, column]
            if column < self.n_numbers:
                bins = np.searchsorted(self.edges_[column], values, side="right")
                codes[:, i] = np.where(np.isnan(values), _BINS, bins)
            else:
                codes[:, i] = values.astype(np.int64) + 2
        return codes


def _share_explained(codes: NDArray[np.int64], y: NDArray[Any]) -> float:
    """Return the share of the target's variance that lies between the groups of equal codes."""
    classes = np.unique(y)
    parts = [y.astype(np.float64)] if len(classes) > 20 else [(y == one).astype(np.float64) for one in classes]
    _, group = np.unique(codes, return_inverse=True)
    sizes = np.bincount(group)
    between = sum(float(np.bincount(group, part) @ (np.bincount(group, part) / sizes)) for part in parts)
    mean = sum(float(len(part) * part.mean() ** 2) for part in parts)
    total = sum(float(part @ part) for part in parts)
    return (between - mean) / (total - mean) if total > mean else 0.0
