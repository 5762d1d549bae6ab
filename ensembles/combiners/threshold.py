"""The decision threshold of two classes, for metrics of labels such as F1 on rare ones.

The second class is predicted where its probability reaches the threshold. Half is right for accuracy only, and for
that only where probabilities are calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ensembles.combiners.combiner import Candidate, Combiner, Features, Read, Unpooled
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from spaces.probabilities import log_odds

_CANDIDATES = 33
_RESAMPLES = 3


def decided(probabilities: NDArray[Any], threshold: float) -> NDArray[np.float64]:
    """Shift the probabilities of two classes so that the threshold comes to lie at one half.

    >>> decided(np.array([[0.8, 0.2], [0.9, 0.1]]), 0.2).round(3).tolist()
    [[0.5, 0.5], [0.692, 0.308]]
    """
    positive = expit(log_odds(probabilities[:, 1]) - logit(threshold))
    return np.stack([1 - positive, positive], axis=1)


def best_threshold(
    probabilities: NDArray[Any], target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
) -> float:
    """Return the threshold of least mean loss over resamples of the rows, which smooths a metric that moves in steps.

    Args:
        probabilities: `(rows, 2)`.
        target: `(rows,)`, 0 or 1.
        loss: Of labels: those of the larger probability.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
    """
    thresholds = np.unique(np.append(np.quantile(probabilities[:, 1], np.linspace(0.005, 0.995, _CANDIDATES)), 0.5))
    thresholds = thresholds[(thresholds > 0) & (thresholds < 1)]
    rng = np.random.default_rng(0)
    samples = [np.arange(len(target)), *(rng.integers(len(target), size=len(target)) for _ in range(_RESAMPLES))]
    weights = [None if sample_weight is None else sample_weight[rows] for rows in samples]
    losses = [
        np.mean([loss(target[rows], shifted[rows], counts) for rows, counts in zip(samples, weights, strict=True)])
        for shifted in (decided(probabilities, threshold) for threshold in thresholds)
    ]
    best = np.flatnonzero(np.isclose(losses, np.min(losses), rtol=0, atol=1e-12))
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - 0.5))]])


@dataclass(frozen=True, eq=False)
class Decided:
    """A combiner with a decision threshold.

    Attributes:
        combiner: What it decides upon.
        threshold: The probability from which the second class is predicted.
    """

    combiner: Combiner
    threshold: float

    @property
    def weights(self) -> Weights:
        """The inner combiner's weights."""
        return self.combiner.weights

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return probabilities as they are."""
        return self.combiner(predictions, features)

    def decide(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return shifted probabilities, whose larger one is the class that is predicted."""
        return decided(outputs, self.threshold)

    def pruned(self, share: float) -> Decided:
        """Return it with the inner combiner pruned."""
        return Decided(self.combiner.pruned(share), self.threshold)

    def only(self, members: NDArray[np.int64]) -> Decided:
        """Return it for some members."""
        return Decided(self.combiner.only(members), self.threshold)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"kind": "decided", "combiner": self.combiner.to_json(), "threshold": self.threshold}

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> Decided:
        """Rebuild what `to_json` returned."""
        return Decided(read(data["combiner"]), data["threshold"])


@dataclass(frozen=True)
class WithThreshold(Unpooled):
    """A candidate that fits another one, and then its decision threshold on the same rows.

    Attributes:
        candidate: The other candidate.
    """

    candidate: Candidate

    @property
    def plain(self) -> Candidate:
        """The other candidate."""
        return self.candidate.plain

    def accepts(self, loss: Loss) -> bool:
        """Return whether the other candidate can minimise the loss."""
        return self.candidate.accepts(loss)

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Decided:
        """Fit it; see `ensembles.combiners.combiner.Candidate.fit`."""
        inner = self.candidate.fit(predictions, target, loss, sample_weight=sample_weight, features=features)
        return Decided(inner, best_threshold(inner(predictions, features), target, loss, sample_weight=sample_weight))
