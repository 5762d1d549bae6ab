"""Calibration: probabilities that happen as often as they say.

A temperature divides log probabilities: above one it makes predictions less sure, below one surer. Each member gets
one, and so does the pool of all (a linear pool of calibrated members is too unsure of itself: Ranjan and Gneiting,
"Combining probability forecasts", JRSS B, 2010). Temperatures are pulled towards one, as few rows tell little of them.
Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from ensembles.combiners.combiner import Candidate, Combiner, Features, Read, Undecided, Unpooled
from ensembles.losses import LOSSES, Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from spaces.probabilities import log_probabilities

_LARGEST = 5.0
_PRIOR_DEVIATION = 0.5


def temperature(probabilities: NDArray[Any], target: NDArray[Any], *, sample_weight: SampleWeight = None) -> float:
    """Return the temperature of least log loss, between 1/5 and 5, its logarithm pulled towards 0.

    Args:
        probabilities: `(rows, classes)`.
        target: `(rows,)`, class indices.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
    """
    logs, rows = log_probabilities(probabilities), len(target)

    def value(logarithm: float) -> float:
        tempered = softmax(logs / np.exp(logarithm), axis=1)
        return LOSSES["log_loss"](target, tempered, sample_weight) + (logarithm / _PRIOR_DEVIATION) ** 2 / (2 * rows)

    found = minimize_scalar(value, bounds=(-np.log(_LARGEST), np.log(_LARGEST)), method="bounded")
    return float(np.exp(found.x))


def tempered(probabilities: NDArray[Any], by: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities with their logarithms divided by a temperature.

    >>> tempered(np.array([[0.2, 0.8]]), 2.0).round(3).tolist()
    [[0.333, 0.667]]
    """
    found: NDArray[np.float64] = softmax(log_probabilities(probabilities) / by, axis=-1)
    return found


@dataclass(frozen=True, eq=False)
class Tempered(Undecided):
    """A combiner of members with a temperature each, and one for what it returns.

    Attributes:
        temperatures: `(members,)`.
        combiner: What combines the tempered members.
        after: The temperature of its result.
    """

    temperatures: NDArray[np.float64]
    combiner: Combiner
    after: float

    @property
    def weights(self) -> Weights:
        """The inner combiner's weights."""
        return self.combiner.weights

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the tempered combination."""
        members = tempered(predictions, self.temperatures[:, None, None])
        return tempered(self.combiner(members, features), self.after)

    def pruned(self, share: float) -> Tempered:
        """Return it with the inner combiner pruned."""
        return Tempered(self.temperatures, self.combiner.pruned(share), self.after)

    def only(self, members: NDArray[np.int64]) -> Tempered:
        """Return it for some members."""
        return Tempered(self.temperatures[members], self.combiner.only(members), self.after)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": "tempered",
            "temperatures": self.temperatures.tolist(),
            "combiner": self.combiner.to_json(),
            "after": self.after,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> Tempered:
        """Rebuild what `to_json` returned."""
        return Tempered(np.array(data["temperatures"]), read(data["combiner"]), data["after"])


@dataclass(frozen=True)
class Calibrated(Unpooled):
    """A candidate that calibrates each member, fits another candidate, and calibrates the result.

    Attributes:
        candidate: The other candidate.
    """

    candidate: Candidate

    @property
    def plain(self) -> Candidate:
        """The other candidate."""
        return self.candidate.plain

    def accepts(self, loss: Loss) -> bool:
        """Return whether the loss is the log loss of classes, and the other candidate can minimise it."""
        return loss.name == "log_loss" and self.candidate.accepts(loss)

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Tempered:
        """Fit it; see `ensembles.combiners.combiner.Candidate.fit`."""
        each = np.array([temperature(member, target, sample_weight=sample_weight) for member in predictions])
        members = tempered(predictions, each[:, None, None])
        inner = self.candidate.fit(members, target, loss, sample_weight=sample_weight, features=features)
        return Tempered(each, inner, temperature(inner(members, features), target, sample_weight=sample_weight))
