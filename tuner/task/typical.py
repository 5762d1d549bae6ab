"""A made-up row that shows what a model reads: of each column the median, or the value that most rows have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.rows.columns import Column, Schema
from spaces.rows.table import Table

_LOOKED_AT = 1000  # rows
_MOST = 50_000  # numbers of an array that an example may hold
_WORDS = "a few words"


def typical_row(schema: Schema, table: Table) -> pd.DataFrame | NDArray[Any] | None:
    """Return a row as a user would hand it over; no row of the data, of which some may be private.

    Args:
        schema: The columns.
        table: The rows; the first thousand are looked at.

    Returns:
        A frame of one row, an array `(1, ...)` where the only input is one, or None: of several inputs with arrays,
        and of large arrays.
    """
    table = table.take(slice(0, _LOOKED_AT))
    if schema.arrays:
        (array, *more) = table.arrays
        if more or len(schema.columns) > 1 or np.prod(array.shape[1:]) > _MOST:
            return None
        return np.median(np.asarray(array), axis=0, keepdims=True).astype(array.dtype)
    values, number, code = {}, 0, 0
    for column in schema.columns:
        if column.kind == "category":
            values[column.name] = _category(column, table.codes[:, code])
            code += 1
        else:
            values[column.name] = _value(column, table.numbers[:, number] if column.n_numbers else None)
            number += column.n_numbers
    return pd.DataFrame({name: [value] for name, value in values.items()})


def _category(column: Column, codes: NDArray[Any]) -> str | None:
    known = codes[codes >= 0]
    return column.categories[int(np.bincount(known).argmax())] if len(known) else None


def _value(column: Column, numbers: NDArray[Any] | None) -> Any:
    """Return a value of a column that is no category; a date as it is written, as JSON has no dates."""
    if numbers is None:
        return 0 if column.kind == "sequence" else _WORDS
    if np.isnan(numbers).all():
        return None
    middle = float(np.nanquantile(numbers, 0.5, method="lower"))
    if column.kind == "boolean":
        return bool(middle)
    if column.kind == "date":
        return str(np.datetime64(int(middle), "D"))
    return int(middle) if middle.is_integer() and np.isfinite(numbers).all() else middle
