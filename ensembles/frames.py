"""Predictions as data frames: rows named as the user's are, columns as targets and classes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def index_of(rows: Any, n_rows: int) -> pd.Index[Any]:
    """Return the index of a pandas frame that was handed over, or of the first of several inputs; else 0, 1, ...

    >>> index_of(pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), 2).tolist()
    ['x', 'y']
    """
    given = list(rows.values()) if isinstance(rows, Mapping) else [rows]
    kinds = (pd.DataFrame, pd.Series) if isinstance(rows, Mapping) else pd.DataFrame
    found = (one.index for one in given if isinstance(one, kinds) and len(one) == n_rows)
    return next(found, pd.RangeIndex(n_rows))


def frame_of_each(found: Mapping[str, Any], columns: Mapping[str, Any], index: pd.Index[Any]) -> pd.DataFrame:
    """Return arrays side by side, `(rows, columns)` each: their columns stand below the name of each.

    Args:
        found: The arrays, by name.
        columns: The names of each one's columns.
        index: Names of the rows.
    """
    frames = {name: pd.DataFrame(values, index, pd.Index(columns[name])) for name, values in found.items()}
    return pd.concat(frames, axis=1)
