"""What a task's inputs and targets look like: all that a family may know before it sees rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spaces.rows.target import Target


@dataclass(frozen=True)
class Input:
    """A named input.

    Attributes:
        name: How the input is called.
        kind: `"table"`: one row of numbers, after preprocessing; `"text"`: tokens in order; or another kind, whose
            inputs are arrays (see `spaces.inputs.kinds`).
        shape: Shape of one row; for a table `(columns,)`, for a text `(words,)`, which 95 of 100 texts do not exceed.
        dtype: What the model receives.
        cardinalities: For a table before preprocessing, the number of categories of each category column; for a text,
            the number of distinct words.
        vectors: For a text, pretrained `Vectors` of its words, or None.
        columns: For one of several tables, which columns of all it has (see `spaces.rows.table.Table.joined`).
        kinds: For a table, the kind of each column.
        details: For an array, what its kind knows of it beside its shape.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    cardinalities: tuple[int, ...] = ()
    vectors: Any = field(default=None, compare=False, repr=False)
    columns: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


def _alike(one: Input, other: Input) -> bool:
    """Return whether one branch could read both."""
    if one.kind == "text" == other.kind:
        return True
    return all(
        getattr(one, what) == getattr(other, what) for what in ("kind", "shape", "dtype", "kinds", "cardinalities")
    )


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
        for one in tables:  # categories stand behind numbers, and are counted through all tables in order
            sizes |= zip(one.columns[len(one.columns) - len(one.cardinalities) :], one.cardinalities, strict=True)
        columns = sum(one.shape[0] for one in tables)
        return Input("table", "table", (columns,), cardinalities=tuple(sizes[place] for place in sorted(sizes)))

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
        return () if self.table is None else self.table.cardinalities

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
