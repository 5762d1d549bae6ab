"""Read what a user hands over (a data frame, a file, arrays) into a data frame, with clear complaints."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spaces.inputs.files import IMAGE as IMAGE
from spaces.inputs.files import DataError as DataError
from spaces.inputs.files import image_folder as image_folder
from spaces.inputs.files import read_file
from spaces.inputs.given import Given as Given
from spaces.inputs.given import below, frame_of
from spaces.inputs.image.files import common_shape, kept_images
from spaces.language.complaints import unknown_name

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


def image_columns(given: Given, image: Sequence[str], size: Sequence[int] | None, target: Any) -> list[str]:
    """Return the columns that name files of images; those of a folder need no telling."""
    if isinstance(image, str):
        raise DataError(f"image must be a list of columns: image=[{image!r}]")
    columns = list(dict.fromkeys([*given.images, *image]))
    if isinstance(target, str) and target in columns:
        raise DataError(f"image: {target!r} is the target")
    if size is not None and not columns:
        raise DataError("image_size is of images in files, and no column names any: Task(..., image=['file'])")
    return columns


def with_images(given: Given, columns: Mapping[str, tuple[int, int, int] | None], size: Sequence[int] | None) -> Given:
    """Return what was handed over with images in place of the columns that name their files.

    Args:
        given: What was handed over.
        columns: Of each such column the shape of its images, or None where they are to tell it.
        size: Height and width that they are brought to, where they are to tell the rest.

    Raises:
        DataError: There is no such column.
        TableError, ValueError: As `spaces.inputs.image.files.common_shape` and `read_images`.
    """
    arrays = dict(given.arrays)
    for name, shape in columns.items():
        if name not in given.frame.columns:
            raise DataError(f"image: {unknown_name(name, [str(one) for one in given.frame.columns])}")
        files = [below(given.folder, file) for file in given.frame[name]]
        arrays[name] = kept_images(files, shape or common_shape(files, size))
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
