"""Read what a user hands over (a data frame, a file, arrays) into a data frame, with clear complaints."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spaces.inputs.files import DataError, read_file
from spaces.inputs.given import Given, frame_of
from spaces.inputs.kinds import arrays_of
from spaces.rows.columns import Column

_NAMELESS = re.compile(r"(^|\.)(Unnamed: \d+(\.\d+)?|__index_level_\d+__)$")


def read_frame(data: Any, *, missing: Sequence[str] = ()) -> pd.DataFrame:
    """Return a data frame of a frame (of any library), records, or a CSV, TSV or Parquet file (compressed too).

    Args:
        data: What the user gave.
        missing: Texts that stand for missing values in a CSV file, beside the usual ones.

    Raises:
        DataError: There is no such file, or it is empty or of an unknown type.
    """
    if isinstance(data, str | Path):
        return read_file(Path(data), missing=missing)
    if (frame := frame_of(data)) is not None:
        return frame
    raise DataError(f"data must be a data frame, a path, an array or a mapping of those, got {type(data).__name__}")


def with_files(given: Given, columns: Mapping[str, Column]) -> Given:
    """Return what was handed over with arrays in place of the columns that name their files.

    Raises:
        TableError: A file cannot be read.
    """
    arrays = dict(given.arrays)
    for name, column in columns.items():
        files = arrays_of(column.kind).files
        assert files is not None
        arrays[name] = files.kept(given.files_of(name), column)
    inputs = {name: [column for column in its if column not in columns] for name, its in given.inputs.items()}
    inputs = {name: its for name, its in inputs.items() if its}
    return given._replace(frame=given.frame.drop(columns=list(columns)), arrays=arrays, inputs=inputs)


def without_nameless(features: pd.DataFrame, *, named: Sequence[str]) -> pd.DataFrame:
    """Return the columns that have a name, or are named by an argument; say which are left out.

    Such a column is the index that pandas wrote beside the columns, or the end of lines that end in a comma.
    """
    nameless = [name for name in features.columns if _NAMELESS.search(str(name)) and name not in named]
    for name in nameless:
        warnings.warn(
            f"column {name!r} has no name, as an index that was written into a file: it is left out; rename it to "
            "have it used",
            stacklevel=3,
        )
    return features.drop(columns=nameless)


def in_order(columns: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return columns with those of named tables last, in the order in which these name them."""
    named = [column for its in inputs.values() for column in its if column in columns]
    return [*(column for column in columns if column not in set(named)), *dict.fromkeys(named)]
