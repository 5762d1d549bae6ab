"""Rows that are steps of sequences, cut into windows for networks, and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaces.preprocess import PreparedTable, Recipe, load_table, prepare
from spaces.table import Table

UNKNOWN_CODES = 2  # a missing category and one that was not there in training


class Windows(NamedTuple):
    """Steps in windows.

    Attributes:
        codes: int32 `(windows, length, categories)`, counted from 0: missing, unseen, then the categories.
        numbers: float32 `(windows, length, columns)`; zeros behind the end of a sequence.
        rows: int64 `(windows, length)`, the row of each step; -1 behind the end.
        fresh: bool `(windows, length)`, the steps that this window is to be asked about; each row is one of them once.
    """

    codes: NDArray[np.int32]
    numbers: NDArray[np.float32]
    rows: NDArray[np.int64]
    fresh: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows there are, and as a matrix would say it, columns."""
        return int(self.fresh.sum()), self.codes.shape[2] + self.numbers.shape[2]


@dataclass(frozen=True, eq=False)
class PreparedWindows:
    """The preprocessing of steps.

    Attributes:
        numbers: Of the numeric columns; None where there are none.
        length: Steps of a window.
        overlap: So many steps of a window have been in the one before it, and are there as context only.
        key: Names what it was learned from.
    """

    numbers: PreparedTable | None
    length: int
    overlap: int
    key: str | None = None

    @property
    def width(self) -> int:
        """Columns of numbers after preprocessing."""
        return 0 if self.numbers is None else self.numbers.width

    def matrix(self, table: Table) -> Windows:
        """Cut rows into windows that overlap, for prediction."""
        return self.cut(table, self.overlap)

    def cut(self, table: Table, overlap: int) -> Windows:
        """Cut rows into windows, each beginning `length - overlap` steps after the one before, within a sequence."""
        rows, fresh = _places(table, self.length, overlap)
        inside = (rows >= 0)[:, :, None]
        codes = np.where(inside, np.asarray(table.codes, dtype=np.int32)[rows] + UNKNOWN_CODES, 0)
        dense = np.zeros((len(table), 0), np.float32) if self.numbers is None else self._dense(table)
        return Windows(codes.astype(np.int32), np.where(inside, dense[rows], 0).astype(np.float32), rows, fresh)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `preprocess.skops` where there are numbers, and return what else loading needs, as JSON values."""
        numbers = None if self.numbers is None else self.numbers.save(folder)
        return {"numbers": numbers, "length": self.length, "overlap": self.overlap, "key": self.key}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> PreparedWindows:
        """Read what `save` wrote and returned."""
        numbers = None if settings["numbers"] is None else load_table(folder, settings["numbers"])
        return PreparedWindows(numbers, settings["length"], settings["overlap"], settings["key"])

    def _dense(self, table: Table) -> NDArray[np.float32]:
        assert self.numbers is not None
        return self.numbers.matrix(_numbers_of(table))


def prepare_windows(
    scaling: Any, train: Table, target: NDArray[Any], target_kind: str, *, length: int, overlap: int
) -> PreparedWindows:
    """Learn how to scale the numbers of training rows; see `PreparedWindows`."""
    key = None if train.key is None else f"{train.key}|windows|{scaling}|{length}|{overlap}"
    if not train.numbers.shape[1]:
        return PreparedWindows(None, length, overlap, key)
    numbers = prepare(Recipe(scaling, "onehot", ()), _numbers_of(train), target, target_kind)
    return PreparedWindows(numbers, length, overlap, key)


def _numbers_of(table: Table) -> Table:
    key = None if table.key is None else f"{table.key}|numbers"
    return Table(table.numbers, np.empty((len(table), 0), np.int32), key)


def _places(table: Table, length: int, overlap: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows of each window, and which of its steps no earlier window has."""
    sequence = np.zeros(len(table), np.int32) if table.sequence is None else np.asarray(table.sequence)
    starts = np.flatnonzero(np.diff(sequence, prepend=-1))
    ends = [*starts[1:], len(sequence)]
    begins, stops, new_from = [], [], []
    for start, end in zip(starts, ends, strict=True):
        first = np.arange(start, max(end - overlap, start + 1), length - overlap)
        begins.append(first)
        stops.append(np.full(len(first), end))
        new_from.append(np.where(first == start, 0, overlap))
    begin, stop = (np.concatenate(parts) if parts else np.empty(0, int) for parts in (begins, stops))
    steps = np.arange(length)
    rows = begin[:, None] + steps
    inside = rows < stop[:, None]
    new = steps >= (np.concatenate(new_from) if new_from else np.empty(0, int))[:, None]
    return np.where(inside, rows, -1), inside & new
