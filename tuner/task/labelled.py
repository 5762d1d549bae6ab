"""Rows that come with their labels, read by what training rows taught: test rows, and what is evaluated later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.border import encode
from spaces.inputs.columns import check_named_once, with_columns
from spaces.inputs.files import DataError
from spaces.inputs.given import read_given
from spaces.language.complaints import unknown_name
from spaces.rows.arrays import Array, take
from spaces.rows.columns import Schema
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, Target
from tuner.task.groups import groups_of
from tuner.task.labels import first_of, labels_as_trained, labels_of, refuse_infinite
from tuner.task.reading import with_files
from tuner.task.targets import codes_of, is_labels, label_columns, lists_of
from tuner.task.times import time_order

_LEAST, _MOST = 1e-30, 1e30  # of weights: models count by them in single precision


def labelled_rows(
    data: Any,
    schema: Schema,
    target: Target,
    *,
    sample_weight: str | None,
    group: str | None,
    time: str | None = None,
    missing: Sequence[str] = (),
    of: str = "test",
) -> Rows:
    """Read rows with their labels, by the schema of the training rows.

    Args:
        data: A frame or a path with the target's columns, or a pair of rows and values.
        schema: What the training rows taught.
        target: The target.
        sample_weight: The column that says how much each row counts.
        group: The column that says which rows belong together; rows without it have no groups.
        time: The column that orders them.
        missing: Texts that stand for missing values, beside the schema's.
        of: What the rows are, as complaints begin.

    Raises:
        DataError, TableError: They cannot be used.
    """
    inputs, values = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
    verbatim = dict.fromkeys([*(part.name for part in target.each), *([group] if group else [])])
    given = read_given(inputs, schema=schema, missing=missing, texts=verbatim)
    given = with_files(given, {one.name: one for one in schema.arrays if one.name in given.frame.columns})
    frame = given.frame.rename(columns=str)
    check_named_once(frame, f"{of}: ", only=[*verbatim, *(one for one in (sample_weight, time) if one)])
    if not len(frame) and not given.arrays:
        raise DataError(f"{of}: there are no rows: hand over a data frame, a path or arrays with some")
    if isinstance(data, tuple):  # (inputs, target), as of arrays, which have no columns of targets
        frame = with_columns(frame, _values_of_pair(values, target, len(frame), of=of))
    if sample_weight is not None:
        if sample_weight not in frame.columns:
            raise DataError(f"{of}: {unknown_name(sample_weight, list(frame.columns))}; metrics count rows by it")
        check_weights(frame[sample_weight], sample_weight, f"{of}: ")
    frame, arrays = in_time_order(frame, given.arrays, time)
    weight, its_group = weights_of(frame, sample_weight), groups_of(frame, group, f"{of}: ")
    if target.kind == ITSELF:
        return Rows(encode(schema, frame, arrays), np.zeros(len(frame)), weight, its_group)
    lists = lists_of(target, frame)
    if lists is not None:
        flags = label_columns(lists).reindex(columns=[part.name for part in target.each], fill_value=0)
        frame = pd.concat([frame, flags], axis=1)
    frame = with_columns(frame, {part.name: _labels(frame, part, of) for part in target.each})
    return Rows(encode(schema, frame, arrays), codes_of(frame, target, of), weight, its_group)


def in_time_order(
    frame: pd.DataFrame, arrays: dict[str, Array], time: str | None
) -> tuple[pd.DataFrame, dict[str, Array]]:
    """Return rows in the order of a column, if there is one."""
    if time is None or time not in frame.columns:
        return frame, arrays
    order = time_order(frame[time], time)
    return frame.iloc[order].reset_index(drop=True), {name: take(array, order) for name, array in arrays.items()}


def check_weights(column: pd.Series[Any], name: str, of: str = "") -> None:
    """Refuse weights that are no finite numbers above zero.

    Raises:
        DataError: They cannot be used; the message names column and row.
    """
    counts = column.dtype.kind not in "bmM"  # truth values, durations and dates are numbers to pandas
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan) if counts else np.zeros(1)
    wrong = np.flatnonzero(~((values >= _LEAST) & (values <= _MOST)))
    if len(wrong):
        row = int(wrong[0])
        value, _ = first_of(column, np.arange(len(column)) == row)
        raise DataError(
            f"{of}sample_weight: column {name!r} holds {value!r} in row {row}; a weight is a finite number "
            f"above zero, from {_LEAST:g} to {_MOST:g}. Leave rows out that are not to count"
        )


def weights_of(frame: pd.DataFrame, name: str | None) -> NDArray[np.float64] | None:
    """Return the weights of rows, `(rows,)`, where a column has them."""
    return None if name is None else pd.to_numeric(frame[name]).to_numpy(np.float64)


def _values_of_pair(given: Any, target: Target, rows: int, *, of: str) -> dict[str, NDArray[Any]]:
    """Return the targets that stand beside rows, by name; of lists of labels, which are there."""
    if (
        target.parts
        and isinstance(given, list | tuple | pd.Series)
        and len(given) == rows
        and all(map(is_labels, given))
    ):
        lists = pd.Series(list(given), name=target.each[0].name.partition("=")[0])
        flags = label_columns(lists)
        return {part.name: flags.get(part.name, pd.Series(0, lists.index)).to_numpy() for part in target.each}
    values = np.empty(0) if given is None else np.asarray(given)
    several = len(target.each) > 1
    if values.shape != (rows, len(target.each)) and (several or values.shape != (rows,)):
        raise DataError(f"{of}: a pair of inputs and targets of {rows} rows is needed, got {values.shape}")
    return {part.name: its for part, its in zip(target.each, values.reshape(rows, -1).T, strict=True)}


def _labels(frame: pd.DataFrame, part: Target, of: str) -> pd.Series[Any]:
    if part.name not in frame.columns:
        raise DataError(f"{of}: target: {unknown_name(part.name, list(frame.columns))}")
    labels = labels_as_trained(labels_of(frame[part.name], part.name), part, of)
    if labels.isna().any():
        raise DataError(f"{of}: target {part.name!r} has missing values: leave those rows out")
    refuse_infinite(labels, f"{of}: target {part.name!r}")
    return labels
