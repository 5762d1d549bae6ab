"""Equal weights: the average that every other method has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss
from ensembles.pools import Predictions, Weights


def uniform(predictions: Predictions, target: NDArray[Any], loss: Loss) -> Weights:
    """Return the same weight for every member.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`; not looked at.
        loss: Not looked at.
    """
    return np.full(len(predictions), 1 / len(predictions))
