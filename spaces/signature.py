"""What a task's inputs and targets look like: all that a family may know before it sees rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaces.vectors import Vectors

TargetKind = Literal["regression", "binary", "multiclass", "several", "itself"]
Loss = Literal["squared_error", "absolute_error", "log_loss", "reconstruction", "elbo", "two_sample"]
# The kind of target of rows that have none: how far a model is from them, which is to be zero.
ITSELF: TargetKind = "itself"


@dataclass(frozen=True)
class Input:
    """A named input.

    Attributes:
        name: How the input is called.
        kind: `"table"`: one row of numbers, after preprocessing; `"text"`: tokens in order; `"series"`: steps with
            channels; or `"image"`.
        shape: Shape of one row; for a table `(columns,)`, for a text `(words,)`, which 95 of 100 texts do not exceed,
            for a series `(steps, channels)`, for an image `(height, width, channels)`.
        dtype: What the model receives.
        cardinalities: For a table before preprocessing, the number of categories of each category column; for a text,
            the number of distinct words.
        vectors: For a text, pretrained vectors of its words, where there are some.
        columns: For one of several tables, which columns of all it has (see `spaces.table.Table.joined`).
        kinds: For a table, the kind of each column.
        periods: For a series, after how many steps it may repeat itself, as after a day and a week.
    """

    name: str
    kind: Literal["table", "text", "series", "image"]
    shape: tuple[int, ...]
    dtype: str = "float32"
    cardinalities: tuple[int, ...] = ()
    vectors: Vectors | None = field(default=None, compare=False, repr=False)
    columns: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    periods: tuple[int, ...] = ()


class Follows(NamedTuple):
    """What a forecast continues: a channel of the series, so many steps after its end."""

    channel: int
    horizon: int


@dataclass(frozen=True)
class Target:
    """A named target.

    Attributes:
        name: How the target is called.
        kind: `"regression"`, `"binary"`, `"multiclass"`, `"several"` for all targets of a task as one, or `"itself"`
            where there is none and models learn the rows themselves.
        classes: The labels, sorted; empty for regression.
        loss: What training minimises, as the task's metric asks.
        weigh_classes: Whether the metric counts a row of a rare class for more, so that training may do so too.
        parts: The targets, where there are several. They stand in the columns of a `(rows, targets)` array, and what
            is predicted of them side by side in one `(rows, outputs)`.
        follows: Of a forecast, what it continues.
    """

    name: str
    kind: TargetKind
    classes: tuple[Any, ...] = ()
    loss: Loss = "squared_error"
    weigh_classes: bool = False
    parts: tuple[Target, ...] = ()
    follows: Follows | None = None

    @staticmethod
    def of(targets: Sequence[Target]) -> Target:
        """Return the only target, or several as one."""
        if len(targets) == 1:
            return targets[0]
        return Target("+".join(part.name for part in targets), "several", parts=tuple(targets))

    @property
    def each(self) -> tuple[Target, ...]:
        """The targets it stands for: its parts, or itself."""
        return self.parts or (self,)

    @property
    def key(self) -> str:
        """Its name in a space, where dots part names."""
        return self.name.replace(".", "_")

    @property
    def of_classes(self) -> bool:
        """Whether it is a single target with classes."""
        return bool(self.classes)

    @property
    def outputs(self) -> int:
        """Columns of a prediction: 1 for regression, one a class otherwise."""
        return sum(part.outputs for part in self.parts) or len(self.classes) or 1

    @property
    def columns(self) -> tuple[slice, ...]:
        """Where what is predicted of each target stands among the outputs."""
        ends = np.cumsum([0, *(part.outputs for part in self.each)]).tolist()
        return tuple(slice(start, end) for start, end in pairwise(ends))

    def column(self, values: NDArray[Any], place: int) -> NDArray[Any]:
        """Return one target's values or class indices, `(rows,)`, out of those of all, `(rows, targets)`."""
        return column_of(values, place, classes=bool(self.parts[place].classes))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        own = {"name": self.name, "kind": self.kind, "classes": list(self.classes), "loss": self.loss}
        parts = [part.to_json() for part in self.parts]
        return {**own, "weigh_classes": self.weigh_classes, "parts": parts, "follows": self.follows}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Target:
        """Rebuild what `to_json` returned."""
        parts = tuple(Target.from_json(part) for part in data.get("parts", ()))
        follows = Follows(*data["follows"]) if data.get("follows") else None
        return Target(**{**data, "classes": tuple(data["classes"]), "parts": parts, "follows": follows})


def _alike(one: Input, other: Input) -> bool:
    """Return whether one branch could read both."""
    if one.kind == "text" == other.kind:
        return True
    return all(
        getattr(one, what) == getattr(other, what) for what in ("kind", "shape", "dtype", "kinds", "cardinalities")
    )


def column_of(values: NDArray[Any], place: int, *, classes: bool) -> NDArray[Any]:
    """Return one column of several targets, `(rows,)`; indices of classes as whole numbers again."""
    return values[:, place].astype(np.int64) if classes else values[:, place]


@dataclass(frozen=True)
class Signature:
    """The inputs and targets of a task, and how many rows train a model.

    Attributes:
        inputs: The inputs.
        targets: The targets.
        rows: How many rows train a model.
        steps: Where rows are steps of sequences, a number of steps that 95 of 100 sequences do not exceed; else 0.

    >>> Signature((Input("table", "table", (4,)),), (Target("y", "regression"),), rows=100).input.shape
    (4,)
    """

    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]
    rows: int
    steps: int = 0

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
        """The series and images, in order."""
        return tuple(one for one in self.inputs if one.kind in ("series", "image"))

    @property
    def pair(self) -> tuple[Input, Input] | None:
        """The two inputs of one kind that can be compared: texts, series, images, or tables with names of their own."""
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
