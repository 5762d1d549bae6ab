"""Nelder-Mead weights: works for any metric, smooth or not.

From scipy's defaults the simplex fails: where a coordinate starts at zero it is 0.00025 wide. So it starts from greedy
selection, among few members, with an explicit simplex in the logits of the weights, and is restarted once. Where the
exact weights are known (see `ensembles.convex`), they are a candidate too: the simplex stops a little short of them.

Nelder and Mead, "A simplex method for function minimization", The Computer Journal, 1965; `adaptive` steps from
Gao and Han, Computational Optimization and Applications, 2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from ensembles.convex import CERTIFIED, convex
from ensembles.greedy import greedy
from ensembles.losses import Loss
from ensembles.pools import Predictions, Weights, blend

_EDGES = (1.2, 0.3)
_ADAPTIVE_ABOVE = 6
_EVALUATIONS_A_DIMENSION = 150


def nelder_mead(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, most_members: int = 10, rounds: int = 25
) -> Weights:
    """Return weights found by the Nelder-Mead simplex.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What to minimise.
        most_members: Only so many members get a weight: those of greedy selection first, then the best single ones.
        rounds: Rounds of greedy selection.

    Returns:
        Weights `(members,)`, the best of the simplex, of greedy selection, of every single member and, for a loss
        with a certificate, of the exact weights over all members.
    """
    start = greedy(predictions, target, loss, rounds=rounds)
    singles = np.array([loss(target, member) for member in predictions])
    order = np.lexsort((singles, -start))
    kept = np.sort(order[:most_members])
    chosen = predictions[kept]
    candidates = [start, np.eye(len(predictions))[int(np.argmin(singles))]]
    if len(kept) > 1:
        found = np.zeros(len(predictions))
        found[kept] = _simplex(chosen, target, loss, start[kept] / start[kept].sum())
        candidates.append(found)
    if loss.name in CERTIFIED:
        candidates.append(convex(predictions, target, loss))
    losses = [loss(target, blend(predictions, weights)) for weights in candidates]
    return candidates[int(np.argmin(losses))]


def _simplex(predictions: Predictions, target: NDArray[Any], loss: Loss, start: Weights) -> Weights:
    """Search the logits of the weights, the last one fixed at 0."""
    dimensions = len(predictions) - 1

    def weights_of(logits: NDArray[np.float64]) -> Weights:
        weights: Weights = softmax(np.append(logits, 0.0))
        return weights

    logits = np.log(start + 1e-3)
    point = logits[:-1] - logits[-1]
    for edge in _EDGES:
        found = minimize(
            lambda logits: loss(target, blend(predictions, weights_of(logits))),
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
