"""Targets: what is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

TargetKind = Literal["regression", "binary", "multiclass", "several", "itself"]

TrainingLoss = Literal["squared_error", "absolute_error", "log_loss", "reconstruction", "elbo", "two_sample"]
# The kind of target of rows that have none: how far a model is from them, which is to be zero.
ITSELF: TargetKind = "itself"


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
    loss: TrainingLoss = "squared_error"
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
        parts = tuple(Target.from_json(part) for part in data["parts"])
        follows = Follows(*data["follows"]) if data["follows"] else None
        return Target(**{**data, "classes": tuple(data["classes"]), "parts": parts, "follows": follows})


def column_of(values: NDArray[Any], place: int, *, classes: bool) -> NDArray[Any]:
    """Return one column of several targets, `(rows,)`; indices of classes as whole numbers again."""
    return values[:, place].astype(np.int64) if classes else values[:, place]


def followed(target: Target) -> list[Follows]:
    """Return what each target continues; empty unless all do."""
    found = [part.follows for part in target.each if part.follows is not None]
    return found if len(found) == len(target.each) else []
