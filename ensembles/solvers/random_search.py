"""Random search: weights drawn from a Dirichlet distribution, the best of them kept; what every solver must beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights, blend


def random_search(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    sample_weight: SampleWeight = None,
    draws: int = 500,
    seed: int = 0,
) -> Weights:
    """Return the best of some weights drawn at random, of equal weights and of every single member.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: What to minimise.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        draws: How many weights are drawn, uniformly from the simplex.
        seed: Draws them.
    """
    members = len(predictions)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(members), size=draws)
    candidates = np.vstack([np.eye(members), np.full((1, members), 1 / members), drawn])
    losses = [loss(target, blend(predictions, weights), sample_weight) for weights in candidates]
    best: Weights = candidates[int(np.argmin(losses))]
    return best
