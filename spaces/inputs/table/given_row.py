"""One row at the border: a dict or a frame of a single row is encoded value by value, without pandas.

Only what is plain is read here: numbers, truth values and categories. Whatever else there is, or is wrong, is left to
`spaces.inputs.border`, which then says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from spaces.inputs.table.categories import code_of
from spaces.rows.columns import MISSING, Column, Schema
from spaces.rows.table import Table

_NUMBERS = (float, int, bool, np.floating, np.integer, np.bool_)
_PLAIN = ("number", "boolean", "category")


def table_of_row(schema: Schema, data: Any) -> Table | None:
    """Return one row, encoded; None where it is no row, or one that takes a closer look.

    Args:
        schema: What a model was trained on.
        data: Whatever a user handed over.
    """
    if schema.missing or any(column.kind not in _PLAIN for column in schema.columns):
        return None
    row = _values(data)
    if row is None:
        return None
    numbers, codes = list[float](), list[int]()
    for column in schema.columns:
        if column.name not in row:
            return None
        value = row[column.name]
        if column.kind == "category":
            code = _code(schema.codes[column.name], value)
            if code is None:
                return None
            codes.append(code)
        else:
            number = _number(column, value)
            if number is None:
                return None
            numbers.append(number)
    return Table(np.array([numbers], dtype=np.float64), np.array([codes], dtype=np.int32))


def _values(data: Any) -> Mapping[Any, Any] | None:
    """Return the values of a single row, by the names of columns."""
    if isinstance(data, dict):
        return data
    if not isinstance(data, pd.DataFrame) or len(data) != 1 or not data.columns.is_unique:
        return None
    return dict(zip(data.columns.tolist(), next(data.itertuples(index=False, name=None)), strict=True))


def _number(column: Column, value: Any) -> float | None:
    """Return a number, NaN where it is missing; None where it is none, infinite, or no truth value in their column."""
    if value is None:
        return math.nan
    if not isinstance(value, _NUMBERS):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    wrong = math.isinf(number) or (column.kind == "boolean" and number not in (0.0, 1.0) and not math.isnan(number))
    return None if wrong else number


def _code(codes: Mapping[str | int, int], value: Any) -> int | None:
    """Return the code of a category; None where the value can be none."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return code_of(codes, value)
    try:
        wrong = not isinstance(value, _NUMBERS) or math.isinf(value)
    except OverflowError:
        wrong = True
    return None if wrong else MISSING if math.isnan(value) else code_of(codes, value)
