"""Losses that weight solvers minimise; what models train on is `spaces.rows.target.TrainingLoss`.

Lower is better, and each knows whether it is convex in the blend.
"""

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
        by_row: `(target, predictions) -> (rows,)`, where it ranks predictions as the mean of these over rows does.
        counts: `(target) -> (rows,)`, how much each row counts in that mean; all alike when left out.
        targets: Where it is of several targets, some of them classes, how many (see `ensembles.combiners.each_target`).
        by_group: Whether it is of rows in groups. The target then has two columns, `(rows, 2)`, the second of which is
            the group of each row.
    """

    name: str
    function: Callable[..., float]
    convex: bool = False
    of_labels: bool = False
    by_row: Callable[..., NDArray[np.float64]] | None = None
    counts: Callable[[NDArray[Any]], NDArray[np.float64]] | None = None
    targets: int = 0
    by_group: bool = False

    @property
    def columns(self) -> int:
        """How many columns the target has, where they are not those of the predictions; else 0."""
        return 2 if self.by_group else self.targets

    def __call__(self, target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        """Return the loss."""
        if sample_weight is None:
            return self.function(target, predictions)
        return self.function(target, predictions, sample_weight)


def is_defined(loss: Callable[..., float], *given: Any) -> bool:
    """Return whether a loss says something of what it is given: it raises no `Undefined`."""
    try:
        loss(*given)
    except Undefined:
        return False
    return True


def of_true_class(predictions: NDArray[Any], target: NDArray[Any], loss: Loss) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return predictions and a target of two classes, the true one and the rest, where a loss tells no more apart.

    The log loss of a linear blend of many classes needs each member's probability of the true one only.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, or `(rows, columns)`.
        loss: The loss; of any other than the log loss of classes, both are returned as they are.
    """
    if loss.name != "log_loss" or target.ndim != 1 or predictions.shape[2] < 3:
        return predictions, target
    true = np.take_along_axis(predictions, target[None, :, None], axis=2)
    return np.concatenate([1 - true, true], axis=2), np.ones_like(target)


def drawn(target: NDArray[Any], rows: NDArray[np.int64], loss: Loss) -> NDArray[Any]:
    """Return the target of rows some of which are drawn more than once, as a loss is to see it.

    Of a loss by group, each draw of a row is of another copy of its group.

    Args:
        target: `(rows,)`, or `(rows, columns)`.
        rows: Positions.
        loss: The loss.
    """
    if not loss.by_group:
        return target[rows]
    return np.column_stack([target[rows, 0], copies(target[rows, 1], rows)])


def copies(groups: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return groups of rows some of which are drawn more than once: the second draw of a row is of a second copy.

    Args:
        groups: The group of each row drawn, `(draws,)`.
        rows: Positions of the rows, `(draws,)`.

    >>> copies(np.array([7, 7, 9, 7, 7]), np.array([0, 1, 2, 0, 1])).tolist()
    [0, 0, 2, 1, 1]
    """
    order = np.argsort(rows, kind="stable")
    first = np.append(True, np.diff(rows[order]) != 0)
    draw = np.empty(len(rows), dtype=np.int64)
    draw[order] = np.arange(len(rows)) - np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    _, of = np.unique(groups, return_inverse=True)
    found: NDArray[np.int64] = np.unique(of * (draw.max(initial=0) + 1) + draw, return_inverse=True)[1]
    return found


def per_output(values: NDArray[Any]) -> NDArray[Any]:
    """Return a target as `(rows, outputs)`, as predictions are."""
    return values.reshape(len(values), -1)


def surprise(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    """Return each row's log loss, `(rows,)`, probabilities kept from 0 and 1."""
    true = np.take_along_axis(predictions, target[:, None], axis=1)[:, 0]
    found: NDArray[np.float64] = -np.log(np.clip(true, SMALLEST, 1 - SMALLEST))
    return found


def _surprise_of_labels(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    true = np.clip(np.where(target == 1, predictions, 1 - predictions), SMALLEST, 1 - SMALLEST)
    found: NDArray[np.float64] = -np.log(true).mean(axis=1)
    return found


def squares(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    """Return each row's squared error, `(rows,)`, the mean over outputs."""
    found: NDArray[np.float64] = ((predictions - per_output(target)) ** 2).mean(axis=1)
    return found


def _distances(target: NDArray[Any], predictions: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.abs(predictions - per_output(target)).mean(axis=1)
    return found


def _mean_of(by_row: Callable[..., NDArray[np.float64]]) -> Callable[..., float]:
    def function(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        return float(np.average(by_row(target, predictions), weights=sample_weight))

    return function


def _rmse(target: NDArray[Any], predictions: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.sqrt(np.average(squares(target, predictions), weights=sample_weight)))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("log_loss", _mean_of(surprise), convex=True, by_row=surprise),
        Loss("multilabel_log_loss", _mean_of(_surprise_of_labels), convex=True, by_row=_surprise_of_labels),
        Loss("rmse", _rmse, convex=True, by_row=squares),
        Loss("mse", _mean_of(squares), convex=True, by_row=squares),
        Loss("mae", _mean_of(_distances), convex=True, by_row=_distances),
    )
}
