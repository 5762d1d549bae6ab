"""Losses that weight solvers minimise: lower is better, and each knows whether it is convex in the blend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.probabilities import SMALLEST

SampleWeight = NDArray[np.float64] | None


class Undefined(ValueError):
    """A metric says nothing of some rows, such as rows among which a class does not occur."""


@dataclass(frozen=True)
class Loss:
    """A loss of blended predictions.

    Attributes:
        name: Its name.
        function: `(target, predictions) -> float`, and `(target, predictions, sample_weight) -> float` where rows may
            have weights. The target is `(rows,)`, class indices or values, or `(rows, outputs)`, several values or
            labels of 0 and 1; predictions are `(rows, outputs)`; sample weights `(rows,)`.
        convex: Whether it is convex in the predictions, so that a local optimum of the weights is the optimum.
        of_labels: Whether it looks only at which class has the largest probability.
        targets: Where it is of several targets, some of them classes, how many (see `ensembles.combiners.each_target`).
    """

    name: str
    function: Callable[..., float]
    convex: bool = False
    of_labels: bool = False
    targets: int = 0

    def __call__(self, target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        """Return the loss."""
        if sample_weight is None:
            return self.function(target, predictions)
        return self.function(target, predictions, sample_weight)


def per_output(values: NDArray[Any]) -> NDArray[Any]:
    """Return a target as `(rows, outputs)`, as predictions are."""
    return values.reshape(len(values), -1)


def _log_loss(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    true = np.take_along_axis(predictions, target[:, None], axis=1)[:, 0]
    return float(np.average(-np.log(np.clip(true, SMALLEST, 1 - SMALLEST)), weights=sample_weight))


def _multilabel(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    true = np.clip(np.where(target == 1, predictions, 1 - predictions), SMALLEST, 1 - SMALLEST)
    return float(np.average(-np.log(true).mean(axis=1), weights=sample_weight))


def _mse(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.average(((predictions - per_output(target)) ** 2).mean(axis=1), weights=sample_weight))


def _rmse(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.sqrt(_mse(target, predictions, sample_weight)))


def _mae(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.average(np.abs(predictions - per_output(target)).mean(axis=1), weights=sample_weight))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("log_loss", _log_loss, convex=True),
        Loss("multilabel_log_loss", _multilabel, convex=True),
        Loss("rmse", _rmse, convex=True),
        Loss("mse", _mse, convex=True),
        Loss("mae", _mae, convex=True),
    )
}
