"""Weights of the log-linear pool: a logistic regression on the members' log probabilities, without negative weights.

The log loss of the pool is convex in the weights, whose sum is free and acts as an inverse temperature: this method
calibrates while it blends. Where the members separate the classes of the rows given, the sum would grow without end;
so weights are pulled towards equal ones, as by a normal prior whose sum has mean 1 and deviation 1, which a thousand
rows overrule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from ensembles.losses import LOSSES, Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from spaces.probabilities import log_probabilities

_PRIOR_DEVIATION = 1.0


def log_linear(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
) -> Weights:
    """Return the weights of least log loss for the log-linear pool, pulled a little towards equal ones.

    Args:
        predictions: `(members, rows, classes)`, probabilities, or `(members, rows, labels)`.
        target: `(rows,)`, class indices, or `(rows, labels)`, 0 or 1.
        loss: `log_loss`, or `multilabel_log_loss`.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.

    Returns:
        Weights `(members,)`, at least 0, of any sum.

    Raises:
        ValueError: The loss is another one.
    """
    if loss.name == "multilabel_log_loss":  # as many rows of two classes
        positive = predictions.reshape(len(predictions), -1, 1)
        each = None if sample_weight is None else np.repeat(sample_weight, predictions.shape[2])
        both = np.concatenate([1 - positive, positive], axis=2)
        return log_linear(both, target.ravel().astype(np.int64), LOSSES["log_loss"], sample_weight=each)
    if loss.name != "log_loss":
        raise ValueError(f"the log-linear pool is fitted for log_loss, got {loss.name!r}: use nelder_mead")
    logs = log_probabilities(predictions)
    rows, members = np.arange(len(target)), len(predictions)
    pull = members / (_PRIOR_DEVIATION**2 * len(target))
    true = logs[:, rows, target]
    importance = np.full(len(rows), 1 / len(rows)) if sample_weight is None else sample_weight / sample_weight.sum()

    def value_and_gradient(weights: Weights) -> tuple[float, Weights]:
        pooled = log_softmax(np.tensordot(weights, logs, axes=1), axis=1)
        expected = np.einsum("rc,mrc->mr", np.exp(pooled), logs, optimize=True)
        off = weights - 1 / members
        value = -float(importance @ pooled[rows, target]) + pull * float(off @ off) / 2
        return value, -((true - expected) @ importance) + pull * off

    found = minimize(
        value_and_gradient,
        np.full(members, 1 / members),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * members,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500},
    )
    return np.asarray(found.x, dtype=np.float64)
