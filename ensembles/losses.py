"""Losses that weight solvers minimise: lower is better, and each knows whether it is convex in the blend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.pools import SMALLEST


@dataclass(frozen=True)
class Loss:
    """A loss of blended predictions.

    Attributes:
        name: Its name.
        function: `(target, predictions) -> float` with target `(rows,)`, class indices or values, and predictions
            `(rows, outputs)`.
        convex: Whether it is convex in the predictions, so that a local optimum of the weights is the optimum.
    """

    name: str
    function: Callable[[NDArray[Any], NDArray[Any]], float]
    convex: bool = False

    def __call__(self, target: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Return the loss."""
        return self.function(target, predictions)


def _log_loss(target: NDArray[Any], predictions: NDArray[Any]) -> float:
    true = np.take_along_axis(predictions, target[:, None], axis=1)
    return float(-np.log(np.clip(true, SMALLEST, 1 - SMALLEST)).mean())


def _rmse(target: NDArray[Any], predictions: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean((predictions[:, 0] - target) ** 2)))


def _mse(target: NDArray[Any], predictions: NDArray[Any]) -> float:
    return float(np.mean((predictions[:, 0] - target) ** 2))


def _mae(target: NDArray[Any], predictions: NDArray[Any]) -> float:
    return float(np.mean(np.abs(predictions[:, 0] - target)))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("log_loss", _log_loss, convex=True),
        Loss("rmse", _rmse, convex=True),
        Loss("mse", _mse, convex=True),
        Loss("mae", _mae, convex=True),
    )
}
