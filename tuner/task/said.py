"""What a user says of columns, in one mapping: `categories`, `text` and `image` are short for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spaces.inputs.files import DataError
from spaces.inputs.given import Given
from spaces.inputs.image.border import Image
from spaces.inputs.kind import Options
from spaces.inputs.kinds import hand_over, kind_named
from spaces.inputs.table.kind import Category
from spaces.inputs.text.kind import Text
from spaces.language.complaints import unknown_name
from spaces.rows.columns import Column, TableError
from tuner.task.names import column_names
from tuner.task.reading import with_files

Said = Mapping[str, Options]


def said_of_columns(
    columns: Any, *, categories: Any = (), text: Any = (), image: Any = (), image_size: Sequence[int] | None = None
) -> dict[str, Options]:
    """Return the options of each column or array, whichever argument they were given by.

    Raises:
        DataError: A list of columns is none, or what is said is nothing that a kind of input takes.
        TableError: Two things are said of one column, or a kind of a user's own cannot be used.
    """
    short: dict[str, tuple[Any, Options]] = {
        "categories": (categories, Category()),
        "text": (text, Text()),
        "image": (image, Image(image_size)),
    }
    lists = {argument: (column_names(given, argument), what) for argument, (given, what) in short.items()}
    said, by = dict[str, Options](), dict[str, str]()
    each = [(argument, name, what) for argument, (names, what) in lists.items() for name in names]
    for argument, name, what in [*each, *(("columns", name, what) for name, what in _checked(columns).items())]:
        if by.get(name, argument) != argument:
            raise TableError(f"column {name!r} is named in {by[name]} and in {argument}: it can be one of them")
        said[name], by[name] = what, argument
    hand_over(dict.fromkeys(what.kind for what in said.values()))
    return said


def arrays_among(said: Said) -> dict[str, Options]:
    """Return the options of arrays."""
    return {name: what for name, what in said.items() if kind_named(what.kind).arrays is not None}


def read_said_files(given: Given, said: Said, size: Sequence[int] | None, *, target: Any) -> Given:
    """Return what was handed over with arrays in place of the columns that name their files.

    Args:
        given: What was handed over; a folder of images needs no telling.
        said: What is said of columns and arrays.
        size: Height and width that images are brought to.
        target: The target, which is no file.

    Raises:
        DataError: There is no such column, or there is no use for the size.
        TableError, ValueError: Files cannot be read.
    """
    named = {**{name: Image(size) for name in given.images}, **arrays_among(said)}
    if size is not None and not any(isinstance(what, Image) for what in named.values()):
        raise DataError("image_size is of images in files, and no column names any: Task(..., image=['file'])")
    columns: dict[str, Column] = {}
    for name, what in named.items():
        kind = kind_named(what.kind)
        if isinstance(target, str) and target == name:
            raise DataError(f"{kind.name}: {target!r} is the target")
        if name in given.arrays:
            continue
        if name not in given.frame.columns:
            raise DataError(f"{kind.name}: {unknown_name(name, [*map(str, given.frame.columns), *given.arrays])}")
        assert kind.arrays is not None
        if kind.arrays.files is None:
            raise DataError(f"{name!r} is said to be {kind.noun}, which no file holds: hand over {{{name!r}: array}}")
        columns[name] = kind.arrays.files.column(name, given.files_of(name), what)
    return with_files(given, columns)


def _checked(columns: Any) -> dict[str, Options]:
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise DataError(f"columns must say of each what it is, columns={{'photo': tuner.Image()}}, got {columns!r}")
    for name, what in columns.items():
        if isinstance(what, type) or not isinstance(getattr(what, "kind", None), str):
            raise DataError(f"columns: what {name!r} is must be said as tuner.Image(size=(64, 64)) does, got {what!r}")
    return {str(name): what for name, what in columns.items()}
