"""Exact weights for log loss and squared error, with a proof of how far from the optimum they can be.

Both losses are convex in the weights. On the simplex their scale is free, so the constraint "weights sum to one" can
be traded for a linear term, and what is left, weights of at least zero, is non-negative least squares: once for
squared error, in each Newton step for log loss (Kim, Carbonetto, Stephens and Anitescu, "A fast algorithm for maximum
likelihood estimation of mixture proportions using sequential quadratic programming", JCGS 2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from ensembles.losses import Loss
from ensembles.pools import SMALLEST, Predictions, Weights

CERTIFIED = ("log_loss", "mse", "rmse")
_TOLERANCE = 1e-10
_STEPS = 50
_CHUNK = 65_536
_SAMPLE = 50_000
_RIDGE = 1e-12
Matrix = NDArray[Any]


def convex(predictions: Predictions, target: NDArray[Any], loss: Loss) -> Weights:
    """Return the weights of least loss on the simplex.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: `log_loss`, `mse` or `rmse` of `ensembles.LOSSES`.

    Raises:
        ValueError: The loss is another one, for which `nelder_mead` is made.
    """
    _check(loss)
    if loss.name == "log_loss":
        return _mixture(true_probabilities(predictions, target))
    return _quadratic(_error_products(predictions, target))


def certificate(predictions: Predictions, target: NDArray[Any], loss: Loss, weights: Weights) -> float:
    """Return how much lower than the loss of these weights any weights on the simplex can possibly be.

    For log loss, with `r_j` the mean of member j's probability of the true class over the blend's, the bound is
    `log(max r)`, by Jensen's inequality. For squared error, with C the mean products of errors, it is
    `2 (w'Cw - min (Cw))`, by convexity. Probabilities of members below 1e-7 count as 1e-7.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: `log_loss`, `mse` or `rmse`.
        weights: `(members,)`, at least 0, of sum 1.

    Raises:
        ValueError: The loss is another one.

    >>> from ensembles.losses import LOSSES
    >>> values = np.array([[[1.0], [3.0]], [[3.0], [1.0]]])
    >>> certificate(values, np.array([2.0, 2.0]), LOSSES["mse"], np.array([0.5, 0.5]))
    0.0
    """
    _check(loss)
    if loss.name == "log_loss":
        _, ratios, _ = _derivatives(true_probabilities(predictions, target), weights)
        return max(0.0, float(np.log(ratios.max())))
    products = _error_products(predictions, target)
    mse = float(weights @ products @ weights)
    gap = max(0.0, 2 * float(mse - (products @ weights).min()))
    if loss.name == "mse":
        return gap
    return float(np.sqrt(mse) - np.sqrt(max(0.0, mse - gap)))


def true_probabilities(predictions: Predictions, target: NDArray[Any]) -> Matrix:
    """Return each member's probability of the class that was true, `(rows, members)`: all that log loss looks at."""
    found = np.empty((len(target), len(predictions)), dtype=predictions.dtype, order="F")
    for j, member in enumerate(predictions):
        found[:, j] = np.take_along_axis(member, target[:, None], axis=1)[:, 0]
    return np.clip(found, SMALLEST, 1 - SMALLEST, out=found)


def _check(loss: Loss) -> None:
    if loss.name not in CERTIFIED:
        raise ValueError(f"exact weights need one of {', '.join(CERTIFIED)}, got {loss.name!r}: use nelder_mead")


def _quadratic(products: Matrix) -> Weights:
    """Minimise w'Cw on the simplex: v = argmin v'Cv/2 - sum(v), v >= 0, scaled to sum 1."""
    members = len(products)
    scale = products.diagonal().mean()
    if scale == 0:  # every member is perfect
        return np.full(members, 1 / members)
    factor = np.linalg.cholesky(products / scale + _RIDGE * np.eye(members))
    found = _least_squares(factor, np.ones(members))
    return found / found.sum()


def _mixture(q: Matrix) -> Weights:
    """Minimise -mean(log(Qw)) by Newton steps over v >= 0, first on some of the rows where there are many."""
    weights = np.full(q.shape[1], 1 / q.shape[1])
    if len(q) > 4 * _SAMPLE:
        some = np.random.default_rng(0).choice(len(q), _SAMPLE, replace=False)
        weights = _mixture(np.asfortranarray(q[np.sort(some)]))
    value, ratios, hessian = _derivatives(q, weights)
    for _ in range(_STEPS):
        if np.log(ratios.max()) <= _TOLERANCE:
            break
        scale = hessian.diagonal().mean()
        factor = np.linalg.cholesky(hessian / scale + _RIDGE * np.eye(len(hessian)))
        # The step minimises g'(v-w) + (v-w)'H(v-w)/2 with g = 1 - r, and Hw = r.
        step = _least_squares(factor, (2 * ratios - 1) / scale) - weights
        weights, value, ratios, hessian, moved = _line_search(q, weights, step, value, (ratios, hessian))
        if not moved:
            break
    return weights


def _line_search(
    q: Matrix, weights: Weights, step: Weights, value: float, here: tuple[Matrix, Matrix]
) -> tuple[Weights, float, Matrix, Matrix, bool]:
    """Halve the step until the loss falls; Newton's whole step does, near the optimum."""
    length = 1.0
    while length > 1e-10:
        trial = np.maximum(weights + length * step, 0.0)
        trial /= trial.sum()
        found, ratios, hessian = _derivatives(q, trial)
        if found < value:
            return trial, found, ratios, hessian, True
        length /= 2
    return weights, value, *here, False


def _least_squares(factor: Matrix, right: NDArray[np.float64]) -> Weights:
    """Minimise v'Av/2 - b'v over v >= 0, given A's Cholesky factor."""
    found, _ = nnls(factor.T, solve_triangular(factor, right, lower=True), maxiter=50 * len(right))
    return np.asarray(found, dtype=np.float64)


def _derivatives(q: Matrix, weights: Weights) -> tuple[float, NDArray[np.float64], Matrix]:
    """Return the loss, r = Q'(1/(Qw))/N and the Hessian Q' diag(1/(Qw)^2) Q/N, added up in float64."""
    rows, members = q.shape
    total, ratios, hessian = 0.0, np.zeros(members), np.zeros((members, members))
    small = weights.astype(q.dtype)
    for part in _chunks(q):
        blended = part @ small
        scaled = part / blended[:, None]
        total -= float(np.log(blended, dtype=np.float64).sum())
        ratios += scaled.sum(axis=0, dtype=np.float64)
        hessian += scaled.T @ scaled
    return total / rows, ratios / rows, hessian / rows


def _error_products(predictions: Predictions, target: NDArray[Any]) -> Matrix:
    """Return C = E'E/N of the members' errors, all that squared error looks at."""
    members, rows, _ = predictions.shape
    products = np.zeros((members, members))
    for start in range(0, rows, _CHUNK):
        errors = predictions[:, start : start + _CHUNK, 0] - target[start : start + _CHUNK]
        products += errors @ errors.T
    return products / rows


def _chunks(q: Matrix) -> Any:
    return (q[start : start + _CHUNK] for start in range(0, len(q), _CHUNK))
