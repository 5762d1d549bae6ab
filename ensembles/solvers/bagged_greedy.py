"""Bagged greedy selection: the mean of greedy selections, each among a random half of the members.

Less sure of itself than one selection, and therefore better on new rows where members are many and much alike.
Caruana et al., "Ensemble selection from libraries of models", ICML 2004, section 2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from ensembles.solvers.greedy import greedy

# In a bag of two a bad member gets a part of the weight, as it has nobody to lose against.
_SMALLEST_BAG = 5


def bagged_greedy(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    sample_weight: SampleWeight = None,
    bags: int = 20,
    share: float = 0.5,
    rounds: int = 25,
    seed: int = 0,
) -> Weights:
    """Return the mean of the weights of several greedy selections.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: What to minimise.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        bags: How many selections.
        share: The share of members that each may choose from, at least five of them.
        rounds: Rounds of each selection.
        seed: Draws the members of each bag.
    """
    members = len(predictions)
    size = min(members, max(_SMALLEST_BAG, round(share * members)))
    rng = np.random.default_rng(seed)
    total = np.zeros(members)
    for _ in range(bags):
        bag = np.sort(rng.choice(members, size, replace=False))
        total[bag] += greedy(predictions[bag], target, loss, sample_weight=sample_weight, rounds=rounds)
    return total / total.sum()
