"""What a user hands over, of whatever library, as a frame, and arrays by name.

A frame may be pandas', Polars' or Arrow's; rows may be a dict, records, a series or an array; a path is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from spaces.inputs.columns import without_values
from spaces.inputs.files import (
    IMAGE,
    MISSING_WORDS,
    arrow_frame,
    frame_of_stream,
    image_folder,
    knows_no_types,
    read_arrays,
    read_file,
)
from spaces.inputs.kinds import array_kinds
from spaces.rows.arrays import Array, Stretches
from spaces.rows.columns import FRAMED, TABLE, Column, Schema, TableError

Words = Mapping[str, Collection[str] | None]
"""Columns of a file that are read as they are written; see `spaces.inputs.files.read_file`."""


class Given(NamedTuple):
    """What a user handed over: rows, arrays by name, and the columns of each named table.

    Arrays are as they came: their kinds check them (`spaces.inputs.border`). `images` are columns that name files,
    `folder` where these are looked for; `written` are columns of a text file that are as they are written.
    """

    frame: pd.DataFrame
    arrays: dict[str, Array]
    inputs: dict[str, list[str]]
    images: tuple[str, ...] = ()
    folder: Path | None = None
    written: tuple[str, ...] = ()

    def files_of(self, column: str) -> list[Any]:
        """Return the paths in a column; those of a file are relative to its folder."""
        folder = self.folder
        if folder is None:
            return list(self.frame[column])
        return [folder / file if isinstance(file, str) and file else file for file in self.frame[column]]


def read_given(
    data: Any,
    *,
    schema: Schema | None = None,
    missing: Sequence[str] = (),
    texts: Words | None = None,
    said: Collection[str] = (),
) -> Given:
    """Return what a user handed over; rows for a model by its schema.

    Args:
        data: A data frame of any library, a list of records, a structured array; an array `(rows, columns)`,
            `(rows, steps, channels)` of series or `(rows, height, width, channels)` of images; a path; a mapping from
            names of inputs to such, or from names of columns to their values. With a schema also one row: a mapping
            from names of columns to a value each, or a series whose index are names of columns.
        schema: What a model was trained on, where there is one.
        missing: As for `spaces.inputs.files.read_file`, beside the schema's.
        texts: As for `read_file`, beside the schema's.
        said: Names that are said to be arrays, whatever their axes; an array without a name is the only one.

    Raises:
        DataError, TableError: It cannot be used.
    """
    texts = {**_words(schema), **(texts or {})}
    missing = [*missing, *(schema.missing if schema is not None else ())]
    given = data if isinstance(data, Given) else _given(data, schema, missing, texts=texts, said=said)
    return given._replace(frame=without_values(given.frame, missing)) if missing else given


def _given(data: Any, schema: Schema | None, missing: Sequence[str], *, texts: Words, said: Collection[str]) -> Given:
    if isinstance(data, str | Path):
        return _of_path(Path(data), missing, texts, said=said)
    if isinstance(data, Mapping):
        if _names_inputs(data, schema):
            known = () if schema is None else [column.name for column in schema.arrays]
            return _named_inputs(data, missing, texts, said=[*said, *known])
        return _columns_of(data, schema)
    if isinstance(data, pd.Series):
        return Given(_of_series(data, schema), {}, {})
    return _of_values(data, schema, next(iter(said)) if len(said) == 1 else None)


def frame_of(data: Any) -> pd.DataFrame | None:
    """Return a frame of any library, records or a structured array as pandas' frame; None where it is none.

    Raises:
        TableError: Its columns have names on several levels.
    """
    if isinstance(data, pd.DataFrame):
        if data.columns.nlevels > 1:
            raise TableError(
                f"columns have names on {data.columns.nlevels} levels, {data.columns[0]!r} first: join them, "
                "data.columns = ['_'.join(map(str, names)) for names in data.columns]"
            )
        return _plain_arrow(data)
    if isinstance(data, np.ndarray):
        return pd.DataFrame.from_records(data) if data.dtype.names else None
    if isinstance(data, list | tuple):
        return pd.DataFrame(list(map(_record, data))) if data and all(map(_is_record, data)) else None
    foreign = nw.from_native(data, pass_through=True)
    if isinstance(foreign, nw.LazyFrame):
        foreign = foreign.collect()
    if isinstance(foreign, nw.DataFrame):
        return arrow_frame(foreign.to_arrow())
    return frame_of_stream(data) if hasattr(data, "__arrow_c_stream__") and hasattr(data, "schema") else None


def _is_record(one: Any) -> bool:
    """Return whether a row names its values: a mapping, a series, a named tuple, a row of a database."""
    return isinstance(one, Mapping | pd.Series | sqlite3.Row) or hasattr(one, "_asdict")


def _record(one: Any) -> dict[Any, Any]:
    return dict(one._asdict() if hasattr(one, "_asdict") else one)


_AS_OBJECTS = ("dictionary", "list", "large_list", "fixed_size_list", "struct", "map")


def _plain_arrow(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Arrow's dictionaries, lists and structs as what they stand for: pandas takes them for what they are not.

    Dictionaries are numbers to pandas 3.1, and lists cannot be told apart.
    """
    odd = [
        isinstance(dtype, pd.ArrowDtype) and str(dtype.pyarrow_dtype).startswith(_AS_OBJECTS) for dtype in frame.dtypes
    ]
    if not any(odd):
        return frame
    names = [name for name, is_odd in zip(frame.columns, odd, strict=True) if is_odd]
    return frame.astype(dict.fromkeys(names, object))


def _words(schema: Schema | None) -> dict[str, Collection[str] | None]:
    """Return the columns that a file must not retype: categories with the odd names that some have, texts, files."""
    found: dict[str, Collection[str] | None] = {}
    for column in schema.columns if schema is not None else ():
        if column.kind == "category":
            found[column.name] = MISSING_WORDS.intersection(column.categories)
        elif not column.tabular:
            found[column.name] = None
    return found


def _of_path(path: Path, missing: Sequence[str], texts: Words, *, said: Collection[str]) -> Given:
    if path.is_dir():
        return Given(image_folder(path), {}, {}, (IMAGE,))
    if path.suffix == ".npz":
        return _named_inputs(read_arrays(path), missing, texts, said=said)
    frame = read_file(path, missing=missing, texts=texts)
    return Given(frame, {}, {}, folder=path.parent, written=_written(path, frame, texts))


def _names_inputs(data: Mapping[Any, Any], schema: Schema | None) -> bool:
    """Return whether a mapping is of named inputs: its keys are their names, and its values have an axis of rows."""
    if schema is None:
        return not data or not all(_is_column(value) for value in data.values())
    axes = {column.input: 2 for column in schema.columns if column.tabular}
    axes |= {column.name: len(column.shape) + 1 for column in schema.arrays}
    return any(name in axes and _has_rows(value, axes[name]) for name, value in data.items())


def _has_rows(value: Any, axes: int) -> bool:
    if isinstance(value, Path | Stretches) or (not isinstance(value, Mapping) and frame_of(value) is not None):
        return True
    return not isinstance(value, str | Mapping) and _axes(value) == axes


def _axes(value: Any) -> int:
    try:
        return np.ndim(value)
    except ValueError:  # lists of unequal length
        return 1


def _is_column(value: Any) -> bool:
    """Return whether a value is a whole column: a list or array of one axis, its parts no lists themselves."""
    if isinstance(value, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.names is None
    return isinstance(value, list | tuple) and not any(
        isinstance(part, list | tuple | np.ndarray | Mapping | pd.Series) for part in value
    )


def _named_inputs(data: Mapping[Any, Any], missing: Sequence[str], texts: Words, *, said: Collection[str]) -> Given:
    """Return inputs side by side: columns of named tables have the table's name before their own."""
    frames: list[pd.DataFrame] = []
    arrays: dict[str, Array] = {}
    columns: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    written: list[str] = []
    _check_inputs(data)
    for name, given in data.items():
        prefix = "" if name == TABLE else f"{name}."
        if isinstance(given, str | Path):
            its_texts = {one.removeprefix(prefix): kept for one, kept in texts.items() if one.startswith(prefix)}
            path, given = Path(given), read_file(Path(given), missing=missing, texts=its_texts)
            written += [f"{prefix}{one}" for one in _written(path, given, its_texts)]
        try:
            frame, its, *_ = _of_values(given, None, name if name in said else None)
        except TableError as error:
            raise TableError(f"input {name!r}: {error}") from None
        rows[name] = len(frame)
        if its:
            (arrays[name],) = its.values()
            continue
        frame = frame.rename(columns=str).reset_index(drop=True)
        frames.append(frame.add_prefix(prefix) if prefix else frame)
        if prefix:
            columns[name] = list(frames[-1].columns)
    if len(set(rows.values())) != 1:
        raise TableError(f"inputs must have the same rows, got {rows}")
    index = pd.RangeIndex(next(iter(rows.values())))
    frame = pd.concat([pd.DataFrame(index=index), *frames], axis=1)
    return Given(frame, arrays, columns, written=tuple(written))


def _check_inputs(data: Mapping[Any, Any]) -> None:
    """Refuse inputs without rows, among them single values beside columns."""
    for name, given in data.items():
        if np.isscalar(given) and not isinstance(given, str):
            raise TableError(f"{name!r} is {given!r}, one value: a column has a value for each row")
        if not isinstance(name, str) or isinstance(given, Mapping):
            raise TableError(
                f"inputs are named by texts and are frames or arrays, got {name!r}: {type(given).__name__}"
            )


def _written(path: Path, frame: pd.DataFrame, texts: Words) -> tuple[str, ...]:
    return tuple(name for name in texts if name in frame.columns) if knows_no_types(path) else ()


def _columns_of(data: Mapping[Any, Any], schema: Schema | None) -> Given:
    """Return a mapping from names of columns to their values, or to a single row's."""
    values = {str(name): value for name, value in data.items()}
    tabular = {column.name for column in schema.columns if column.tabular} if schema is not None else set(values)
    if any(name in tabular and _is_column(value) for name, value in values.items()):
        try:
            return Given(pd.DataFrame(values), {}, {})
        except ValueError as error:
            raise TableError(f"columns must have a value for each row: {error}") from None
    arrays: dict[str, Array] = {}
    for column in schema.arrays if schema is not None else ():
        if column.name in values and _axes(values[column.name]) == len(column.shape):
            arrays[column.name] = np.asarray(plain_array(values.pop(column.name)))[None]
    frame = pd.DataFrame({name: [value] for name, value in values.items()}, index=pd.RangeIndex(1))
    return Given(frame, arrays, {})


def _of_series(data: pd.Series[Any], schema: Schema | None) -> pd.DataFrame:
    """Return one row whose index names columns, or the values of the only column."""
    if schema is None:
        return data.to_frame("x0" if data.name is None else str(data.name))
    columns = _framed(schema)
    names = [column.name for column in columns]
    if {str(name) for name in data.index} & set(names):
        return pd.DataFrame({str(name): [value] for name, value in data.items()})
    if len(names) != 1:
        raise TableError(
            f"a series is one row, and its index names columns: {', '.join(names)} were expected, got "
            f"{', '.join(map(str, data.index[:5]))}; of one column's values make a frame: series.to_frame()"
        )
    return data.to_frame(names[0])


def _framed(schema: Schema) -> list[Column]:
    return [column for column in schema.columns if column.kind in FRAMED]


def _of_values(data: Any, schema: Schema | None, alone: str | None) -> Given:
    """Return values as a frame, or as an array by its name; `alone` is the name of an array whatever its axes."""
    if (frame := frame_of(data)) is not None:
        return Given(frame, {}, {})
    array = data if isinstance(data, Stretches) else plain_array(data)
    if array.ndim and (name := alone or _name_of_array(array, schema)) is not None:
        return Given(pd.DataFrame(index=range(len(array))), {name: array}, {})
    if array.ndim == 2:
        names = [f"x{i}" for i in range(array.shape[1])] if schema is None else [c.name for c in _framed(schema)]
        if len(names) != array.shape[1]:
            raise TableError(f"{_needed(len(names), schema)}, got shape {array.shape}")
        return Given(pd.DataFrame(np.asarray(array), columns=names), {}, {})
    if not array.ndim:
        raise TableError(_no_rows(data))
    row = "; an array of one row is [[...]]" if array.ndim == 1 and schema is not None else ""
    if array.ndim == 1 and len(array) and isinstance(array[0], str):
        row = "; texts are a column of a data frame, pd.DataFrame({'text': data}), named in text=['text']"
    raise TableError(
        "data must be a data frame, a path, or an array (rows, columns), (rows, steps, channels) or (rows, height, "
        f"width, channels), got shape {array.shape}{row}"
    )


def _no_rows(data: Any) -> str:
    """Say what was handed over in place of rows."""
    if hasattr(data, "read"):
        return (
            f"data must be rows, got an open file of type {type(data).__name__}: pass pandas.read_csv(data), or a path"
        )
    if isinstance(data, Iterator):
        return f"data must be rows that can be read twice, got a {type(data).__name__}: pass list(data)"
    return (
        f"data must be a data frame, records, a path or an array, got {str(data)[:60]!r}, of type {type(data).__name__}"
    )


def _needed(n_columns: int, schema: Schema | None) -> str:
    """Say of what shape an array is to be."""
    arrays = () if schema is None or n_columns else schema.arrays
    shapes = [f"{one.name!r} of the shape (rows, {', '.join(map(str, one.shape))})" for one in arrays]
    return f"an array {', and one '.join(shapes)} is needed" if shapes else f"an array of {n_columns} columns is needed"


def _name_of_array(array: Array, schema: Schema | None) -> str | None:
    """Return the name of an array that has none: that of the only array, or of the kind that accepts it."""
    arrays = [] if schema is None else schema.arrays
    if len(arrays) == 1 and (array.ndim > 2 or array.ndim == len(arrays[0].shape) + 1):
        return arrays[0].name
    return next((kind for kind, its in array_kinds() if its.accepts(array)), None)


def plain_array(data: Any) -> NDArray[Any]:
    """Return an array without a mask: what lies below one is missing.

    Raises:
        TableError: Lists are of unequal length.
    """
    if sparse.issparse(data):
        return np.asarray(data.toarray())
    if np.ma.is_masked(data):
        if data.dtype.kind in "iub":
            return np.asarray(data.astype(np.float64).filled(np.nan))
        if data.dtype.kind in "fcmM":
            return np.asarray(data.filled(np.nan if data.dtype.kind in "fc" else data.dtype.type("NaT")))
        array: NDArray[Any] = data.data.astype(object)
        array[np.ma.getmaskarray(data)] = None
        return array
    try:
        array = np.asarray(data)
        # numpy makes texts of numbers and None that stand beside texts.
        return array if isinstance(data, np.ndarray) or array.dtype.kind != "U" else np.array(data, dtype=object)
    except ValueError:  # lists of unequal length
        raise TableError(f"data is no array: bring what it holds to one shape first; {_uneven(data)}") from None


def _uneven(data: Sequence[Any]) -> str:
    """Say which part of a list is of another shape than the first."""
    shapes = [_shape(one) for one in data]
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is None:
        return "its rows hold lists that differ in length"
    if len(shapes) == 2:
        return f"its two parts have the shapes {shapes[0]} and {shapes[1]}; rows and values are two arguments"
    return (
        f"row {odd} has the shape {shapes[odd]}, and row 0 {shapes[0]}; series of unequal length are filled up with NaN"
    )


def _shape(value: Any) -> tuple[int, ...] | str:
    try:
        return np.shape(value)
    except ValueError:
        return "(uneven)"
