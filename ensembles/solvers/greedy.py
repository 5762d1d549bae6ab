"""Greedy ensemble selection: add the member that helps most, with replacement, and keep the best prefix.

Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights


def greedy(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    sample_weight: SampleWeight = None,
    rounds: int = 25,
) -> Weights:
    """Return weights in multiples of one over the number of rounds kept.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: What to minimise.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        rounds: How many members are added at most, repetitions counted.

    Returns:
        Weights `(members,)`; never worse than the best single member on the fitted loss, which is the first prefix.
    """
    total = np.zeros(predictions.shape[1:])
    picks: list[int] = []
    losses: list[float] = []
    for size in range(1, rounds + 1):
        candidates = [loss(target, (total + member) / size, sample_weight) for member in predictions]
        picks.append(int(np.argmin(candidates)))
        losses.append(candidates[picks[-1]])
        total += predictions[picks[-1]]
    kept = picks[: int(np.argmin(losses)) + 1]
    return np.bincount(kept, minlength=len(predictions)) / len(kept)
