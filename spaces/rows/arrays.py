"""Arrays of a row each that are not copied until they are needed: windows of a series, some rows of many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PIECE = 2**24  # bytes


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of one series: an array `(rows, length, channels)` that is never written out whole.

    Attributes:
        base: The series, `(steps, channels)`.
        starts: int64 `(rows,)`, where each stretch begins.
        length: Steps of a stretch.
        every: Every so many steps of the series is one of a stretch.
    """

    base: NDArray[Any]
    starts: NDArray[np.int64]
    length: int
    every: int = 1

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where the steps of a stretch stand behind its start."""
        return np.arange(self.length, dtype=np.int64) * self.every

    @property
    def last(self) -> NDArray[np.int64]:
        """Where the last step of each stretch stands in the series."""
        return self.starts + (self.length - 1) * self.every

    @property
    def shape(self) -> tuple[int, int, int]:
        """Its shape as an array."""
        return len(self.starts), self.length, self.base.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return self.base.dtype

    @property
    def ndim(self) -> int:
        """It has three axes."""
        return 3

    @property
    def nbytes(self) -> int:
        """Bytes in memory, without writing it out."""
        return self.base.nbytes + self.starts.nbytes

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: Any) -> Stretches:
        return replace(self, starts=self.starts[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Write it out."""
        written = self.base[self.starts[:, None] + self.offsets]
        return written if dtype is None else written.astype(dtype)


@dataclass(frozen=True, eq=False)
class Picked:
    """Some rows of an array, copied when they are needed: folds share images rather than hold each their own.

    Attributes:
        base: The array.
        rows: int64, which rows.
    """

    base: NDArray[Any]
    rows: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape as an array."""
        return len(self.rows), *self.base.shape[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its values."""
        return self.base.dtype

    @property
    def ndim(self) -> int:
        """As many axes as the array has."""
        return self.base.ndim

    @property
    def nbytes(self) -> int:
        """Bytes that a copy takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Picked:
        return Picked(self.base, self.rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Copy the rows."""
        picked = self.base[self.rows]
        return picked if dtype is None else picked.astype(dtype)


Array = NDArray[Any] | Stretches | Picked
Index = NDArray[np.int64]
"""Positions of rows, in order."""


def take(array: Array, rows: Any) -> Array:
    """Return some rows of an array without copying them yet."""
    if isinstance(array, np.ndarray):
        return Picked(array, np.arange(len(array)))[rows]
    return array[rows]


def pieces(array: Array) -> Iterator[NDArray[Any]]:
    """Write an array out, some megabytes at a time."""
    size = max(1, _PIECE // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
    for start in range(0, len(array), size):
        yield np.ascontiguousarray(array[start : start + size])


def write_array(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], *, some: Iterable[NDArray[Any]]) -> None:
    """Write an array that comes piece by piece into an npy file."""
    with path.open("wb") as file:
        described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, described)
        for piece in some:
            file.write(piece.data)
