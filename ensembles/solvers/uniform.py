"""Equal weights: the average that every other method has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights


def uniform(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
) -> Weights:
    """Return the same weight for every member.

    Args:
        predictions: `(members, rows, outputs)`.
        target: Not looked at, nor is anything below.
        loss: The loss.
        sample_weight: How much each row counts.
    """
    return np.full(len(predictions), 1 / len(predictions))
