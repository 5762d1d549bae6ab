"""What every weight solver promises, and how good each one is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn import metrics

from ensembles import LOSSES, METHODS, Loss, blend, certificate
from ensembles.convex import CERTIFIED

every_method = pytest.mark.parametrize("method", list(METHODS))
on_the_simplex = pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].pool == "linear"])
# Some are made to do well on new rows, and may lose a little on those that fitted them.
NOT_SEARCHING = ("uniform", "bagged_greedy", "regularized")
SEARCHING = [name for name in METHODS if name not in NOT_SEARCHING]
searching = pytest.mark.parametrize("method", SEARCHING)
SEEDS = st.integers(0, 2**32 - 1)
every_loss = pytest.mark.parametrize("loss", list(LOSSES))


def values(members: int, rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members that predict a number, each with its own noise and bias, so that a blend is better than each."""
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    spread, bias = rng.uniform(0.5, 1.5, members), rng.normal(scale=0.3, size=members)
    predictions = target + spread[:, None] * rng.normal(size=(members, rows)) + bias[:, None]
    return predictions[:, :, None], target


def probabilities(members: int, rows: int, seed: int, classes: int = 3) -> tuple[NDArray[Any], NDArray[Any]]:
    """Members that predict probabilities, some of them overconfident, so that a blend is better than each."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, max(rows - classes, 0))])[:rows]
    skill, noise = rng.uniform(0.8, 1.2, (2, members, 1, 1))
    logits = 1.5 * (skill * np.eye(classes)[target] + noise * rng.normal(size=(members, rows, classes)))
    exponents = np.exp(logits - logits.max(axis=2, keepdims=True))
    return exponents / exponents.sum(axis=2, keepdims=True), target


def problem(loss: str, members: int, rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any], Loss]:
    make = probabilities if loss == "log_loss" else values
    predictions, target = make(members, rows, seed)
    return predictions, target, LOSSES[loss]


@st.composite
def problems(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], Loss]:
    """Any loss, any number of members, few rows."""
    loss = draw(st.sampled_from(list(LOSSES)))
    return problem(loss, draw(st.integers(1, 6)), draw(st.integers(3, 40)), draw(SEEDS))


@st.composite
def smooth_problems(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any], Loss]:
    """Losses without kinks, on which the simplex is sure to find the one optimum."""
    loss = draw(st.sampled_from([name for name in LOSSES if name != "mae"]))
    return problem(loss, draw(st.integers(1, 6)), draw(st.integers(20, 50)), draw(SEEDS))


def fitted_loss(method: str, predictions: NDArray[Any], target: NDArray[Any], loss: Loss) -> float:
    return loss(target, METHODS[method].blend(predictions, METHODS[method](predictions, target, loss)))


@on_the_simplex
@given(problems())
@settings(max_examples=20)
def test_weights_lie_on_the_simplex(method, given_problem):
    predictions, target, loss = given_problem
    assume(METHODS[method].accepts(loss))
    before = predictions.copy()
    weights = METHODS[method](predictions, target, loss)
    assert weights.shape == (len(predictions),)
    assert weights.dtype == np.float64
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    np.testing.assert_array_equal(predictions, before)


@every_method
@given(problems())
@settings(max_examples=10)
def test_the_same_problem_has_the_same_answer(method, given_problem):
    assume(METHODS[method].accepts(given_problem[2]))
    first, second = (METHODS[method](*given_problem) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("method", ["uniform", "greedy"])
@given(problems(), SEEDS)
@settings(max_examples=25)
def test_the_order_of_rows_and_of_members_does_not_matter(method, given_problem, seed):
    predictions, target, loss = given_problem
    members, rows = (np.random.default_rng(seed).permutation(n) for n in predictions.shape[:2])
    weights = METHODS[method](predictions, target, loss)
    np.testing.assert_array_equal(METHODS[method](predictions[:, rows], target[rows], loss), weights)
    np.testing.assert_array_equal(METHODS[method](predictions[members], target, loss), weights[members])


@given(smooth_problems(), SEEDS)
@settings(max_examples=15, derandomize=True)
def test_nelder_mead_finds_the_same_loss_in_any_order(given_problem, seed):
    predictions, target, loss = given_problem
    members, rows = (np.random.default_rng(seed).permutation(n) for n in predictions.shape[:2])
    found = fitted_loss("nelder_mead", predictions, target, loss)
    assert fitted_loss("nelder_mead", predictions[:, rows], target[rows], loss) == pytest.approx(found, abs=1e-6)
    assert fitted_loss("nelder_mead", predictions[members], target, loss) == pytest.approx(found, abs=1e-6)


@searching
@given(problems())
@settings(max_examples=25)
def test_never_worse_than_the_best_member_on_the_fitted_loss(method, given_problem):
    predictions, target, loss = given_problem
    assume(METHODS[method].accepts(loss))
    best = min(loss(target, member) for member in predictions)
    assert fitted_loss(method, predictions, target, loss) <= best + 1e-9


@given(problems())
@settings(max_examples=25)
def test_nelder_mead_is_never_worse_than_greedy_selection(given_problem):
    assert fitted_loss("nelder_mead", *given_problem) <= fitted_loss("greedy", *given_problem) + 1e-12


@pytest.mark.parametrize("method", ["greedy", "nelder_mead", "convex"])
@given(smooth_problems(), st.integers(0, 5))
@settings(max_examples=15, derandomize=True)
def test_a_member_twice_is_no_worse_than_once(method, given_problem, which):
    predictions, target, loss = given_problem
    twice = np.concatenate([predictions, predictions[which % len(predictions)][None]])
    once = fitted_loss(method, predictions, target, loss)
    assert fitted_loss(method, twice, target, loss) <= once + (1e-12 if method == "greedy" else 1e-4)


@pytest.mark.parametrize(
    ("method", "loss"),
    [
        (method, loss)
        for method in ("greedy", "bagged_greedy", "nelder_mead", "convex")
        for loss in LOSSES
        if METHODS[method].accepts(LOSSES[loss])
    ],
)
def test_a_useless_member_gets_next_to_nothing(method, loss):
    predictions, target, function = problem(loss, 4, 2000, seed=1)
    rng = np.random.default_rng(0)
    useless = rng.permuted(predictions[0], axis=0)
    weights = METHODS[method](np.concatenate([predictions, useless[None]]), target, function)
    assert weights[-1] < 0.05
    assert weights[:-1].sum() > 0.95


@every_loss
def test_nelder_mead_finds_the_planted_weights(loss):
    """The truth is a blend of three members, to which the others are strangers."""
    rng = np.random.default_rng(0)
    planted, rows = np.array([0.5, 0.0, 0.3, 0.2, 0.0]), 20_000
    if loss == "log_loss":
        predictions = rng.dirichlet([1, 1, 1], size=(5, rows))
        truth = blend(predictions, planted)
        target = (rng.random(rows)[:, None] > truth.cumsum(axis=1)).sum(axis=1).clip(max=2)
    else:
        predictions = rng.normal(size=(5, rows, 1))
        target = blend(predictions, planted)[:, 0] + rng.normal(scale=0.1, size=rows)
    weights = METHODS["nelder_mead"](predictions, target, LOSSES[loss])
    np.testing.assert_allclose(weights, planted, atol=0.03)


def test_greedy_selection_finds_planted_weights_to_the_nearest_round():
    rng = np.random.default_rng(0)
    planted = np.array([0.5, 0.0, 0.3, 0.2])
    predictions = rng.normal(size=(4, 5000, 1))
    target = blend(predictions, planted)[:, 0] + rng.normal(scale=0.1, size=5000)
    np.testing.assert_allclose(METHODS["greedy"](predictions, target, LOSSES["rmse"]), planted, atol=0.05)


# The log-linear pool, and weights that do not trust few rows.


@given(st.integers(1, 5), SEEDS)
@settings(max_examples=20)
def test_log_linear_weights_are_the_optimum_and_calibrate(members, seed):
    """A single overconfident member is cooled down; no other weights near the found ones are better."""
    predictions, target, loss = problem("log_loss", members, 60, seed)
    method = METHODS["log_linear"]
    weights = method(predictions, target, loss)
    assert (weights >= 0).all()
    found = loss(target, method.blend(predictions, weights))
    rng = np.random.default_rng(seed)
    for _ in range(20):
        near = np.maximum(weights + rng.normal(scale=0.05, size=members), 0)
        assert loss(target, method.blend(predictions, near)) >= found - 1e-7


def test_a_log_linear_pool_of_equal_members_is_one_of_them():
    predictions, _ = probabilities(1, 50, seed=0)
    pooled = METHODS["log_linear"].blend(np.concatenate([predictions] * 2), np.array([0.3, 0.7]))
    np.testing.assert_allclose(pooled, predictions[0], atol=1e-6)


def test_the_log_linear_pool_is_refused_for_numbers():
    with pytest.raises(ValueError, match="fitted for log_loss, got 'rmse': use nelder_mead"):
        METHODS["log_linear"](*problem("rmse", 2, 20, seed=0))


@pytest.mark.parametrize("n_junk", [0, 15])
def test_regularized_weights_lose_less_on_new_rows(n_junk):
    """Among equal members, and among members most of which are noisier, of which a hundred rows tell little."""
    losses = {"regularized": 0.0, "convex": 0.0}
    noise = np.where(np.arange(20) < n_junk, 2.0, 0.7)[:, None]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        logits = 1.5 * rng.normal(size=5_100)
        target = (rng.random(5_100) < expit(logits)).astype(np.int64)
        positive = expit(logits + noise * rng.normal(size=(20, 5_100)))
        predictions = np.stack([1 - positive, positive], axis=2)
        known, fresh = slice(0, 100), slice(100, None)
        for method in losses:
            weights = METHODS[method](predictions[:, known], target[known], LOSSES["log_loss"])
            losses[method] += LOSSES["log_loss"](target[fresh], blend(predictions[:, fresh], weights))
    assert losses["regularized"] < losses["convex"]


# Certificates.

certified = pytest.mark.parametrize("loss", CERTIFIED)


@certified
@pytest.mark.parametrize("members", [2, 5, 8])
@pytest.mark.parametrize("method", ["nelder_mead", "convex"])
def test_the_optimum_is_reached_and_proven(method, members, loss):
    predictions, target, function = problem(loss, members, 400, seed=members)
    weights = METHODS[method](predictions, target, function)
    found = function(target, blend(predictions, weights))
    assert found == pytest.approx(optimum(predictions, target, function), abs=1e-8)
    assert 0 <= certificate(predictions, target, function, weights) < 1e-8


@given(smooth_problems(), SEEDS)
@settings(max_examples=25)
def test_the_certificate_is_at_least_the_true_gap(given_problem, seed):
    predictions, target, loss = given_problem
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(predictions)))
    true_gap = loss(target, blend(predictions, weights)) - optimum(predictions, target, loss)
    bound = certificate(predictions, target, loss, weights)
    assert bound >= 0
    assert bound >= true_gap - 1e-9


@certified
def test_exact_weights_of_float32_rows_in_chunks(loss):
    """More rows than a chunk holds, and than the sample that Newton's method starts from."""
    make = probabilities if loss == "log_loss" else values
    predictions, target = make(4, 210_000, 0)
    weights = METHODS["convex"](predictions.astype(np.float32), target, LOSSES[loss])
    assert certificate(predictions, target, LOSSES[loss], weights) < 1e-6


@certified
def test_exact_weights_of_many_copies_of_a_member(loss):
    """In float32 the products of equal members are equal but for rounding, and their matrix is singular."""
    predictions, target, function = problem(loss, 3, 300, seed=0)
    copies = np.repeat(predictions.astype(np.float32), 7, axis=0)
    weights = METHODS["convex"](copies, target, function)
    assert certificate(copies, target, function, weights) < 1e-5
    exact = METHODS["convex"](predictions, target, function)
    np.testing.assert_allclose(weights.reshape(3, 7).sum(axis=1), exact, atol=1e-3)


def test_exact_weights_of_hopeless_and_of_perfect_members():
    target = np.array([0, 1, 1])
    perfect = np.eye(2)[target]
    for members in (np.stack([1 - perfect]), np.stack([perfect, 1 - perfect]), np.stack([perfect, perfect])):
        weights = METHODS["convex"](members, target, LOSSES["log_loss"])
        assert weights.sum() == pytest.approx(1)
        assert certificate(members, target, LOSSES["log_loss"], weights) < 1e-6
    exact = np.array([[[1.0], [2.0]]] * 2)
    np.testing.assert_allclose(METHODS["convex"](exact, np.array([1.0, 2.0]), LOSSES["mse"]), [0.5, 0.5])


def test_exact_weights_and_certificates_are_refused_for_other_losses():
    predictions, target, loss = problem("mae", 2, 20, seed=0)
    with pytest.raises(ValueError, match=r"one of log_loss, mse, rmse, got 'mae': use nelder_mead"):
        METHODS["convex"](predictions, target, loss)
    with pytest.raises(ValueError, match="got 'mae'"):
        certificate(predictions, target, loss, np.array([0.5, 0.5]))


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


@searching
def test_many_members_are_no_trouble(method):
    predictions, target, loss = problem("log_loss", 40, 300, seed=0)
    weights = METHODS[method](predictions, target, loss)
    best = min(loss(target, member) for member in predictions)
    assert loss(target, METHODS[method].blend(predictions, weights)) < best


@searching
def test_float32_predictions_give_the_same_weights(method):
    predictions, target, loss = problem("log_loss", 4, 200, seed=3)
    weights = METHODS[method](predictions.astype(np.float32), target, loss)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights, METHODS[method](predictions, target, loss), atol=5e-3)


@pytest.mark.parametrize("method", [method for method in SEARCHING if METHODS[method].losses is None])
def test_any_function_can_be_minimised(method):
    """Solvers must not count on smooth losses: this one is the share of wrong labels."""
    predictions, target = probabilities(5, 200, seed=0)
    wrong = Loss("wrong", lambda target, predictions: float(np.mean(predictions.argmax(axis=1) != target)))
    best = min(wrong(target, member) for member in predictions)
    assert fitted_loss(method, predictions, target, wrong) <= best


# What cannot be combined.


@pytest.mark.parametrize(
    ("predictions", "target", "message"),
    [
        (np.ones((2, 5)), np.ones(5), r"\(members, rows, outputs\), none of them 0, got \(2, 5\)"),
        (np.ones((0, 5, 1)), np.ones(5), "none of them 0"),
        (np.ones((2, 5, 1)), np.ones(4), "predict 5 rows, but the target has 4"),
        (np.where(np.arange(2)[:, None, None] == 1, np.nan, np.ones((2, 5, 1))), np.ones(5), "member 1 predicts NaN"),
        (np.full((2, 5, 2), 0.5), np.array([0, 1, 2, 0, 1]), "classes 0 to 2, the members predict 0 to 1"),
    ],
)
@every_method
def test_what_cannot_be_combined_is_refused(method, predictions, target, message):
    with pytest.raises(ValueError, match=message):
        METHODS[method](predictions, target, LOSSES["log_loss"])


# Losses and the pool.


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_log_loss_equals_scikit_learns(classes):
    predictions, target = probabilities(1, 300, seed=classes, classes=classes)
    expected = metrics.log_loss(target, predictions[0], labels=range(classes))
    assert LOSSES["log_loss"](target, predictions[0]) == pytest.approx(expected, rel=1e-9)


def test_log_loss_of_an_impossible_event_is_large_but_finite():
    predictions = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert LOSSES["log_loss"](np.array([0, 1]), predictions) == pytest.approx(0, abs=1e-6)
    assert 10 < LOSSES["log_loss"](np.array([1, 0]), predictions) < 20


@pytest.mark.parametrize(
    ("loss", "function"),
    [
        ("rmse", metrics.root_mean_squared_error),
        ("mse", metrics.mean_squared_error),
        ("mae", metrics.mean_absolute_error),
    ],
)
def test_losses_of_numbers_equal_scikit_learns(loss, function):
    predictions, target = values(1, 300, seed=0)
    assert LOSSES[loss](target, predictions[0]) == pytest.approx(function(target, predictions[0][:, 0]), rel=1e-12)


@every_loss
@given(SEEDS, st.floats(0, 1))
@settings(max_examples=20)
def test_losses_that_say_so_are_convex(loss, seed, share):
    (first, second), target, function = problem(loss, 2, 20, seed)
    assert function.convex
    blended = function(target, share * first + (1 - share) * second)
    assert blended <= share * function(target, first) + (1 - share) * function(target, second) + 1e-9


@given(problems(), SEEDS)
@settings(max_examples=20)
def test_a_pool_is_the_weighted_mean(given_problem, seed):
    predictions, _, loss = given_problem
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(predictions)))
    pooled = blend(predictions, weights)
    np.testing.assert_allclose(pooled, sum(w * member for w, member in zip(weights, predictions, strict=True)))
    if loss.name == "log_loss":
        np.testing.assert_allclose(pooled.sum(axis=1), 1)
