"""Combiners: fitted, they make one prediction of several, and can be written down.

A pool with weights is the plain one; `ensembles.stacking` has models of a second level, `ensembles.calibration` one
that wraps another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import POOLS, Pool, Predictions, Weights

Features = NDArray[np.float64] | None


class Combiner(Protocol):
    """Makes one prediction of several."""

    @property
    def weights(self) -> Weights:
        """How much each member counts, `(members,)`, at least 0: of sum one but for the log-linear pool."""
        ...

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return `(rows, outputs)` of `(members, rows, outputs)`; some also look at the rows' own features."""
        ...

    def pruned(self, share: float) -> Combiner:
        """Return it with nothing for members that count less than this share of all weight, where it can do so."""
        ...

    def only(self, members: NDArray[np.int64]) -> Combiner:
        """Return it for some of the members, in this order; those left out must have a weight of 0."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with its `kind`."""
        ...


class Candidate(Protocol):
    """A way to combine that can be fitted, and chosen among others."""

    def accepts(self, loss: Loss) -> bool:
        """Return whether it can minimise this loss."""
        ...

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Combiner:
        """Fit it.

        Args:
            predictions: Held-out predictions `(members, rows, outputs)`.
            target: `(rows,)`, class indices or values, or `(rows, outputs)`.
            loss: What to minimise.
            sample_weight: `(rows,)`, how much each row counts; all the same when left out.
            features: `(rows, columns)`, the rows themselves, for those that look at them.
        """
        ...


@dataclass(frozen=True, eq=False)
class Pooled:
    """Members pooled by weights.

    Attributes:
        weights: `(members,)`, at least 0; of sum one for the linear pool.
        pool: The name of the pool, a key of `ensembles.pools.POOLS`.
    """

    weights: Weights
    pool: Pool = "linear"

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the pool."""
        return POOLS[self.pool](predictions, self.weights)

    def only(self, members: NDArray[np.int64]) -> Pooled:
        """Return the pool of some members."""
        return Pooled(self.weights[members], self.pool)

    def pruned(self, share: float) -> Pooled:
        """Give nothing to members that count less than this share, so that no model is loaded for next to nothing."""
        weights = np.where(self.weights < share * self.weights.sum(), 0.0, self.weights)
        return Pooled(weights / weights.sum() if self.pool == "linear" else weights, self.pool)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "pooled", "weights": self.weights.tolist(), "pool": self.pool}


def combiner_from_json(data: Mapping[str, Any]) -> Combiner:
    """Rebuild what a combiner's `to_json` returned.

    Raises:
        ValueError: It is of a kind or a pool that this version does not know.
    """
    match data["kind"]:
        case "pooled" if data["pool"] in POOLS:
            return Pooled(np.array(data["weights"]), data["pool"])
        case "tempered":
            from ensembles.calibration import Tempered

            return Tempered.from_json(data)
        case "decided":
            from ensembles.threshold import Decided

            return Decided.from_json(data)
        case "each":
            from ensembles.several import EachCombined

            return EachCombined.from_json(data)
        case "linear_stack":
            from ensembles.stacking import LinearStack

            return LinearStack.from_json(data)
        case "tree_stack":
            from ensembles.stacking import TreeStack

            return TreeStack.from_json(data)
    raise ValueError(f"this version does not know the combiner {data['kind']!r} ({data.get('pool')}): update it")
