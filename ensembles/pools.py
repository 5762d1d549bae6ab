"""Pools: how the predictions of several members become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from spaces.probabilities import log_odds, log_probabilities

Predictions = NDArray[Any]

Weights = NDArray[np.float64]

Pool = Literal["linear", "log_linear", "log_odds"]


def blend(predictions: Predictions, weights: Weights) -> NDArray[np.float64]:
    """Return the linear pool, the weighted mean of members' predictions.

    Args:
        predictions: `(members, rows, outputs)`, probabilities or values.
        weights: `(members,)`, at least 0, of sum 1.

    >>> blend(np.array([[[0.0]], [[1.0]]]), np.array([0.25, 0.75])).item()
    0.75
    """
    pooled: NDArray[np.float64] = np.tensordot(weights, predictions, axes=1)
    return pooled


def log_linear_blend(predictions: Predictions, weights: Weights) -> NDArray[np.float64]:
    """Return the log-linear pool: the members' log probabilities, weighted, added and normalised again.

    A sum of weights above one makes the blend surer than its members (their errors differ), below one less sure.

    Args:
        predictions: `(members, rows, classes)`, probabilities.
        weights: `(members,)`, at least 0, of any sum.

    >>> log_linear_blend(np.array([[[0.8, 0.2]], [[0.8, 0.2]]]), np.array([1.0, 1.0])).round(3).tolist()
    [[0.941, 0.059]]
    """
    pooled: NDArray[np.float64] = softmax(np.tensordot(weights, log_probabilities(predictions), axes=1), axis=-1)
    return pooled


def log_odds_blend(predictions: Predictions, weights: Weights) -> NDArray[np.float64]:
    """Return the log-linear pool of labels that are each there or not: their log odds, weighted and added.

    Args:
        predictions: `(members, rows, labels)`, the probability of each label.
        weights: `(members,)`, at least 0, of any sum.

    >>> log_odds_blend(np.array([[[0.8, 0.5]], [[0.8, 0.5]]]), np.array([1.0, 1.0])).round(3).tolist()
    [[0.941, 0.5]]
    """
    pooled: NDArray[np.float64] = expit(np.tensordot(weights, log_odds(predictions), axes=1))
    return pooled


POOLS: dict[str, Callable[[Predictions, Weights], NDArray[np.float64]]] = {
    "linear": blend,
    "log_linear": log_linear_blend,
    "log_odds": log_odds_blend,
}


def check_shapes(outputs: Sequence[NDArray[Any]], shape: tuple[int, int]) -> None:
    """Refuse what models say where it is not of the shape `(rows, outputs)` that is expected of each.

    Raises:
        ValueError: It is not.
    """
    if wrong := {one.shape for one in outputs} - {shape}:
        raise ValueError(f"outputs have the shape {wrong.pop()}, expected {shape}")


def check_predictions(predictions: Predictions, target: NDArray[Any], *, targets: int = 0) -> None:
    """Refuse predictions that cannot be combined.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        targets: How many columns the target has where they are not those of the predictions: one for each of several
            targets, some of them classes, or one beside a column of groups.

    Raises:
        ValueError: They are of another shape, of other rows than the target, or not finite; the message says which.
    """
    shape = np.shape(predictions)
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"predictions must have the shape (members, rows, outputs), none of them 0, got {shape}")
    if len(target) != shape[1]:
        raise ValueError(f"the members predict {shape[1]} rows, but the target has {len(target)}")
    bad = [i for i, member in enumerate(predictions) if not np.isfinite(member).all()]
    if bad:
        raise ValueError(f"member {bad[0]} predicts NaN or infinite values: leave it out (of {len(bad)} such members)")
    if np.ndim(target) > 1:
        if np.shape(target)[1] != (targets or shape[2]):
            raise ValueError(f"the target has {np.shape(target)[1]} outputs, the members predict {shape[2]}")
    elif shape[2] > 1 and not (np.min(target) >= 0 and np.max(target) < shape[2]):
        raise ValueError(
            f"the target holds classes {np.min(target)} to {np.max(target)}, the members predict 0 to {shape[2] - 1}"
        )
