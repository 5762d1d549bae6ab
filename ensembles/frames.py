"""Rows to predict, and predictions as data frames: rows named as the user's are, columns as targets and classes are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from spaces.inputs.border import table_of
from spaces.rows.columns import Schema, TableError
from spaces.rows.table import Table
from spaces.rows.target import Target, followed


def rows_of(schema: Schema, target: Target, rows: Any) -> Table:
    """Encode rows to predict.

    Raises:
        TableError: They do not fit; where the model forecasts, the message says what forecasts a series as it is.
    """
    try:
        return table_of(schema, rows)
    except TableError as error:
        if not followed(target):
            raise
        hint = "tuner.forecast(ensemble, frame) says what comes after the last row of a series"
        raise TableError(f"{error}; rows to predict are windows: {hint}") from None


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
