"""Members pooled by weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Features, Read, Undecided
from ensembles.pools import POOLS, Pool, Predictions, Weights


@dataclass(frozen=True, eq=False)
class Pooled(Undecided):
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

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> Pooled:
        """Rebuild what `to_json` returned.

        Raises:
            ValueError: This version does not know the pool.
        """
        if data["pool"] not in POOLS:
            raise ValueError(f"this version does not know the pool {data['pool']!r}: update it")
        return Pooled(np.array(data["weights"]), data["pool"])
