"""The contract of combiners: a fitted combiner makes one prediction of several, and can be stored as JSON.

A pool with weights is the plain one, stacks are models of a second level, and some wrap another. A combiner says how
its outputs become decisions, so that nobody has to ask of which kind it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights

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

    @property
    def threshold(self) -> float:
        """The probability of the second of two classes from which it is decided for."""
        ...

    def decide(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return outputs for metrics of labels: shifted so that the larger probability is what is decided for."""
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


Read = Callable[[Mapping[str, Any]], Combiner]
"""Rebuilds a stored combiner; handed to those that hold others."""


class Undecided:
    """Decides for the class of the largest probability, as most combiners do."""

    @property
    def threshold(self) -> float:
        """One half."""
        return 0.5

    def decide(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return outputs as they are."""
        return outputs


Select = Callable[[NDArray[np.float64]], Weights]
"""Weights `(members,)` of the members' losses `(members,)`."""


class Candidate(Protocol):
    """A way to combine that can be fitted, and chosen among others."""

    @property
    def select(self) -> Select | None:
        """Where weights depend on each member's own loss and nothing else, how."""
        ...

    @property
    def linear(self) -> bool:
        """Whether it is the members' sum with weights, and nothing more."""
        ...

    @property
    def plain(self) -> Candidate:
        """It without calibration and threshold: itself, or the candidate that it refines."""
        ...

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


class Unpooled:
    """A candidate that is more than weights of the members' sum, as all but the plain methods are."""

    @property
    def select(self) -> Select | None:
        """Nothing: more than the members' losses is looked at."""
        return None

    @property
    def linear(self) -> bool:
        """No."""
        return False
