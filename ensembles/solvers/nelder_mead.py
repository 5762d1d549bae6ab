"""Nelder-Mead weights: works for any metric, smooth or not.

From scipy's defaults the simplex fails: where a coordinate starts at zero it is 0.00025 wide. So it starts from greedy
selection, among few members, with an explicit simplex in the logits of the weights, and is restarted once. Where the
exact weights are known (see `ensembles.solvers.convex`), they are a candidate too: the simplex stops short of them.

Nelder and Mead, "A simplex method for function minimization", The Computer Journal, 1965; `adaptive` steps from
Gao and Han, Computational Optimization and Applications, 2012.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from ensembles.losses import Loss, SampleWeight, drawn, is_defined, of_true_class
from ensembles.pools import Predictions, Weights, blend
from ensembles.solvers.convex import CERTIFIED, convex
from ensembles.solvers.greedy import greedy

_EDGES = (1.2, 0.3)
_ADAPTIVE_ABOVE = 6
_EVALUATIONS_A_DIMENSION = 150
# A metric of labels or ranks moves in steps: its mean over resamples is smoother, and weights finer than this are luck.
_RESAMPLES = 2
_GRID = 50


def nelder_mead(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    sample_weight: SampleWeight = None,
    most_members: int = 10,
    rounds: int = 25,
) -> Weights:
    """Return weights found by the Nelder-Mead simplex.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: What to minimise.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        most_members: Only so many members get a weight: those of greedy selection first, then the best single ones.
        rounds: Rounds of greedy selection.

    Returns:
        Weights `(members,)`, the best of the simplex, of greedy selection, of every single member and, for a loss
        with a certificate, of the exact weights over all members.
    """
    predictions, target = of_true_class(predictions, target, loss)

    def fitted(weights: Weights) -> float:
        return loss(target, blend(predictions, weights), sample_weight)

    start = greedy(predictions, target, loss, sample_weight=sample_weight, rounds=rounds)
    singles = np.eye(len(predictions))
    alone = np.array([fitted(single) for single in singles])
    kept = np.sort(np.lexsort((alone, -start))[:most_members])
    candidates = [start, singles[int(np.argmin(alone))]]
    if len(kept) > 1:
        found = np.zeros(len(predictions))
        objective = _objective(predictions[kept], target, loss, sample_weight=sample_weight)
        found[kept] = _simplex(objective, start[kept] / start[kept].sum(), _EDGES if loss.convex else _EDGES[:1])
        candidates.append(found if loss.convex else _rounded(found))
    if loss.name in CERTIFIED:
        candidates.append(convex(predictions, target, loss, sample_weight=sample_weight))
    return min(candidates, key=fitted)


def _objective(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight
) -> Callable[[Weights], float]:
    """Return what the simplex minimises: the loss, or where that moves in steps its mean over resamples of the rows.

    Resamples of which the loss says nothing are left out.
    """
    everything = np.arange(len(target))

    def of(blended: NDArray[Any], at: NDArray[np.int64], true: NDArray[Any]) -> float:
        return loss(true, blended[at], None if sample_weight is None else sample_weight[at])

    resamples = [] if loss.convex else _resamples(target, by_group=loss.by_group)
    drawn_anew = [(at, drawn(target, at, loss)) for at in resamples]
    kept = [(at, true) for at, true in drawn_anew if all(is_defined(of, member, at, true) for member in predictions)]
    samples = [(everything, drawn(target, everything, loss)), *kept]

    def value(weights: Weights) -> float:
        blended = blend(predictions, weights)
        return float(np.mean([of(blended, at, true) for at, true in samples]))

    return value


def _resamples(target: NDArray[Any], *, by_group: bool) -> list[NDArray[np.int64]]:
    """Draw rows with replacement, within each class, as metrics of ranks need every one; or whole groups."""
    rng = np.random.default_rng(0)
    if by_group:
        of = np.unique(target[:, 1], return_inverse=True)[1]
        groups = np.split(np.argsort(of, kind="stable"), np.cumsum(np.bincount(of))[:-1])
        return [
            np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]) for _ in range(_RESAMPLES)
        ]
    classes = target if target.ndim == 1 and target.dtype.kind in "iu" else np.zeros(len(target), dtype=np.int64)
    of_class = [np.flatnonzero(classes == k) for k in np.unique(classes)]
    return [np.concatenate([rng.choice(rows, len(rows)) for rows in of_class]) for _ in range(_RESAMPLES)]


def _simplex(objective: Callable[[Weights], float], start: Weights, edges: Sequence[float]) -> Weights:
    """Search the logits of the weights, the last one fixed at 0, once for each edge of a first simplex."""
    dimensions = len(start) - 1

    def weights_of(logits: NDArray[np.float64]) -> Weights:
        weights: Weights = softmax(np.append(logits, 0.0))
        return weights

    logits = np.log(start + 1e-3)
    point = logits[:-1] - logits[-1]
    for edge in edges:
        found = minimize(
            lambda logits: objective(weights_of(logits)),
            point,
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([point, point + edge * np.eye(dimensions)]),
                "adaptive": dimensions > _ADAPTIVE_ABOVE,
                "maxfev": _EVALUATIONS_A_DIMENSION * dimensions,
                "xatol": 1e-5,
                "fatol": 1e-12,
            },
        )
        point = found.x
    return weights_of(point)


def _rounded(weights: Weights) -> Weights:
    rounded: Weights = np.round(weights * _GRID)
    return rounded / rounded.sum()
