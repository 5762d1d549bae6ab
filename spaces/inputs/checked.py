"""What arrays are refused for, of whatever kind they are."""

from __future__ import annotations

import numpy as np

from spaces.rows.arrays import Array
from spaces.rows.columns import Column, TableError


def numeric(name: str, array: Array) -> None:
    """Refuse an array that holds no numbers, or nothing.

    Raises:
        TableError: It does.
    """
    if array.dtype.kind not in "iufb":
        raise TableError(f"{name!r} must be an array of numbers, got {array.dtype}")
    if 0 in array.shape[1:]:
        raise TableError(f"{name!r} is empty: its shape is {array.shape}")


def finite(name: str, array: Array, way_out: str) -> None:
    """Refuse infinite numbers.

    Raises:
        TableError: There are some.
    """
    if np.isinf(np.asarray(array)).any():
        raise TableError(f"{name!r} holds infinite numbers; {way_out}")


def checked_shape(column: Column, array: Array) -> None:
    """Refuse rows of another shape than the training rows'.

    Raises:
        TableError: They are.
    """
    if tuple(array.shape[1:]) != column.shape:
        shape = ", ".join(map(str, column.shape))
        raise TableError(f"{column.name!r} must have the shape (rows, {shape}), got {tuple(array.shape)}")
