"""Members that are chosen by their losses, chosen anew in every resample of the rows.

Which member is best on the rows at hand is partly luck. A standard error that keeps the choice fixed does not know of
that luck, and is too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Select
from ensembles.losses import Loss, SampleWeight, Undefined, drawn
from ensembles.pools import Predictions
from spaces.rows.arrays import Index

_MOST_TRIED = 10
_NOBODY = "a part has no row that chooses"


@dataclass(frozen=True, eq=False)
class Reselected:
    """Cross-fitted predictions of members chosen by their losses, for any resample of the rows.

    Rows that are not scored, the first in time order, count once in every resample.

    Attributes:
        select: Returns the members' weights, given their losses.
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, or `(rows, outputs)`.
        loss: What decides which members are chosen.
        parts: Pairs of positions: rows that choose, rows that are scored.
        rows: Positions of the rows that are scored, sorted.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
    """

    select: Select
    predictions: Predictions
    target: NDArray[Any]
    loss: Loss
    parts: Sequence[tuple[Index, Index]]
    rows: Index
    sample_weight: SampleWeight = None

    def __call__(self, at: Index) -> NDArray[np.float64]:
        """Return `(resampled rows, outputs)`, for positions among the scored rows, some repeated."""
        weights, drawn = self.weights(at), self.rows[at]
        outputs = np.zeros((len(at), self.predictions.shape[2]))
        for i in np.flatnonzero(weights.any(axis=1)):
            outputs += weights[i, self._part_of[drawn], None] * self.predictions[i, drawn]
        return outputs

    def weights(self, at: Index) -> NDArray[np.float64]:
        """Return what each member counts in each part, `(members, parts)`, as a resample chooses."""
        counts = np.ones(len(self.target), dtype=np.int64)
        counts[self.rows] = np.bincount(at, minlength=len(self.rows))
        losses = self._each_row(counts) if self.loss.by_row else self._each_part(counts)
        return np.stack([self.select(of) for of in losses.T], axis=1)

    def _each_row(self, counts: Index) -> NDArray[np.float64]:
        """Return each member's mean loss on the rows that choose in each part, `(members, parts)`."""
        counted = self._chooses * (counts * self._counts)[:, None]
        total = counted.sum(axis=0)
        if not total.all():
            raise Undefined(_NOBODY)
        means: NDArray[np.float64] = self._row_losses @ counted / total
        return means

    def _each_part(self, counts: Index) -> NDArray[np.float64]:
        """Return the same, of a loss that is no mean over rows; of members that are far behind, infinity."""
        losses = np.full((len(self.predictions), len(self.parts)), np.inf)
        for p, (fit, _) in enumerate(self.parts):
            at = np.repeat(fit, counts[fit])
            if not len(at):
                raise Undefined(_NOBODY)
            target = drawn(self.target, at, self.loss)
            counted = None if self.sample_weight is None else self.sample_weight[at]
            for i in self._tried:
                losses[i, p] = self.loss(target, self.predictions[i, at], counted)
        return losses

    @cached_property
    def _row_losses(self) -> NDArray[np.float64]:
        assert self.loss.by_row is not None
        return np.stack([self.loss.by_row(self.target, member) for member in self.predictions])

    @cached_property
    def _counts(self) -> NDArray[np.float64]:
        """How much each row counts in a mean of losses, `(rows,)`."""
        weight = np.ones(len(self.target)) if self.sample_weight is None else self.sample_weight
        return weight if self.loss.counts is None else weight * self.loss.counts(self.target)

    @cached_property
    def _tried(self) -> list[int]:
        losses = [self.loss(self.target, member, self.sample_weight) for member in self.predictions]
        chosen: NDArray[np.int64] = np.argsort(losses, kind="stable")[:_MOST_TRIED]
        return chosen.tolist()

    @cached_property
    def _chooses(self) -> NDArray[np.float64]:
        """Which rows choose in which part, `(rows, parts)`."""
        found = np.zeros((len(self.target), len(self.parts)))
        for p, (fit, _) in enumerate(self.parts):
            found[fit, p] = 1.0
        return found

    @cached_property
    def _part_of(self) -> Index:
        found = np.full(len(self.target), -1)
        for p, (_, scored) in enumerate(self.parts):
            found[scored] = p
        return found
