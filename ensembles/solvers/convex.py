"""Exact weights for log loss and squared error, with a proof of how far from the optimum they can be.

Both losses are convex in the weights. On the simplex their scale is free, so the constraint "weights sum to one" can
be traded for a linear term, and what is left, weights of at least zero, is non-negative least squares: once for
squared error, in each Newton step for log loss (Kim, Carbonetto, Stephens and Anitescu, "A fast algorithm for maximum
likelihood estimation of mixture proportions using sequential quadratic programming", JCGS 2020).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from ensembles.losses import Loss, SampleWeight, per_output
from ensembles.pools import Predictions, Weights
from spaces.probabilities import SMALLEST

_LOGARITHMIC = ("log_loss", "multilabel_log_loss")
CERTIFIED = (*_LOGARITHMIC, "mse", "rmse")
_TOLERANCE = {np.dtype(np.float32): 1e-7, np.dtype(np.float64): 1e-10}  # about as near as the arithmetic goes
_STEPS = 50
_ROUNDING = 1e-7  # of float32
_CHUNK = 65_536
_SAMPLE = 50_000
_RIDGES = (1e-12, 1e-9, 1e-6, 1e-3)

Matrix = NDArray[Any]


def convex(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
) -> Weights:
    """Return the weights of least loss on the simplex.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: `log_loss`, `multilabel_log_loss`, `mse` or `rmse` of `ensembles.LOSSES`.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.

    Raises:
        ValueError: The loss is another one, for which `nelder_mead` is made.
    """
    _check(loss)
    if loss.name in _LOGARITHMIC:
        q = true_probabilities(predictions, target)
        return _mixture(q, _importance(sample_weight, len(q)))
    return _quadratic(_error_products(predictions, target, _importance(sample_weight, len(target))))


def certificate(
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    *,
    weights: Weights,
    sample_weight: SampleWeight = None,
) -> float:
    """Return how much lower than the loss of these weights any weights on the simplex can possibly be.

    For log loss, with `r_j` the mean of member j's probability of the true class over the blend's, the bound is
    `log(max r)`, by Jensen's inequality. For squared error, with C the mean products of errors, it is
    `2 (w'Cw - min (Cw))`, by convexity. Probabilities of members below 1e-7 count as 1e-7.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values, or `(rows, outputs)`.
        loss: `log_loss`, `multilabel_log_loss`, `mse` or `rmse`.
        weights: `(members,)`, at least 0, of sum 1.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.

    Raises:
        ValueError: The loss is another one.

    >>> from ensembles.losses import LOSSES
    >>> values = np.array([[[1.0], [3.0]], [[3.0], [1.0]]])
    >>> certificate(values, np.array([2.0, 2.0]), LOSSES["mse"], weights=np.array([0.5, 0.5]))
    0.0
    """
    _check(loss)
    if loss.name in _LOGARITHMIC:
        q = true_probabilities(predictions, target)
        ratios = _point(q, _importance(sample_weight, len(q)), weights).ratios
        return max(0.0, float(np.log(ratios.max())))
    products = _error_products(predictions, target, _importance(sample_weight, len(target)))
    mse = float(weights @ products @ weights)
    gap = max(0.0, 2 * float(mse - (products @ weights).min()))
    if loss.name == "mse":
        return gap
    return float(np.sqrt(mse) - np.sqrt(max(0.0, mse - gap)))


def true_probabilities(predictions: Predictions, target: NDArray[Any]) -> Matrix:
    """Return each member's probability of what was true, `(rows, members)`: all that log loss looks at.

    Several labels a row are as many rows.
    """
    found = np.empty((target.size, len(predictions)), dtype=predictions.dtype, order="F")
    for j, member in enumerate(predictions):
        if target.ndim == 1:
            found[:, j] = np.take_along_axis(member, target[:, None], axis=1)[:, 0]
        else:
            found[:, j] = np.where(target == 1, member, 1 - member).ravel()
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
    found = _least_squares(products / scale, np.ones(members))
    return found / found.sum()


class _Point(NamedTuple):
    """Weights, and what the rows say there.

    Attributes:
        weights: `(members,)` on the simplex.
        value: The loss -mean(log(Qw)).
        ratios: r = Q'(1/(Qw))/N, the gradient with its sign turned.
        hessian: Q' diag(1/(Qw)^2) Q/N.
    """

    weights: Weights
    value: float
    ratios: NDArray[np.float64]
    hessian: Matrix


def _importance(sample_weight: SampleWeight, rows: int) -> NDArray[np.float64] | None:
    """Return sample weights of mean one; where a row of them stands for several labels, one for each."""
    if sample_weight is None:
        return None
    return np.repeat(sample_weight / np.mean(sample_weight), rows // len(sample_weight))


def _mixture(q: Matrix, importance: NDArray[np.float64] | None) -> Weights:
    """Minimise -mean(log(Qw)) by Newton steps over v >= 0, first on some of the rows where there are many."""
    weights = np.full(q.shape[1], 1 / q.shape[1])
    if len(q) > 4 * _SAMPLE:
        some = np.sort(np.random.default_rng(0).choice(len(q), _SAMPLE, replace=False))
        weights = _mixture(np.asfortranarray(q[some]), None if importance is None else importance[some])
    here = _point(q, importance, weights)
    for _ in range(_STEPS):
        if np.log(here.ratios.max()) <= _TOLERANCE.get(q.dtype, 1e-7):
            break
        better = _line_search(q, importance, here, step=_newton(here) - here.weights)
        if better is None:  # as near as the arithmetic goes
            break
        here = better
    return here.weights


def _newton(here: _Point) -> Weights:
    """Return the v >= 0 that minimises g'(v-w) + (v-w)'H(v-w)/2, where g = 1 - r and Hw = r."""
    scale = here.hessian.diagonal().mean()
    return _least_squares(here.hessian / scale, (2 * here.ratios - 1) / scale)


def _line_search(q: Matrix, importance: SampleWeight, here: _Point, *, step: Weights) -> _Point | None:
    """Halve the step until the loss falls; near the optimum the whole step does. None when no step is short enough."""
    length = 1.0
    while length > 1e-10:
        weights = np.maximum(here.weights + length * step, 0.0)
        found = _point(q, importance, weights / weights.sum())
        # Near the optimum the loss differs by less than its rounding, while the certificate still shrinks.
        as_good = found.value <= here.value + _ROUNDING and found.ratios.max() < here.ratios.max()
        if found.value < here.value or as_good:
            return found
        length /= 2
    return None


def _least_squares(a: Matrix, right: NDArray[np.float64]) -> Weights:
    """Minimise v'Av/2 - b'v over v >= 0, for a positive semidefinite A of mean diagonal 1."""
    factor = _cholesky(a)
    found, _ = nnls(factor.T, solve_triangular(factor, right, lower=True), maxiter=50 * len(right))
    return np.asarray(found, dtype=np.float64)


def _cholesky(a: Matrix) -> Matrix:
    """Return A's factor, with as small a ridge as alike members and rounding in float32 allow."""
    for ridge in _RIDGES[:-1]:
        try:
            return np.linalg.cholesky(a + ridge * np.eye(len(a)))
        except np.linalg.LinAlgError:
            continue
    return np.linalg.cholesky(a + _RIDGES[-1] * np.eye(len(a)))


def _point(q: Matrix, importance: SampleWeight, weights: Weights) -> _Point:
    """Look at every row, in chunks, adding up in float64."""
    rows, members = q.shape
    total, ratios, hessian = 0.0, np.zeros(members), np.zeros((members, members))
    small = weights.astype(q.dtype)
    for start in range(0, rows, _CHUNK):
        part = q[start : start + _CHUNK]
        blended = part @ small
        scaled = part / blended[:, None]
        counts = None if importance is None else importance[start : start + _CHUNK].astype(q.dtype)
        logs = np.log(blended, dtype=np.float64)
        total -= float(logs.sum() if counts is None else counts @ logs)
        again = scaled if counts is None else scaled * counts[:, None]
        ratios += again.sum(axis=0, dtype=np.float64)
        hessian += scaled.T @ again
    return _Point(weights, total / rows, ratios / rows, hessian / rows)


def _error_products(predictions: Predictions, target: NDArray[Any], importance: NDArray[np.float64] | None) -> Matrix:
    """Return C = E'E/N of the members' errors: the squared error of weights w is w'Cw."""
    members, rows, outputs = predictions.shape
    products = np.zeros((members, members))
    for start in range(0, rows, _CHUNK):
        truth = per_output(target[start : start + _CHUNK])
        errors = np.subtract(predictions[:, start : start + _CHUNK], truth, dtype=np.float64)
        counted = errors if importance is None else errors * importance[start : start + _CHUNK, None]
        products += errors.reshape(members, -1) @ counted.reshape(members, -1).T
    return products / (rows * outputs)
