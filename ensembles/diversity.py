"""What members have and what blending them adds: their losses, the gain of the blend, how alike their errors are.

The mean loss of the members minus the loss of the blend is the measure of diversity that adds up: for squared error it
is the members' spread around the blend (Krogh and Vedelsby, NIPS 1995), for log loss Jensen's gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Loss
from ensembles.methods import Method
from ensembles.pools import Predictions, Weights


@dataclass(frozen=True)
class Diversity:
    """How members differ, and what that is worth; all on the rows given.

    Attributes:
        member_losses: Each member's loss.
        mean_loss: Their mean, by the members' weights.
        ensemble_loss: The blend's loss.
        diversity: The mean loss minus the blend's.
        correlations: Of the members' errors, `(members, members)`.
        without_family: The blend's loss without each family, the other weights scaled up to the same sum; None where
            no other member has a weight.
    """

    member_losses: tuple[float, ...]
    mean_loss: float
    ensemble_loss: float
    diversity: float
    correlations: NDArray[np.float64]
    without_family: dict[str, float | None]


def diversity(
    method: Method,
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    weights: Weights,
    families: Sequence[str],
) -> Diversity:
    """Describe members and their blend.

    Args:
        method: How members become one; its solver is not asked.
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What is measured.
        weights: The members' weights.
        families: Each member's family.
    """
    losses = np.array([loss(target, member) for member in predictions])
    ensemble_loss = loss(target, method.blend(predictions, weights))
    mean_loss = float(np.average(losses, weights=weights))
    names = np.array(families)
    without: dict[str, float | None] = {}
    for family in dict.fromkeys(families):
        others = np.where(names == family, 0.0, weights)
        left = others.sum()
        blended = method.blend(predictions, others * weights.sum() / left) if left > 0 else None
        without[family] = None if blended is None else loss(target, blended)
    return Diversity(
        tuple(losses.tolist()),
        mean_loss,
        ensemble_loss,
        mean_loss - ensemble_loss,
        error_correlations(predictions, target),
        without,
    )


def error_correlations(predictions: Predictions, target: NDArray[Any]) -> NDArray[np.float64]:
    """Return the correlations of members' errors, `(members, members)`; 0 where a member makes no errors.

    Args:
        predictions: `(members, rows, outputs)`, values, or probabilities of at least two classes.
        target: `(rows,)`, class indices or values.
    """
    outputs = predictions.shape[2]
    truth = target[:, None] if outputs == 1 else np.eye(outputs)[target]
    errors = (predictions - truth[None]).reshape(len(predictions), -1)
    errors = errors - errors.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(errors, axis=1)
    products = np.outer(norms, norms)
    found: NDArray[np.float64] = np.divide(errors @ errors.T, products, out=np.zeros_like(products), where=products > 0)
    return found


def near_duplicates(predictions: Predictions, target: NDArray[Any], *, limit: float = 0.999) -> list[int]:
    """Return the members to keep: of two whose errors correlate above the limit, the first stays.

    Args:
        predictions: `(members, rows, outputs)`, the best member first.
        target: `(rows,)`, class indices or values.
        limit: The largest correlation of errors between two members that are kept.
    """
    correlations = error_correlations(predictions, target)
    kept: list[int] = []
    for i in range(len(predictions)):
        if all(correlations[i, j] <= limit for j in kept):
            kept.append(i)
    return kept
