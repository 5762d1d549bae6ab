"""Files that we wrote, and that something tore since: a reader for each kind of file, and one kind of error."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARCHIVES = (".npz", ".skops", ".keras")
_TORN = (  # what readers raise of files that are cut off, overwritten, or a folder
    ArithmeticError,
    AttributeError,
    EOFError,
    IsADirectoryError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class Torn(ValueError):
    """A file that is not as we wrote it, or a part of something that is gone; the message names it."""


@contextmanager
def reading(path: Path, instead: str = "") -> Iterator[None]:
    """Name the file in what goes wrong while it is read.

    Args:
        path: The file.
        instead: What to do where it is damaged.

    Raises:
        Torn: It is damaged.
    """
    try:
        yield
    except Torn:
        raise
    except _TORN as error:
        why = "it holds no arrays" if "pickle" in str(error) else error  # NumPy proposes to load it unsafely
        raise Torn(f"{path} is damaged: {instead or why}") from None


def read_record(path: Path, holds: Mapping[str, type], *, instead: str = "") -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: The file.
        holds: Names that it must hold, and of which type each is.
        instead: What to do where it is damaged.

    Raises:
        FileNotFoundError: It is not there.
        Torn: It is damaged, or holds something else.
    """
    with reading(path, instead):
        record = json.loads(path.read_bytes())
        check_record(path, record, holds, instead=instead)
    return dict(record)


def check_record(path: Path, record: Any, holds: Mapping[str, type], *, instead: str = "") -> None:
    """Refuse what a file says where it is no object, or lacks something.

    Args:
        path: The file.
        record: What it says.
        holds: Names that it must hold, and of which type each is.
        instead: What to do.

    Raises:
        Torn: It is so.
    """
    if not isinstance(record, dict):
        raise Torn(f"{path} is damaged: {instead or 'it holds no names'}")
    for name, kind in holds.items():
        if name not in record or not isinstance(record[name], kind):
            raise Torn(f"{path} is damaged: {instead or f'it does not say {name}'}")


def read_list(path: Path, *, instead: str = "") -> list[Any]:
    """Read a JSON list.

    Args:
        path: The file.
        instead: What to do where it is damaged.

    Raises:
        FileNotFoundError: It is not there.
        Torn: It is damaged, or holds something else.
    """
    with reading(path, instead):
        found = json.loads(path.read_bytes())
    if not isinstance(found, list):
        raise Torn(f"{path} is damaged: {instead or 'it is no list'}")
    return found


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read an `.npz` file whole, and close it.

    Raises:
        OSError: It cannot be read.
        Torn: It is no such file, is damaged, or holds pickled objects.
    """
    with reading(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def map_array(path: Path, *, instead: str = "") -> NDArray[Any]:
    """Map an `.npy` file into memory.

    Args:
        path: The file.
        instead: What to do where it is damaged.

    Raises:
        OSError: It cannot be read.
        Torn: It is no such file, is damaged, or holds pickled objects.
    """
    with reading(path, instead):
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def is_array(path: Path, rows: int) -> bool:
    """Return whether a file holds an array of so many rows, as far as its beginning and its length tell."""
    try:
        return bool(map_array(path).shape[:1] == (rows,))
    except (OSError, Torn):
        return False


def is_whole(path: Path) -> bool:
    """Return whether a file is there and `check_whole` takes it."""
    try:
        check_whole(path)
    except (OSError, Torn):
        return False
    return path.is_file()


def check_whole(path: Path) -> None:
    """Refuse one of a model's files that was emptied or cut off, as far as its end tells; other files are taken.

    Raises:
        Torn: It was.
    """
    if path.suffix in _ARCHIVES:
        with reading(path), zipfile.ZipFile(path):
            pass
    elif path.name == "model.json":
        read_record(path, {"library": str})
