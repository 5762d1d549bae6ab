"""Tables: what columns a task has, and its rows as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spaces.corpus import Corpus

ColumnKind = Literal["number", "boolean", "date", "category", "text", "sequence"]
MISSING, UNSEEN = -1, -2
DATE_PARTS = ("days", "month", "weekday", "hour")


class TableError(ValueError):
    """Rows that cannot be used as a table; the message names the column and how to mend it."""


@dataclass(frozen=True)
class Column:
    """A column: its name, its kind, and the names of its categories."""

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()


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
        """Columns of the numeric array: one a number or boolean, four a date."""
        widths = {"number": 1, "boolean": 1, "date": len(DATE_PARTS), "category": 0, "text": 0, "sequence": 0}
        return sum(widths[column.kind] for column in self.columns)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of categories of each category column."""
        return tuple(len(column.categories) for column in self.columns if column.kind == "category")

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
        return [{"name": c.name, "kind": c.kind, "categories": list(c.categories)} for c in self.columns]

    @staticmethod
    def from_json(data: Sequence[Mapping[str, Any]]) -> Schema:
        """Rebuild a schema from `to_json`."""
        return Schema(tuple(Column(c["name"], c["kind"], tuple(c["categories"])) for c in data))


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
    """

    numbers: NDArray[np.float64]
    codes: NDArray[np.int32]
    key: str | None = None
    texts: NDArray[np.object_] | None = None
    sequence: NDArray[np.int32] | None = None
    origin: tuple[Corpus, NDArray[np.int64]] | None = None

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
        return Table(self.numbers[rows], self.codes[rows], key, texts, sequence, origin)
