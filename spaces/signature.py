"""What a task's inputs and targets look like: all that a family may know before it sees rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spaces.vectors import Vectors

TargetKind = Literal["regression", "binary", "multiclass"]
Loss = Literal["squared_error", "absolute_error", "log_loss"]


@dataclass(frozen=True)
class Input:
    """A named input.

    Attributes:
        name: How the input is called.
        kind: `"table"`: one row of numbers, after preprocessing; or `"text"`: tokens in order.
        shape: Shape of one row; for a table `(columns,)`, for a text `(words,)`, which 95 of 100 texts do not exceed.
        dtype: What the model receives.
        cardinalities: For a table before preprocessing, the number of categories of each category column; for a text,
            the number of distinct words.
        vectors: For a text, pretrained vectors of its words, where there are some.
    """

    name: str
    kind: Literal["table", "text"]
    shape: tuple[int, ...]
    dtype: str = "float32"
    cardinalities: tuple[int, ...] = ()
    vectors: Vectors | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Target:
    """A named target.

    Attributes:
        name: How the target is called.
        kind: `"regression"`, `"binary"` or `"multiclass"`.
        classes: The labels, sorted; empty for regression.
        loss: What training minimises, as the task's metric asks.
        weigh_classes: Whether the metric counts a row of a rare class for more, so that training may do so too.
    """

    name: str
    kind: TargetKind
    classes: tuple[Any, ...] = ()
    loss: Loss = "squared_error"
    weigh_classes: bool = False

    @property
    def outputs(self) -> int:
        """Columns of a prediction: 1 for regression, one a class otherwise."""
        return len(self.classes) or 1


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
            raise ValueError(f"the task has the inputs {names}: use signature.table and signature.texts")
        return self.inputs[0]

    @property
    def table(self) -> Input | None:
        """The table, where there is one."""
        return next((one for one in self.inputs if one.kind == "table"), None)

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
        """The only target."""
        (only,) = self.targets
        return only

    def with_width(self, width: int) -> Signature:
        """Return the signature of the same task with `width` columns in its table."""
        inputs = tuple(replace(one, shape=(width,)) if one.kind == "table" else one for one in self.inputs)
        return replace(self, inputs=inputs)
