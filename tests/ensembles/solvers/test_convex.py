"""Exact weights are the optimum, and the certificate proves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from problems import SEEDS, problem, smooth_problems
from scipy.optimize import minimize

from ensembles import LOSSES, METHODS, Loss, blend, certificate
from ensembles.solvers.convex import CERTIFIED

certified = pytest.mark.parametrize("loss", CERTIFIED)


@certified
@pytest.mark.parametrize("members", [2, 5, 8])
@pytest.mark.parametrize("method", ["nelder_mead", "convex"])
def test_the_optimum_is_reached_and_proven(method, members, loss):
    predictions, target, function = problem(loss, members, 400, seed=members)
    weights = METHODS[method](predictions, target, function)
    found = function(target, blend(predictions, weights))
    assert found == pytest.approx(optimum(predictions, target, function), abs=1e-8)
    assert 0 <= certificate(predictions, target, function, weights=weights) < 1e-8


@given(smooth_problems(), SEEDS)
@settings(max_examples=25)
def test_the_certificate_is_at_least_the_true_gap(given_problem, seed):
    predictions, target, loss = given_problem
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(predictions)))
    true_gap = loss(target, blend(predictions, weights)) - optimum(predictions, target, loss)
    bound = certificate(predictions, target, loss, weights=weights)
    assert bound >= 0
    assert bound >= true_gap - 1e-9


@certified
def test_exact_weights_of_float32_rows_in_chunks(loss):
    """More rows than a chunk holds, and than the sample that Newton's method starts from."""
    predictions, target, _ = problem(loss, 4, 210_000, 0)
    small = predictions.astype(np.float32)
    weights = METHODS["convex"](small, target, LOSSES[loss])
    assert certificate(small, target, LOSSES[loss], weights=weights) < 1e-6


@certified
def test_exact_weights_of_many_copies_of_a_member(loss):
    """In float32 the products of equal members are equal but for rounding, and their matrix is singular."""
    predictions, target, function = problem(loss, 3, 300, seed=0)
    copies = np.repeat(predictions.astype(np.float32), 7, axis=0)
    weights = METHODS["convex"](copies, target, function)
    assert certificate(copies, target, function, weights=weights) < 1e-5
    exact = METHODS["convex"](predictions, target, function)
    np.testing.assert_allclose(weights.reshape(3, 7).sum(axis=1), exact, atol=1e-3)


def test_exact_weights_of_hopeless_and_of_perfect_members():
    target = np.array([0, 1, 1])
    perfect = np.eye(2)[target]
    for members in (np.stack([1 - perfect]), np.stack([perfect, 1 - perfect]), np.stack([perfect, perfect])):
        weights = METHODS["convex"](members, target, LOSSES["log_loss"])
        assert weights.sum() == pytest.approx(1)
        assert certificate(members, target, LOSSES["log_loss"], weights=weights) < 1e-6
    exact = np.array([[[1.0], [2.0]]] * 2)
    np.testing.assert_allclose(METHODS["convex"](exact, np.array([1.0, 2.0]), LOSSES["mse"]), [0.5, 0.5])


def test_exact_weights_and_certificates_are_refused_for_other_losses():
    predictions, target, loss = problem("mae", 2, 20, seed=0)
    with pytest.raises(ValueError, match=r"need one of log_loss, .*, rmse, got 'mae': use nelder_mead"):
        METHODS["convex"](predictions, target, loss)
    with pytest.raises(ValueError, match="got 'mae'"):
        certificate(predictions, target, loss, weights=np.array([0.5, 0.5]))


def optimum(predictions: NDArray[Any], target: NDArray[Any], loss: Loss) -> float:
    """The least loss on the simplex, by sequential quadratic programming from several starts."""
    n = len(predictions)
    starts = [np.full(n, 1 / n), *(np.full(n, 0.1 / n) + 0.9 * np.eye(n))]
    return min(
        minimize(
            lambda weights: loss(target, blend(predictions, weights)),
            start,
            method="SLSQP",
            bounds=[(0, 1)] * n,
            constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 1000},
        ).fun
        for start in starts
    )
