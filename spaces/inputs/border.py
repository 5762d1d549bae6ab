"""Data frames into tables: which columns there are and of what kind, checked once, at the border.

Nothing here is learned from values of training rows except names: a schema says what the columns and categories are
called. Statistics are learned later, fold by fold, in `spaces.inputs.table.matrix`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.given import below, read_given
from spaces.inputs.image.files import read_images
from spaces.inputs.table.categories import codes_of_categories
from spaces.inputs.table.columns import column_of_values, numbers_of, sequence_numbers
from spaces.inputs.text.columns import texts_of
from spaces.language.complaints import unknown_name
from spaces.rows.arrays import Array, Stretches
from spaces.rows.columns import ARRAYS, Column, ColumnKind, Schema, TableError
from spaces.rows.table import Table

_LOOKED_AT = 1000  # rows of a series, to tell how far it is from zero
_MOST_LOST = 1e-4  # of a channel's deviation


def learn_schema(
    frame: pd.DataFrame,
    *,
    categories: Sequence[str] = (),
    text: Sequence[str] = (),
    sequence: str | None = None,
    inputs: Mapping[str, Sequence[str]] | None = None,
    arrays: Mapping[str, Array] | None = None,
    missing: Sequence[str] = (),
) -> Schema:
    """Find out each column's kind.

    Args:
        frame: The rows.
        categories: Columns to be read as categories whatever their values look like.
        text: Columns to be read as text, or as sequences of tokens.
        sequence: The column that says which rows are steps of one sequence.
        inputs: The columns of each named table; others are those of the one that is called `"table"`.
        arrays: Series and images by name.
        missing: Texts that stand for missing values in files, beside the usual ones.

    Raises:
        TableError: A name is used twice or not at all, or a column mixes numbers and text.
    """
    names = [str(name) for name in frame.columns]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise TableError(
            f"column name {duplicates[0]!r} is used {names.count(duplicates[0])} times; rename the columns"
        )
    for what, given in (("categories", categories), ("text", text)):
        for name in given:
            if name not in names:
                raise TableError(f"{what}: {unknown_name(name, names)}")
    if both := sorted({*categories} & {*text}):
        raise TableError(f"column {both[0]!r} is named in categories and in text: it can be one of them")
    columns = []
    for i, name in enumerate(names):
        forced: ColumnKind | None = "text" if name in text else "category" if name in categories else None
        if name == sequence:
            forced = "sequence"
        columns.append(column_of_values(name, frame.iloc[:, i], forced))
    columns = _with_inputs(columns, inputs or {})
    kinds: dict[int, ColumnKind] = {3: "series", 4: "image"}
    for name, array in (arrays or {}).items():
        if name in names:
            raise TableError(f"{name!r} is a column and an array too: rename one of them")
        dtype = series_dtype(array) if array.ndim == 3 else str(array.dtype)
        columns.append(Column(name, kinds[array.ndim], shape=tuple(array.shape[1:]), dtype=dtype))
    return Schema(tuple(replace(column, missing=tuple(missing)) for column in columns))


def series_dtype(array: Array) -> str:
    """Return the type that a series is kept in: float64 where a channel is too far from zero for float32.

    Args:
        array: `(rows, steps, channels)`.
    """
    if array.dtype != np.float64:
        return "float32"
    base = array.base if isinstance(array, Stretches) else np.asarray(array[:: max(1, len(array) // _LOOKED_AT)])
    channels = base.reshape(-1, base.shape[-1]).T
    return "float64" if any(_loses(values[np.isfinite(values)]) for values in channels) else "float32"


def _loses(values: NDArray[np.float64]) -> bool:
    """Return whether float32 would round away more than a ten-thousandth of the values' deviation."""
    with np.errstate(over="ignore"):
        rounded = np.abs(values.astype(np.float32) - values)
    return bool(values.size and rounded.max() > _MOST_LOST * values.std())


def _with_inputs(columns: list[Column], inputs: Mapping[str, Sequence[str]]) -> list[Column]:
    """Return the columns with the named tables they are part of.

    Tables whose columns are of the same kinds, one by one, share the names of their categories, so that they can be
    compared.
    """
    of: dict[str, str] = {}
    for name, its in inputs.items():
        if isinstance(its, str):
            raise TableError(f"inputs must name lists of columns: inputs={{{name!r}: [{its!r}]}}")
        for column in its:
            if column not in {one.name for one in columns}:
                raise TableError(f"inputs: {unknown_name(column, [one.name for one in columns])}")
            if column in of:
                raise TableError(f"inputs: column {column!r} is part of {of[column]!r} and of {name!r}")
            of[column] = name
    named = [replace(column, input=of.get(column.name, column.input)) for column in columns]
    tables = {name: [column for column in named if column.input == name] for name in inputs}
    shared: dict[str, tuple[str, ...]] = {}
    for its_columns in tables.values():
        alike = [other for other in tables.values() if [c.kind for c in other] == [c.kind for c in its_columns]]
        for place, one in enumerate(its_columns):
            shared[one.name] = tuple(sorted({name for other in alike for name in other[place].categories}))
    return [replace(column, categories=shared.get(column.name, column.categories)) for column in named]


def table_of(schema: Schema, data: Any) -> Table:
    """Return rows for a model, of whatever a user hands over, encoded by the schema.

    Args:
        schema: What the model was trained on.
        data: As for `spaces.inputs.given.read_given`; files of images are named by paths relative to the data's file.

    Raises:
        DataError, TableError: A file cannot be read, a column is missing or holds another kind of value.
    """
    given = read_given(data, schema=schema)
    frame = given.frame
    for column in schema.arrays:
        if column.kind == "image" and column.name in frame.columns:
            frame = frame.assign(**{column.name: [below(given.folder, file) for file in frame[column.name]]})
    return encode(schema, frame, given.arrays)


def encode(schema: Schema, frame: pd.DataFrame, arrays: Mapping[str, Array] | None = None) -> Table:
    """Turn a data frame's rows into arrays, columns found by name.

    Columns that the schema does not know (the target, an id) are left aside.

    Raises:
        TableError: A column is missing, holds another kind of value, or holds an infinite number.
    """
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.rename(columns=str)
    present = Counter(frame.columns)
    for name in [column.name for column in schema.columns if column.kind not in ARRAYS]:
        if not present[name]:
            raise TableError(f"column {name!r} is missing; the model was trained on {', '.join(schema.names)}")
        if present[name] > 1:
            raise TableError(f"column name {name!r} is used {present[name]} times; rename the columns")
    given = tuple(_array_of(column, frame, arrays or {}) for column in schema.arrays)
    if (plain := _plain_numbers(schema, frame)) is not None:
        return plain
    numbers = np.empty((len(frame), schema.n_numbers))
    codes = np.empty((len(frame), len(schema.cardinalities)), dtype=np.int32)
    number, code = 0, 0
    for column in schema.columns:
        if not column.tabular:
            continue
        values = frame[column.name]
        if column.kind == "category":
            codes[:, code] = codes_of_categories(column, values)
            code += 1
        else:
            for part in numbers_of(column, values):
                numbers[:, number] = part
                number += 1
    texts = [texts_of(name, frame[name]) for name in schema.texts]
    sequence = None if schema.sequence is None else sequence_numbers(schema.sequence, frame[schema.sequence])
    return Table(numbers, codes, texts=np.stack(texts, axis=1) if texts else None, sequence=sequence, arrays=given)


def _array_of(column: Column, frame: pd.DataFrame, arrays: Mapping[str, Array]) -> Array:
    if column.name not in arrays:
        if column.kind == "image" and column.name in frame.columns:
            height, width, channels = column.shape
            return read_images(list(frame[column.name]), (height, width, channels))
        files = " or name files in a column of that name" if column.kind == "image" else ""
        raise TableError(
            f"the {column.kind} {column.name!r} is missing: hand over {{{column.name!r}: array, ...}}{files}"
        )
    array = arrays[column.name]
    if tuple(array.shape[1:]) != column.shape:
        raise TableError(
            f"{column.name!r} must have the shape (rows, {', '.join(map(str, column.shape))}), got {tuple(array.shape)}"
        )
    if column.kind == "series":
        return _as_kept(array, column.dtype)
    if column.dtype == "uint8" and array.dtype != np.uint8:
        pixels = np.asarray(array)
        if len(pixels) and not (pixels.max() > 1 and pixels.min() >= 0 and (pixels == pixels.astype(np.uint8)).all()):
            raise TableError(f"{column.name!r} must hold whole numbers from 0 to 255, as in training, got fractions")
        return pixels.astype(np.uint8)
    if column.kind == "image" and column.dtype == "float32" and array.dtype == np.uint8:
        raise TableError(
            f"{column.name!r} must hold numbers with fractions, as in training, got whole ones: scale them"
        )
    return array


def _as_kept(series: Array, dtype: str) -> Array:
    if isinstance(series, Stretches):
        return replace(series, base=series.base.astype(dtype, copy=False))
    kept: Array = series.astype(dtype, copy=False) if isinstance(series, np.ndarray) else series
    return kept


def _plain_numbers(schema: Schema, frame: pd.DataFrame) -> Table | None:
    """Encode columns that are finite numbers all at once, which a single row is too short to do one by one."""
    if schema.cardinalities or any(column.kind != "number" for column in schema.columns):
        return None
    values = frame[schema.names]
    if not all(isinstance(dtype, np.dtype) and dtype.kind in "iuf" for dtype in values.dtypes):
        return None
    numbers = values.to_numpy(dtype=np.float64)
    return None if np.isinf(numbers).any() else Table(numbers, np.empty((len(frame), 0), dtype=np.int32))
