"""Several targets: weights that all of them share, or weights of their own for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Candidate, Combiner, Features, Read, Undecided, Unpooled
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from spaces.rows.target import column_of


@dataclass(frozen=True)
class TargetLoss:
    """One target among several.

    Attributes:
        place: Its column in the target, `(rows, targets)`.
        columns: Its columns in the predictions, `(members, rows, outputs)`.
        loss: What is minimised of it.
        weight: How much that counts.
        classes: Whether its values are indices of classes.
    """

    place: int
    columns: slice
    loss: Loss
    weight: float
    classes: bool

    def of(self, target: NDArray[Any]) -> NDArray[Any]:
        """Return its values or class indices, `(rows,)`."""
        return column_of(target, self.place, classes=self.classes)


def sum_of_losses(parts: Sequence[TargetLoss]) -> Loss:
    """Return the weighted sum of each target's loss."""

    def function(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        return sum(
            part.weight * part.loss(part.of(target), predictions[:, part.columns], sample_weight) for part in parts
        )

    def by_row(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
        return np.sum(
            [
                part.weight * part.loss.by_row(part.of(target), predictions[:, part.columns])
                for part in parts
                if part.loss.by_row
            ],
            axis=0,
        )

    added = all(part.loss.by_row and part.loss.name != "rmse" for part in parts)  # of which only the squares add up
    convex = all(part.loss.convex for part in parts)
    name = "the losses of several targets"
    return Loss(name, function, convex=convex, by_row=by_row if added else None, targets=len(parts))


@dataclass(frozen=True)
class EachTarget(Unpooled):
    """Combines what is predicted of each target on its own, one after the other.

    Attributes:
        candidate: How members become one.
        targets: The targets.
    """

    candidate: Candidate
    targets: tuple[TargetLoss, ...]

    @property
    def plain(self) -> Candidate:
        """Itself."""
        return self

    def accepts(self, loss: Loss) -> bool:
        """Return whether each target's loss can be minimised."""
        return all(self.candidate.accepts(part.loss) for part in self.targets)

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> EachCombined:
        """Fit each target's loss, whatever loss is given; see `ensembles.combiners.combiner.Candidate.fit`."""
        combiners = tuple(
            self.candidate.fit(
                predictions[:, :, part.columns],
                part.of(target),
                part.loss,
                sample_weight=sample_weight,
                features=features,
            )
            for part in self.targets
        )
        return EachCombined(combiners, tuple((part.columns.start, part.columns.stop) for part in self.targets))


@dataclass(frozen=True, eq=False)
class EachCombined(Undecided):
    """A combiner for each target; columns are where each begins and ends among the outputs."""

    combiners: tuple[Combiner, ...]
    columns: tuple[tuple[int, int], ...]

    @property
    def weights(self) -> Weights:
        """How much each member counts, over the targets: the mean of its shares."""
        shares: Weights = np.mean([one.weights / one.weights.sum() for one in self.combiners], axis=0)
        return shares

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the combined predictions of all targets, side by side."""
        each = zip(self.combiners, self.columns, strict=True)
        return np.hstack([one(predictions[:, :, start:stop], features) for one, (start, stop) in each])

    def pruned(self, share: float) -> EachCombined:
        """Leave out of each target's combination the members that have less than this share of it."""
        return EachCombined(tuple(one.pruned(share) for one in self.combiners), self.columns)

    def only(self, members: NDArray[np.int64]) -> EachCombined:
        """Return it for some members."""
        return EachCombined(tuple(one.only(members) for one in self.combiners), self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "each", "combiners": [one.to_json() for one in self.combiners], "columns": self.columns}

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> EachCombined:
        """Rebuild what `to_json` returned."""
        combiners = tuple(read(one) for one in data["combiners"])
        return EachCombined(combiners, tuple((start, stop) for start, stop in data["columns"]))
