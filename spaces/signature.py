"""What a task's inputs and targets look like: all that a family may know before it sees rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

TargetKind = Literal["regression", "binary", "multiclass"]
Loss = Literal["squared_error", "absolute_error", "log_loss"]


@dataclass(frozen=True)
class Input:
    """A named input.

    Attributes:
        name: How the input is called.
        kind: `"table"`: one row of numbers, after preprocessing.
        shape: Shape of one row; for a table `(columns,)`.
        dtype: What the model receives.
        cardinalities: For a table before preprocessing, the number of categories of each category column.
    """

    name: str
    kind: Literal["table"]
    shape: tuple[int, ...]
    dtype: str = "float32"
    cardinalities: tuple[int, ...] = ()


@dataclass(frozen=True)
class Target:
    """A named target.

    Attributes:
        name: How the target is called.
        kind: `"regression"`, `"binary"` or `"multiclass"`.
        classes: The labels, sorted; empty for regression.
        loss: What training minimises, as the task's metric asks.
    """

    name: str
    kind: TargetKind
    classes: tuple[Any, ...] = ()
    loss: Loss = "squared_error"

    @property
    def outputs(self) -> int:
        """Columns of a prediction: 1 for regression, one a class otherwise."""
        return len(self.classes) or 1


@dataclass(frozen=True)
class Signature:
    """The inputs and targets of a task, and how many rows train a model.

    >>> Signature((Input("table", "table", (4,)),), (Target("y", "regression"),), rows=100).input.shape
    (4,)
    """

    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]
    rows: int

    @property
    def input(self) -> Input:
        """The only input."""
        (only,) = self.inputs
        return only

    @property
    def target(self) -> Target:
        """The only target."""
        (only,) = self.targets
        return only

    def with_width(self, width: int) -> Signature:
        """Return the signature of the same task with `width` columns in its table."""
        return replace(self, inputs=(replace(self.input, shape=(width,)),))
