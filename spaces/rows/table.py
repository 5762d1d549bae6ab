"""Encoded rows, with their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.rows.arrays import Array, take


@dataclass(frozen=True, eq=False)
class Table:
    """Encoded rows.

    Attributes:
        numbers: float64 `(rows, numbers)`; NaN where missing.
        codes: int32 `(rows, categories)`; `MISSING` (-1) and `UNSEEN` (-2) where there is no category.
        key: Names these very rows, so that what is computed from them can be cached; None for rows met once.
        texts: Strings `(rows, texts)`, one column a text column; None when there are none.
        sequence: int32 `(rows,)`, which sequence each row is a step of, in order; None where rows stand alone.
        origin: The `Corpus` that the texts are some of, and which; None for texts met once.
        arrays: Of each column of arrays, those of all rows, `(rows, steps, channels)` or
            `(rows, height, width, channels)`.
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int32]
    key: str | None = None
    texts: NDArray[np.object_] | None = None
    sequence: NDArray[np.int32] | None = None
    origin: tuple[Any, NDArray[np.int64]] | None = None
    arrays: tuple[Array, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def joined(self) -> NDArray[np.float64]:
        """Return numbers and codes side by side, `(rows, columns)`."""
        return np.hstack([self.numbers, self.codes.astype(np.float64)])

    def take(self, rows: NDArray[np.int64] | slice, key: str | None = None) -> Table:
        """Return some of the rows."""
        texts = None if self.texts is None else self.texts[rows]
        sequence = None if self.sequence is None else self.sequence[rows]
        origin = None if self.origin is None else (self.origin[0], self.origin[1][rows])
        arrays = tuple(take(array, rows) for array in self.arrays)
        return Table(self.numbers[rows], self.codes[rows], key, texts, sequence, origin, arrays)

    def only(self, columns: Sequence[int]) -> Table:
        """Return some of the columns of `joined()`, numbers before categories, and nothing else: no key either."""
        n_numbers = self.numbers.shape[1]
        numbers = [column for column in columns if column < n_numbers]
        codes = [column - n_numbers for column in columns if column >= n_numbers]
        return Table(self.numbers[:, numbers], self.codes[:, codes])


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows with their targets.

    Attributes:
        table: The rows.
        target: float64 values, or int64 indices of the sorted classes.
        weight: float64 `(rows,)`, above zero: how much each row counts, as if it were there so often; None where all
            count alike.
        group: int64 `(rows,)`, of which group each row is, such as a query; None where there are no groups.
    """

    table: Table
    target: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    group: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: NDArray[np.int64] | slice, key: str | None = None) -> Rows:
        """Return some of the rows, with their weights and groups."""
        weight = None if self.weight is None else self.weight[rows]
        group = None if self.group is None else self.group[rows]
        return Rows(self.table.take(rows, key), self.target[rows], weight, group)
