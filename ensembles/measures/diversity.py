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

from ensembles.combiners.combiner import Combiner, Features
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, blend


@dataclass(frozen=True)
class Diversity:
    """How members differ, and what that is worth; all on the rows given.

    Attributes:
        member_losses: Each member's loss.
        mean_loss: Their mean, by the members' weights.
        ensemble_loss: The blend's loss.
        diversity: The mean loss minus the blend's.
        correlations: Of the members' errors, `(members, members)`.
        without_family: The blend's loss without each family, whose members say what the others say on average (for a
            linear pool: the other weights scaled up to one); None where no other member has a weight.
    """

    member_losses: tuple[float, ...]
    mean_loss: float
    ensemble_loss: float
    diversity: float
    correlations: NDArray[np.float64]
    without_family: dict[str, float | None]


def diversity(
    combiner: Combiner,
    predictions: Predictions,
    target: NDArray[Any],
    *,
    loss: Loss,
    families: Sequence[str],
    features: Features = None,
    sample_weight: SampleWeight = None,
    correlations: NDArray[np.float64] | None = None,
) -> Diversity:
    """Describe members and their blend.

    Args:
        combiner: How members become one.
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What is measured.
        families: Each member's family.
        features: `(rows, columns)`, the rows themselves, for combiners that look at them.
        sample_weight: `(rows,)`, how much each row counts in losses; all the same when left out.
        correlations: Of the members' errors, where they are not to be told from the target.
    """
    weights = combiner.weights
    losses = np.array([loss(target, member, sample_weight) for member in predictions])
    ensemble_loss = loss(target, combiner(predictions, features), sample_weight)
    mean_loss = float(np.average(losses, weights=weights))
    names = np.array(families)
    without: dict[str, float | None] = {}
    for family in dict.fromkeys(families):
        others = np.where(names == family, 0.0, weights)
        if others.sum() == 0:
            without[family] = None
            continue
        rest = blend(predictions, others / others.sum())
        left = np.where((names == family)[:, None, None], rest, predictions)
        without[family] = loss(target, combiner(left, features), sample_weight)
    return Diversity(
        tuple(losses.tolist()),
        mean_loss,
        ensemble_loss,
        mean_loss - ensemble_loss,
        error_correlations(predictions, target) if correlations is None else correlations,
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
    return distinct(error_correlations(predictions, target), limit=limit)


def distinct(correlations: NDArray[np.float64], *, limit: float = 0.999) -> list[int]:
    """Return the members to keep, as `near_duplicates`, where their errors' correlations are known."""
    kept: list[int] = []
    for i in range(len(correlations)):
        if all(correlations[i, j] <= limit for j in kept):
            kept.append(i)
    return kept
