"""Members that fit a budget, of bytes or of milliseconds: those that help most for what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, blend


def affordable(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    costs: NDArray[np.float64],
    budget: float,
    sample_weight: SampleWeight = None,
) -> list[int]:
    """Choose members one by one, each time the one whose plain average with those chosen gains most for its cost.

    The first is the best member that the budget allows; then members are added as long as one helps and fits.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What should become lower.
        costs: What each member costs, `(members,)`.
        budget: What all together may cost.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.

    Returns:
        Indices of the members, in order.

    Raises:
        ValueError: The budget is too small for any member.
    """
    losses = np.array([loss(target, member, sample_weight) for member in predictions])
    within = np.flatnonzero(costs <= budget)
    if not len(within):
        raise ValueError(f"no member fits: the smallest costs {costs.min():.3g}, the limit is {budget:.3g}")
    chosen = [int(within[np.argmin(losses[within])])]
    held = losses[chosen[0]]
    while True:
        left = [i for i in range(len(costs)) if i not in chosen and costs[chosen].sum() + costs[i] <= budget]
        tried = {
            i: loss(target, blend(predictions[[*chosen, i]], _equal(len(chosen) + 1)), sample_weight) for i in left
        }
        gains = {i: (held - value) / costs[i] for i, value in tried.items() if value < held}
        if not gains:
            return sorted(chosen)
        best = max(gains, key=gains.__getitem__)
        chosen.append(best)
        held = tried[best]


def _equal(members: int) -> NDArray[np.float64]:
    return np.full(members, 1 / members)
