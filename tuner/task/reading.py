"""Read what a user hands over (a data frame, a file, arrays) into a data frame, with clear complaints."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spaces.inputs.border import inputs_of
from spaces.inputs.image.files import SUFFIXES, common_shape, images_below, kept_images
from spaces.language.complaints import unknown_name
from spaces.rows.columns import TABLE

READERS = {".csv": ",", ".tsv": "\t", ".parquet": None, ".pq": None}
IMAGE = "image"
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip", ".zst")


class DataError(ValueError):
    """Data that cannot be used; the message says what, and how to mend it."""


def read_frame(data: Any, *, missing: Sequence[str] = ()) -> pd.DataFrame:
    """Return a data frame of a frame, or of a CSV, TSV or Parquet file (compressed too).

    Args:
        data: What the user gave.
        missing: Texts that stand for missing values in a CSV file, beside the usual ones.

    Raises:
        DataError: There is no such file, or it is empty or of an unknown type.
    """
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, str | Path):
        return _read_file(Path(data), missing)
    raise DataError(f"data must be a data frame, a path, an array or a mapping of those, got {type(data).__name__}")


class Given(NamedTuple):
    """What a user handed over: rows, series and images by name, and the columns of each named table.

    `images` are columns that name files, `folder` where these are looked for.
    """

    frame: pd.DataFrame
    arrays: dict[str, Any]
    inputs: dict[str, list[str]]
    images: tuple[str, ...] = ()
    folder: Path | None = None


def read_inputs(data: Any, *, missing: Sequence[str] = ()) -> Given:
    """Return what `Task` was given.

    Args:
        data: A data frame, a file, a folder of images, an array of a row, series or image each, or a mapping from
            names of inputs to such.
        missing: As for `read_frame`.

    Raises:
        DataError, TableError: It cannot be used.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        if path.is_dir():
            return Given(image_folder(path), {}, {}, (IMAGE,))
        if path.suffix == ".npz":
            return Given(*inputs_of(_read_arrays(path)))
        return Given(read_frame(path, missing=missing), {}, {}, folder=path.parent)
    if isinstance(data, Mapping):
        files = {name: isinstance(one, str | Path) for name, one in data.items()}
        data = {name: read_frame(one, missing=missing) if files[name] else one for name, one in data.items()}
    return Given(*inputs_of(data))


def image_folder(folder: str | Path) -> pd.DataFrame:
    """Return the images in a folder, as a frame with the columns `image` (its path) and `class`.

    The class of an image is the name of the folder below that it lies in; where no image lies in such a folder, there
    is no column of classes.

    Raises:
        DataError: There is no image, or a folder below holds none.
    """
    folder = Path(folder)
    files = images_below(folder) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder} holds no images: files that end in {', '.join(SUFFIXES)}, in a folder a class")
    classes = [path.relative_to(folder).parts[0] for path in files]
    below = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if empty := [name for name in below if name not in classes]:
        raise DataError(f"{folder / empty[0]} holds no images: add some, or remove the folder")
    frame = pd.DataFrame({IMAGE: [str(path) for path in files]})
    if not below:
        return frame
    if stray := [path for path in files if path.parent == folder]:
        raise DataError(f"{stray[0]} lies beside the folders of the classes {', '.join(below)}: move it into one")
    return frame.assign(**{"class": classes})


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


def below(folder: Path | None, file: Any) -> Any:
    """Return a file's path, of one that is given relative to a folder."""
    return folder / file if folder is not None and isinstance(file, str) and file else file


def in_order(columns: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return columns with those of named tables last, in the order in which these name them."""
    named = [column for its in inputs.values() for column in its if column in columns]
    return [*(column for column in columns if column not in set(named)), *dict.fromkeys(named)]


def _read_arrays(path: Path) -> dict[str, Any]:
    """Read an `.npz` file: arrays of one number a row are columns of a table, others inputs of their own.

    Whole numbers of eight bits on three axes are grey images, which lack the axis of channels.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as npz: {error}") from error
    rows = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if not rows or len(set(rows.values())) > 1:
        raise DataError(f"{path}: arrays of the same number of rows were expected, got {rows}")
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    others = {
        name: array[..., None] if array.ndim == 3 and array.dtype == np.uint8 else array
        for name, array in arrays.items()
        if name not in columns
    }
    return {**({TABLE: pd.DataFrame(columns)} if columns else {}), **others}


def _read_file(path: Path, missing: Sequence[str]) -> pd.DataFrame:
    if not path.exists() and not path.suffix:
        raise DataError(f"there is no file or folder {path}")
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSIONS]
    kind = suffixes[-1] if suffixes else ""
    if kind not in READERS:
        raise DataError(
            f"{path} is of no known type: {', '.join(READERS)} can be read, CSV and TSV also compressed, as data of a "
            "task also .npz and folders of images"
        )
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix)[:8] if path.parent.is_dir() else []
        hint = f"; in {path.parent} there are {', '.join(near)}" if near else ""
        raise DataError(f"there is no file {path}{hint}")
    try:
        frame = pd.read_parquet(path) if READERS[kind] is None else _read_text(path, str(READERS[kind]), missing)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty: a header and rows were expected") from None
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as {kind[1:]}: {error}") from error
    if frame.empty:
        raise DataError(f"{path} holds no rows, only the columns {', '.join(map(str, frame.columns))}")
    return frame


def _read_text(path: Path, separator: str, missing: Sequence[str]) -> pd.DataFrame:
    header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str).iloc[0].tolist()
    # pandas would rename a second "a" to "a.1" in silence.
    if duplicates := sorted({str(name) for name in header if header.count(name) > 1}):
        raise DataError(f"{path}: column name {duplicates[0]!r} is used {header.count(duplicates[0])} times")
    return pd.read_csv(path, sep=separator, na_values=list(missing), low_memory=False, skipinitialspace=True)
