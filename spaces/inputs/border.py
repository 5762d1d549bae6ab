"""Data frames into tables: which columns there are and of what kind, checked once, at the border.

Nothing here is learned from values of training rows except names: a schema says what the columns and categories are
called. Statistics are learned later, fold by fold, in `spaces.inputs.table.matrix`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from spaces.inputs.columns import check_named_once, with_columns
from spaces.inputs.given import read_given
from spaces.inputs.kinds import KINDS, array_kinds, arrays_of, kind_named
from spaces.inputs.table.categories import codes_of_categories
from spaces.inputs.table.columns import column_of_values, numbers_of, sequence_numbers
from spaces.inputs.table.given_row import table_of_row
from spaces.inputs.text.columns import texts_of
from spaces.language.complaints import unknown_name
from spaces.rows.arrays import Array
from spaces.rows.columns import FRAMED, MISSING, Column, ColumnKind, Schema, TableError
from spaces.rows.table import Table


def learn_schema(
    frame: pd.DataFrame,
    *,
    categories: Sequence[str] = (),
    text: Sequence[str] = (),
    sequence: str | None = None,
    inputs: Mapping[str, Sequence[str]] | None = None,
    arrays: Mapping[str, Array] | None = None,
    said: Mapping[str, Any] | None = None,
    missing: Sequence[str] = (),
) -> Schema:
    """Find out each column's kind.

    Args:
        frame: The rows.
        categories: Columns to be read as categories whatever their values look like.
        text: Columns to be read as text, or as sequences of tokens.
        sequence: The column that says which rows are steps of one sequence.
        inputs: The columns of each named table; others are those of the one that is called `"table"`.
        arrays: Arrays by name, each an input of its own.
        said: What a user says of arrays, by name; each kind has options of its own.
        missing: Texts that stand for missing values in files, beside the usual ones.

    Raises:
        TableError: A name is used twice or not at all, or a column mixes numbers and text.
    """
    check_named_once(frame)
    names = [str(name) for name in frame.columns]
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
    for name, array in (arrays or {}).items():
        if name in names:
            raise TableError(f"{name!r} is a column and an array too: rename one of them")
        columns.append(column_of_array(name, array, (said or {}).get(name)))
    return Schema(tuple(replace(column, missing=tuple(missing)) for column in columns))


def column_of_array(name: str, array: Array, said: Any) -> Column:
    """Return the column of an array: of the kind that the user names, or else of the first kind that accepts it.

    Raises:
        TableError: It is of no kind, or not of the one that is said.
    """
    if said is not None:
        return arrays_of(said.kind).describe(name, array, said)
    for kind, arrays in array_kinds():
        if arrays.accepts(array):
            return arrays.describe(name, array, KINDS[kind].options())
    raise TableError(
        f"{name!r} has the shape {tuple(array.shape)}, which no kind of input has: say what it is, "
        f"Task(..., columns={{{name!r}: ...}})"
    )


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
        data: As for `spaces.inputs.given.read_given`; files are named by paths relative to the data's file.

    Raises:
        DataError, TableError: A file cannot be read, a column is missing or holds another kind of value.
    """
    if (row := table_of_row(schema, data)) is not None:
        return row
    given = read_given(data, schema=schema)
    frame = given.frame
    for column in schema.arrays:
        if arrays_of(column.kind).files is not None and column.name in frame.columns:
            frame = with_columns(frame, {column.name: given.files_of(column.name)})
    table = encode(schema, frame, given.arrays)
    _warn_of_unknown(schema, table)
    return table


def _warn_of_unknown(schema: Schema, table: Table) -> None:
    """Warn of columns of categories in which no value of several rows is known: they may be written otherwise."""
    columns = [column for column in schema.columns if column.kind == "category"]
    for column, codes in zip(columns, table.codes.T, strict=True):
        if (codes != MISSING).sum() > 1 and not (codes >= 0).any():
            warnings.warn(
                f"column {column.name!r}: no value of these rows was there in training, where it held such as "
                f"{', '.join(map(repr, column.categories[:3]))}; all count as unknown",
                stacklevel=3,
            )


def encode(schema: Schema, frame: pd.DataFrame, arrays: Mapping[str, Array] | None = None) -> Table:
    """Turn a data frame's rows into arrays, columns found by name.

    Columns that the schema does not know (the target, an id) are left aside.

    Raises:
        TableError: A column is missing, holds another kind of value, or holds an infinite number.
    """
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.rename(columns=str)
    present = Counter(frame.columns)
    for name in [column.name for column in schema.columns if column.kind in FRAMED]:
        if not present[name]:
            raise TableError(_lacking(name, schema, list(frame.columns)))
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
    texts = [texts_of(name, frame[name]) for name in schema.text_names]
    sequence = None if schema.sequence is None else sequence_numbers(schema.sequence, frame[schema.sequence])
    return Table(numbers, codes, texts=np.stack(texts, axis=1) if texts else None, sequence=sequence, arrays=given)


def _lacking(name: str, schema: Schema, given: list[str]) -> str:
    alike = [one for one in given if one.strip().casefold() == name.strip().casefold()]
    hint = f"; the rows have {alike[0]!r}: rename it" if alike else ""
    return f"column {name!r} is missing; the model was trained on {', '.join(schema.names)}{hint}"


def blank_row(schema: Schema) -> Table:
    """Return one row of nothing: zeros, missing categories, empty texts."""
    arrays = [
        arrays_of(column.kind).encode(column, np.zeros((1, *column.shape), column.dtype)) for column in schema.arrays
    ]
    return Table(
        np.zeros((1, schema.n_numbers)),
        np.full((1, len(schema.cardinalities)), MISSING, np.int32),
        texts=np.full((1, len(schema.text_names)), "", object) if schema.text_names else None,
        sequence=None if schema.sequence is None else np.zeros(1, np.int32),
        arrays=tuple(arrays),
    )


def _array_of(column: Column, frame: pd.DataFrame, given: Mapping[str, Array]) -> Array:
    kind = kind_named(column.kind)
    arrays = arrays_of(column.kind)
    if column.name in given:
        return arrays.encode(column, given[column.name])
    if arrays.files is not None and column.name in frame.columns:
        return arrays.files.read(list(frame[column.name]), column)
    files = "" if arrays.files is None else " or name files in a column of that name"
    raise TableError(f"the {kind.name} {column.name!r} is missing: hand over {{{column.name!r}: array, ...}}{files}")


def _plain_numbers(schema: Schema, frame: pd.DataFrame) -> Table | None:
    """Encode columns that are finite numbers all at once, which a single row is too short to do one by one."""
    if schema.cardinalities or any(column.kind != "number" for column in schema.columns):
        return None
    values = frame[schema.names]
    if not all(isinstance(dtype, np.dtype) and dtype.kind in "iuf" for dtype in values.dtypes):
        return None
    numbers = values.to_numpy(dtype=np.float64)
    return None if np.isinf(numbers).any() else Table(numbers, np.empty((len(frame), 0), dtype=np.int32))
