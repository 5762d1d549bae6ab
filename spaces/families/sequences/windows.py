"""Rows that are steps of sequences, cut into windows for networks, and put together again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.table.matrix import PreparedTable, Recipe, prepare
from spaces.inputs.text.vocabulary import PreparedTexts, TextRecipe, prepare_texts
from spaces.rows.columns import UNSEEN
from spaces.rows.table import Table

FIRST_CATEGORY = 3  # 0 is behind the end of a sequence, 1 an unseen category, 2 a missing one
_OFTEN = 2
_SETTINGS = ("known", "width", "length", "overlap", "key")


class Windows(NamedTuple):
    """Steps in windows.

    Attributes:
        codes: int32 `(windows, length, categories)`: 0 behind the end of a sequence, 1 unseen, 2 missing, and the
            categories from `FIRST_CATEGORY`.
        numbers: float32 `(windows, length, columns)`; zeros behind the end of a sequence.
        rows: int64 `(windows, length)`, the row of each step; -1 behind the end.
        fresh: bool `(windows, length)`, the steps that this window is to be asked about; each row is one of them once.
        tokens: Where a text stands beside a sequence, the same at each of its steps: int32 `(windows, tokens)`.
    """

    codes: NDArray[np.int32]
    numbers: NDArray[np.float32]
    rows: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    tokens: tuple[NDArray[np.int32], ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows there are, and as a matrix would say it, columns."""
        return int(self.fresh.sum()), self.codes.shape[2] + self.numbers.shape[2]


@dataclass(frozen=True, eq=False)
class PreparedWindows:
    """The preprocessing of steps.

    Attributes:
        numbers: Of the numeric columns; None where there are none.
        known: Of each category column, the codes that were there in training, more than once; others are unseen, so
            that a network learns what to make of a category that it does not know.
        width: Columns of numbers, zeros behind those that preprocessing makes: folds may differ in them.
        length: Steps of a window.
        overlap: So many steps of a window have been in the one before it, and are there as context only.
        key: Names what it was learned from.
        texts: The preprocessing of texts that stand beside sequences.
    """

    numbers: PreparedTable | None
    known: tuple[tuple[int, ...], ...]
    width: int
    length: int
    overlap: int
    key: str | None = None
    texts: PreparedTexts | None = None

    def matrix(self, table: Table) -> Windows:
        """Cut rows into windows that overlap, for prediction."""
        return self.cut(table, self.overlap)

    def cut(self, table: Table, overlap: int) -> Windows:
        """Cut rows into windows, each beginning `length - overlap` steps after the one before, within a sequence."""
        rows, fresh = _places(table, self.length, overlap)
        inside = (rows >= 0)[:, :, None]
        codes, dense = self._codes(table), self._dense(table)
        texts = () if self.texts is None else tuple(self.texts.arrays(table.take(rows[:, 0])))
        return Windows(
            np.where(inside, codes[rows], 0), np.where(inside, dense[rows], np.float32(0)), rows, fresh, texts
        )

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `preprocess.skops` where there are numbers, `vocabulary.json` where there are texts.

        Returns:
            What else loading needs, as JSON values.
        """
        numbers = None if self.numbers is None else self.numbers.save(folder)
        texts = None if self.texts is None else self.texts.save(folder)
        return {"numbers": numbers, "texts": texts, **{name: getattr(self, name) for name in _SETTINGS}}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> PreparedWindows:
        """Read what `save` wrote and returned."""
        numbers = None if settings["numbers"] is None else PreparedTable.load(folder, settings["numbers"])
        texts = None if settings["texts"] is None else PreparedTexts.load(folder, settings["texts"])
        known = tuple(tuple(codes) for codes in settings["known"])
        return PreparedWindows(numbers, **{name: settings[name] for name in _SETTINGS} | {"known": known}, texts=texts)

    def _codes(self, table: Table) -> NDArray[np.int32]:
        codes = np.asarray(table.codes, dtype=np.int32) + FIRST_CATEGORY
        for i, known in enumerate(self.known):
            strange = (codes[:, i] >= FIRST_CATEGORY) & ~np.isin(table.codes[:, i], known)
            codes[strange, i] = UNSEEN + FIRST_CATEGORY
        return codes

    def _dense(self, table: Table) -> NDArray[np.float32]:
        if self.numbers is None:
            return np.zeros((len(table), 0), np.float32)
        matrix = self.numbers.matrix(_numbers_of(table))
        return np.pad(matrix, ((0, 0), (0, self.width - matrix.shape[1])))


def prepare_windows(
    scaling: Any,
    train: Table,
    target: NDArray[Any],
    *,
    target_kind: str,
    length: int,
    overlap: int,
    text: TextRecipe | None = None,
) -> PreparedWindows:
    """Learn from training rows how to scale numbers, which categories there are, and words; see `PreparedWindows`."""
    key = None if train.key is None else f"{train.key}|windows|{scaling}|{length}|{overlap}|{text}"
    known = tuple(_often(column) for column in np.asarray(train.codes).T)
    texts = None if text is None else prepare_texts(text, train)
    if not train.numbers.shape[1]:
        return PreparedWindows(None, known, 0, length, overlap, key, texts)
    numbers = prepare(Recipe(scaling, "onehot", ()), _numbers_of(train), target, target_kind=target_kind)
    return PreparedWindows(numbers, known, numbers.width, length, overlap, key, texts)


def _often(codes: NDArray[np.int32]) -> tuple[int, ...]:
    found, counts = np.unique(codes[codes >= 0], return_counts=True)
    return tuple(found[counts >= _OFTEN].tolist())


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
