"""Columns of a table at the border: numbers, dates, booleans and categories, told from a frame's values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.table.categories import category_names
from spaces.inputs.table.dates import date_parts
from spaces.inputs.table.detection import NUMBER_TYPES, TRUTH, kind_of, raise_complex
from spaces.inputs.text.columns import texts_of
from spaces.rows.columns import Column, ColumnKind, TableError

_EXPECTED = {"boolean": "true or false", "number": "numbers"}


def column_of_values(name: str, values: pd.Series[Any], forced: ColumnKind | None) -> Column:
    """Return the column of some values: of the kind that is given, or of the kind that the values tell.

    Raises:
        TableError: Values are of several kinds, or of none that can be used.
    """
    if forced == "text" and not any(text.strip() for text in texts_of(name, values)):
        raise TableError(f"text column {name!r} holds no text at all: leave it out")
    kind = forced or kind_of(name, values)
    return Column(name, kind, category_names(name, values) if kind == "category" else ())


def sequence_numbers(name: str, values: pd.Series[Any]) -> NDArray[np.int32]:
    """Number sequences in the order in which they begin; rows of one must stand together."""
    codes, names = pd.factorize(values)
    if (codes < 0).any():
        raise TableError(f"column {name!r} says which sequence a row is of: it cannot be missing")
    if np.count_nonzero(np.diff(codes)) >= max(len(names), 1):
        torn = str(names[codes[1:][np.diff(codes) < 0][0]])
        raise TableError(f"rows of the sequence {torn!r} do not stand together: sort the rows by {name!r}, in order")
    return codes.astype(np.int32)


def numbers_of(column: Column, values: pd.Series[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield the numeric columns of a number, a boolean or a date.

    Raises:
        TableError: A value is of another kind, or infinite.
    """
    if column.kind == "date":
        yield from date_parts(column.name, values)
        return
    numbers = _floats(column, values)
    if column.kind == "boolean":
        _refuse_first(column, values, ~np.isin(numbers, (0, 1)) & ~np.isnan(numbers))
    if infinite := np.flatnonzero(np.isinf(numbers)).tolist():
        raise TableError(
            f"column {column.name!r} holds {len(infinite)} infinite values, the first in row "
            f"{values.index[infinite[0]]}; replace them with a number, or leave the cell empty"
        )
    yield numbers


def _floats(column: Column, values: pd.Series[Any]) -> NDArray[np.float64]:
    dtype = values.dtype
    if pd.api.types.is_complex_dtype(dtype):
        raise_complex(column.name, values)
    numeric = pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
    if numeric and not isinstance(dtype, pd.CategoricalDtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if dtype.kind in "mM" and not values.isna().all():
        raise TableError(f"column {column.name!r} must hold {_EXPECTED[column.kind]}, got {dtype}")
    return _parsed(column, values)


def _parsed(column: Column, values: pd.Series[Any]) -> NDArray[np.float64]:
    """Read an all-missing column, objects that are numbers, or texts that are; refuse others."""
    objects = values.to_numpy(dtype=object)
    texts = np.array([isinstance(value, str) for value in objects], dtype=bool)
    numbers = np.array([_float(value) for value in objects], dtype=np.float64)
    written = pd.Series(objects[texts], dtype=str)
    if column.kind == "boolean":
        numbers[texts] = [TRUTH.get(text.strip(), np.nan) for text in written]
    missing = texts & np.isnan(numbers)
    numbers[missing] = pd.to_numeric(pd.Series(objects[missing], dtype=str), errors="coerce")
    _refuse_first(column, values, np.isnan(numbers) & values.notna().to_numpy())
    return numbers


def _float(value: Any) -> float:
    """Return a number of any type as a float: infinite where it is too large, NaN where it is no number."""
    if not isinstance(value, (*NUMBER_TYPES, bool, np.bool_)):
        return np.nan
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _refuse_first(column: Column, values: pd.Series[Any], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise TableError(
            f"column {column.name!r} must hold {_EXPECTED[column.kind]}, got {values.iloc[row]!r} in row "
            f"{values.index[row]}; mend it, or leave the cell empty"
        )
