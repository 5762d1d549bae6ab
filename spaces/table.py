"""Tables: what columns a task has, and its rows as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.arrays import take

if TYPE_CHECKING:
    from spaces.arrays import Array
    from spaces.corpus import Corpus

ColumnKind = Literal["number", "boolean", "date", "category", "text", "sequence", "series", "image"]
ARRAYS: tuple[ColumnKind, ...] = ("series", "image")
TABLE = "table"
MISSING, UNSEEN = -1, -2
DATE_PARTS = ("days", "month", "weekday", "hour")


class TableError(ValueError):
    """Rows that cannot be used as a table; the message names the column and how to mend it."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        kind: Its kind.
        categories: The names of its categories; of a series, those of its channels where they have some.
        input: The named input that a column of numbers or categories is part of.
        shape: Of a column of arrays, the shape of one.
        periods: Of a series, after how many steps it may repeat itself.
        clock: Of a series, the column of its time stamps.
        dtype: Of a column of arrays, the type of their numbers.
    """

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()
    input: str = TABLE
    shape: tuple[int, ...] = ()
    periods: tuple[int, ...] = ()
    clock: str = ""
    dtype: str = ""

    @property
    def tabular(self) -> bool:
        """Whether it is part of a table."""
        return self.kind not in ("text", "sequence", *ARRAYS)

    @property
    def n_numbers(self) -> int:
        """Columns of the numeric array: one of a number or boolean, four of a date."""
        return {"number": 1, "boolean": 1, "date": len(DATE_PARTS)}.get(self.kind, 0)


@dataclass(frozen=True)
class Schema:
    """The columns of a table, in order."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    @property
    def n_numbers(self) -> int:
        """Columns of the numeric array."""
        return sum(column.n_numbers for column in self.columns)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of categories of each category column."""
        return tuple(len(column.categories) for column in self.columns if column.kind == "category")

    @property
    def tables(self) -> dict[str, tuple[int, ...]]:
        """The columns of each named table among those of `Table.joined()`: its numbers, and then its categories."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        number, code = 0, self.n_numbers
        for column in self.columns:
            if not column.tabular:
                continue
            numbers, codes = found.setdefault(column.input, ([], []))
            if column.kind == "category":
                codes.append(code)
                code += 1
            numbers.extend(range(number, number + column.n_numbers))
            number += column.n_numbers
        return {name: (*numbers, *codes) for name, (numbers, codes) in found.items()}

    @property
    def arrays(self) -> list[Column]:
        """The columns of arrays, each an input of its own."""
        return [column for column in self.columns if column.kind in ARRAYS]

    @property
    def texts(self) -> list[str]:
        """Names of the text columns, each an input of its own."""
        return [column.name for column in self.columns if column.kind == "text"]

    @property
    def sequence(self) -> str | None:
        """Name of the column that says which rows are steps of one sequence."""
        return next((column.name for column in self.columns if column.kind == "sequence"), None)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the schema as JSON values."""
        return [
            {
                "name": c.name,
                "kind": c.kind,
                "categories": list(c.categories),
                "input": c.input,
                "shape": list(c.shape),
                "periods": list(c.periods),
                "clock": c.clock,
                "dtype": c.dtype,
            }
            for c in self.columns
        ]

    @staticmethod
    def from_json(data: Sequence[Mapping[str, Any]]) -> Schema:
        """Rebuild a schema from `to_json`."""
        tuples = ("categories", "shape", "periods")
        return Schema(tuple(Column(**{**c, **{name: tuple(c.get(name, ())) for name in tuples}}) for c in data))


@dataclass(frozen=True, eq=False)
class Table:
    """Encoded rows.

    Attributes:
        numbers: float64 `(rows, numbers)`; NaN where missing.
        codes: int32 `(rows, categories)`; `MISSING` (-1) and `UNSEEN` (-2) where there is no category.
        key: Names these very rows, so that what is computed from them can be cached; None for rows met once.
        texts: Strings `(rows, texts)`, one column a text column; None when there are none.
        sequence: int32 `(rows,)`, which sequence each row is a step of, in order; None where rows stand alone.
        origin: The corpus that the texts are some of, and which; None for texts met once.
        arrays: Of each column of arrays, those of all rows, `(rows, steps, channels)` or
            `(rows, height, width, channels)`.
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int32]
    key: str | None = None
    texts: NDArray[np.object_] | None = None
    sequence: NDArray[np.int32] | None = None
    origin: tuple[Corpus, NDArray[np.int64]] | None = None
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

    def only(self, columns: Sequence[int], key: str | None = None) -> Table:
        """Return some of the columns of `joined()`, numbers before categories, and nothing else."""
        n_numbers = self.numbers.shape[1]
        numbers = [column for column in columns if column < n_numbers]
        codes = [column - n_numbers for column in columns if column >= n_numbers]
        return Table(self.numbers[:, numbers], self.codes[:, codes], key)
