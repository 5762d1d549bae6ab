"""Columns: what a task has, their kinds, and the schema of all.

A new kind of column begins here: `ColumnKind`, `TABULAR`, `Column.n_numbers`. It is told from values in
`spaces/inputs/table/detection.py`, and turned into numbers in `spaces/inputs/table/columns.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

ColumnKind = Literal["number", "boolean", "date", "category", "text", "sequence"]
TABULAR = ("number", "boolean", "date", "category")
FRAMED = (*TABULAR, "text", "sequence")
"""The kinds of columns that stand in a frame; of every other kind a column is an array of its own."""
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
        kind: One of `FRAMED`, or the kind of input that an array is (see `spaces.inputs.kinds`).
        categories: The names of its categories.
        input: The named input that a column of numbers or categories is part of.
        shape: Of a column of arrays, the shape of one.
        dtype: Of a column of arrays, the type of their numbers.
        missing: Texts that stand for missing values in files, beside the usual ones.
        details: What else is known of a column of arrays, as its kind describes it; JSON values.
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    input: str = TABLE
    shape: tuple[int, ...] = ()
    dtype: str = ""
    missing: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def tabular(self) -> bool:
        """Whether it is part of a table."""
        return self.kind in TABULAR

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

    @cached_property
    def codes(self) -> dict[str, dict[str | int, int]]:
        """The code of each category by its name, of each category column; see `codes_by_name`."""
        return {one.name: codes_by_name(one.categories) for one in self.columns if one.kind == "category"}

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
        return [column for column in self.columns if column.kind not in FRAMED]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its arrays, each once."""
        return tuple(dict.fromkeys(column.kind for column in self.arrays))

    @property
    def text_names(self) -> list[str]:
        """Names of the text columns, each an input of its own."""
        return [column.name for column in self.columns if column.kind == "text"]

    @property
    def sequence(self) -> str | None:
        """Name of the column that says which rows are steps of one sequence."""
        return next((column.name for column in self.columns if column.kind == "sequence"), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Texts that stand for missing values in files, beside the usual ones."""
        return self.columns[0].missing if self.columns else ()

    def to_json(self) -> list[dict[str, Any]]:
        """Return the schema as JSON values."""
        return [asdict(column) for column in self.columns]

    @staticmethod
    def from_json(data: Sequence[Mapping[str, Any]]) -> Schema:
        """Rebuild a schema from `to_json`."""
        tuples = ("categories", "shape", "missing")
        return Schema(tuple(Column(**{**one, **{name: tuple(one[name]) for name in tuples}}) for one in data))


def codes_by_name(categories: Sequence[str]) -> dict[str | int, int]:
    """Return the code of each category by its name; one such as 007 by its number too, if it is the only such one.

    >>> codes_by_name(["007", "01", "1", "001"])[7]
    0
    """
    found: dict[str | int, int] = {name: code for code, name in enumerate(categories)}
    padded = [name for name in categories if name[:1] == "0" and name.isdecimal() and len(name) > 1]
    counts = Counter(map(int, padded))
    return found | {int(name): found[name] for name in padded if counts[int(name)] == 1}
