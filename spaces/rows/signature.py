"""What a task's inputs and targets look like: all that a family may know before it sees rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spaces.rows.target import Target


@dataclass(frozen=True)
class TableColumns:
    """What is known of a table's columns: the details of a table.

    Attributes:
        kinds: The kind of each column; empty for several tables side by side.
        cardinalities: The number of categories of each category column.
        places: For one of several tables, which columns of all it has (see `spaces.rows.table.Table.joined`).
    """

    kinds: tuple[str, ...] = ()
    cardinalities: tuple[int, ...] = ()
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class Input:
    """A named input.

    Attributes:
        name: How the input is called.
        kind: `"table"`: one row of numbers, after preprocessing; `"text"`: tokens in order; or another kind, whose
            inputs are arrays (see `spaces.inputs.kinds`).
        shape: Shape of one row; for a table `(columns,)`, for a text `(words,)`, which 95 of 100 texts do not exceed.
        dtype: What the model receives.
        details: What its kind knows of it beside its shape: `TableColumns`, `spaces.inputs.text.words.Words`, or JSON
            values by name for an array.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    details: Any = field(default_factory=dict, hash=False)


def columns_of(table: Input) -> TableColumns:
    """Return what is known of a table's columns: nothing of one without details."""
    return table.details or TableColumns()


def _alike(one: Input, other: Input) -> bool:
    """Return whether one branch could read both."""
    if one.kind != other.kind or one.kind == "text":
        return one.kind == other.kind
    if one.kind == "table" and replace(columns_of(one), places=()) != replace(columns_of(other), places=()):
        return False
    return (one.shape, one.dtype) == (other.shape, other.dtype)


@dataclass(frozen=True)
class Signature:
    """The inputs and targets of a task, and how many rows train a model.

    Attributes:
        inputs: The inputs.
        targets: The targets.
        rows: How many rows train a model.
        steps: Where rows are steps of sequences, a number of steps that 95 of 100 sequences do not exceed; else 0.
        weighted: Whether rows have weights.

    >>> Signature((Input("table", "table", (4,)),), (Target("y", "regression"),), rows=100).input.shape
    (4,)
    """

    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]
    rows: int
    steps: int = 0
    weighted: bool = False

    @property
    def input(self) -> Input:
        """The only input.

        Raises:
            ValueError: There are several.
        """
        if len(self.inputs) != 1:
            names = ", ".join(one.name for one in self.inputs)
            raise ValueError(f"the task has the inputs {names}: use signature.tables, .arrays and .texts")
        return self.inputs[0]

    @property
    def tables(self) -> tuple[Input, ...]:
        """The tables, in order."""
        return tuple(one for one in self.inputs if one.kind == "table")

    @property
    def table(self) -> Input | None:
        """All tables side by side as one, where there are any."""
        tables = self.tables
        if len(tables) < 2:
            return tables[0] if tables else None
        sizes: dict[int, int] = {}
        for one in map(columns_of, tables):  # categories stand behind numbers, counted through all tables in order
            sizes |= zip(one.places[len(one.places) - len(one.cardinalities) :], one.cardinalities, strict=True)
        kinds = tuple(kind for one in tables for kind in columns_of(one).kinds)
        together = TableColumns(kinds, tuple(sizes[place] for place in sorted(sizes)))
        return Input("table", "table", (sum(one.shape[0] for one in tables),), details=together)

    @property
    def arrays(self) -> tuple[Input, ...]:
        """The inputs that are arrays, as series and images are, in order."""
        return tuple(one for one in self.inputs if one.kind not in ("table", "text"))

    @property
    def pair(self) -> tuple[Input, Input] | None:
        """The two inputs of one kind that can be compared: texts, arrays, or tables with names of their own."""
        named = tuple(one for one in self.tables if one.name != "table")
        for some in (self.texts, self.arrays, named):
            if len(some) == 2 and _alike(*some):
                return some[0], some[1]
        return None

    @property
    def texts(self) -> tuple[Input, ...]:
        """The texts, in order."""
        return tuple(one for one in self.inputs if one.kind == "text")

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of categories of each category column; empty where there is no table."""
        return () if self.table is None else columns_of(self.table).cardinalities

    @property
    def target(self) -> Target:
        """The only target, or all of them as one of kind `"several"`."""
        return Target.of(self.targets)

    @property
    def each_target(self) -> tuple[Signature, ...]:
        """The same task with each of its targets alone."""
        return tuple(replace(self, targets=(target,)) for target in self.targets)

    @property
    def joined(self) -> Signature:
        """The same task with all its tables as one."""
        if len(self.tables) < 2 or self.table is None:
            return self
        return replace(self, inputs=(self.table, *(one for one in self.inputs if one.kind != "table")))

    def with_widths(self, widths: Sequence[int]) -> Signature:
        """Return the signature of the same task with so many columns in each of its tables."""
        left = iter(widths)
        inputs = tuple(replace(one, shape=(next(left),)) if one.kind == "table" else one for one in self.inputs)
        return replace(self, inputs=inputs)
