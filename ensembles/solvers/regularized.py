"""Weights that do not trust few rows: among the best members only, and pulled towards equal weights.

No fixed rule is good both among equals, where equal weights are hard to beat, and among many bad members, so the
number of members and the pull are themselves chosen, by cross-validation within the rows given.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight, is_defined
from ensembles.pools import Predictions, Weights, blend
from ensembles.solvers.convex import CERTIFIED, convex
from ensembles.solvers.greedy import greedy

SIZES = (2, 3, 5, 10, 20)
PULLS = (0.0, 0.1, 0.3, 0.6, 1.0)
_FOLDS = 5
_ENOUGH_OF_A_CLASS = 10


def regularized(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    sample_weight: SampleWeight = None,
    seed: int = 0,
) -> Weights:
    """Return exact weights (greedy ones, where the loss has none) among the best members, pulled towards equality.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: What to minimise.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        seed: Cuts the rows by which number and pull are chosen.
    """
    members, rows = predictions.shape[:2]

    def counted(at: NDArray[np.bool_]) -> SampleWeight:
        return None if sample_weight is None else sample_weight[at]

    sizes = [size for size in SIZES if size < members] + [members]
    folds = _dealt(target, min(_FOLDS, rows), np.random.default_rng(seed), by_group=loss.by_group)
    losses = np.zeros((len(sizes), len(PULLS)))
    for k in range(folds.max() + 1 if members > 1 and rows > 1 else 0):
        fit, judge = folds != k, folds == k
        if not all(is_defined(loss, target[side], predictions[0, side]) for side in (fit, judge)):
            continue
        share = judge.mean() if sample_weight is None else sample_weight[judge].sum()
        order = _best_first(predictions[:, fit], target[fit], loss, sample_weight=counted(fit))
        for i, size in enumerate(sizes):
            among = order[:size]
            exact = _exact(predictions[np.ix_(among, fit)], target[fit], loss, sample_weight=counted(fit))
            for j, pull in enumerate(PULLS):
                blended = blend(predictions[np.ix_(among, judge)], _pulled(exact, pull))
                losses[i, j] += loss(target[judge], blended, counted(judge)) * share
    i, j = min(product(range(len(sizes)), range(len(PULLS))), key=lambda at: losses[at])
    among = _best_first(predictions, target, loss, sample_weight=sample_weight)[: sizes[i]]
    weights = np.zeros(members)
    weights[among] = _pulled(_exact(predictions[among], target, loss, sample_weight=sample_weight), PULLS[j])
    return weights


def _dealt(target: NDArray[Any], parts: int, rng: np.random.Generator, *, by_group: bool) -> NDArray[np.int64]:
    """Return the part of each row, drawn; groups stay whole, rows of rare classes are spread over the parts."""
    if by_group:
        names, of = np.unique(target[:, 1], return_inverse=True)
        dealt: NDArray[np.int64] = rng.permutation(len(names))[of] % parts
        return dealt
    places: NDArray[np.int64] = rng.permutation(len(target))
    if target.ndim == 1 and target.dtype.kind in "iu":
        counts = np.unique(target, return_counts=True)[1]
        if counts.min() < _ENOUGH_OF_A_CLASS * parts:
            order = np.lexsort((places, target))
            places[order] = np.arange(len(target))
    return places % parts


def _best_first(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight
) -> NDArray[np.int64]:
    return np.argsort([loss(target, member, sample_weight) for member in predictions], kind="stable")


def _exact(predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight) -> Weights:
    return (convex if loss.name in CERTIFIED else greedy)(predictions, target, loss, sample_weight=sample_weight)


def _pulled(weights: Weights, pull: float) -> Weights:
    return (1 - pull) * weights + pull / len(weights)
