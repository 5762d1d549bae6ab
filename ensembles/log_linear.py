"""Weights of the log-linear pool: a logistic regression on the members' log probabilities, without negative weights.

The log loss of the pool is convex in the weights, whose sum is free and acts as an inverse temperature: this method
calibrates while it blends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from ensembles.losses import Loss
from ensembles.pools import Predictions, Weights, log_probabilities


def log_linear(predictions: Predictions, target: NDArray[Any], loss: Loss) -> Weights:
    """Return the weights of least log loss for the log-linear pool.

    Args:
        predictions: `(members, rows, classes)`, probabilities.
        target: `(rows,)`, class indices.
        loss: `log_loss`.

    Returns:
        Weights `(members,)`, at least 0, of any sum.

    Raises:
        ValueError: The loss is another one.
    """
    if loss.name != "log_loss":
        raise ValueError(f"the log-linear pool is fitted for log_loss, got {loss.name!r}: use nelder_mead")
    logs = log_probabilities(predictions)
    rows = np.arange(len(target))
    true = logs[:, rows, target]

    def value_and_gradient(weights: Weights) -> tuple[float, Weights]:
        pooled = log_softmax(np.tensordot(weights, logs, axes=1), axis=1)
        expected = np.einsum("rc,mrc->mr", np.exp(pooled), logs, optimize=True)
        return -float(pooled[rows, target].mean()), -(true - expected).mean(axis=1)

    members = len(predictions)
    found = minimize(
        value_and_gradient,
        np.full(members, 1 / members),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * members,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500},
    )
    return np.asarray(found.x, dtype=np.float64)
