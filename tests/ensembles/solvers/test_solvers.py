"""What every weight solver promises, and how good each one is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SEEDS, fitted_loss, labels, probabilities, problem, problems, smooth_problems, values
from scipy.special import expit
from sklearn import metrics

from ensembles import LOSSES, METHODS, Loss, blend
from ensembles.combiners.pooled import Pooled

every_method = pytest.mark.parametrize("method", list(METHODS))
on_the_simplex = pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].pool == "linear"])
# Some are made to do well on new rows, and may lose a little on those that fitted them.
NOT_SEARCHING = ("uniform", "bagged_greedy", "regularized", "log_linear")
SEARCHING = [name for name in METHODS if name not in NOT_SEARCHING]
searching = pytest.mark.parametrize("method", SEARCHING)
every_loss = pytest.mark.parametrize("loss", list(LOSSES))


@on_the_simplex
@given(st.data())
@settings(max_examples=20)
def test_weights_lie_on_the_simplex(method, data):
    predictions, target, loss = data.draw(problems(method))
    before = predictions.copy()
    weights = METHODS[method](predictions, target, loss)
    assert weights.shape == (len(predictions),)
    assert weights.dtype == np.float64
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    np.testing.assert_array_equal(predictions, before)


@every_method
@given(st.data())
@settings(max_examples=10)
def test_the_same_problem_has_the_same_answer(method, data):
    given_problem = data.draw(problems(method))
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
@given(st.data())
@settings(max_examples=25)
def test_never_worse_than_the_best_member_on_the_fitted_loss(method, data):
    predictions, target, loss = data.draw(problems(method))
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
    elif loss == "multilabel_log_loss":
        predictions = rng.random(size=(5, rows, 2))
        target = (rng.random((rows, 2)) < blend(predictions, planted)).astype(np.int64)
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
    predictions, target, loss = problem("log_loss", members, 2000, seed)
    method = METHODS["log_linear"]
    weights = method(predictions, target, loss)
    assert (weights >= 0).all()
    found = loss(target, Pooled(weights, "log_linear")(predictions))
    rng = np.random.default_rng(seed)
    for _ in range(20):
        near = np.maximum(weights + rng.normal(scale=0.05, size=members), 0)
        assert loss(target, Pooled(near, "log_linear")(predictions)) >= found - 1e-4  # what the pull may cost


def test_log_linear_weights_stay_bounded_where_members_separate_the_classes():
    target = np.array([0, 1] * 20)
    right = np.eye(2)[target] * 0.6 + 0.2
    predictions = np.stack([right, right])
    assert 1 < METHODS["log_linear"](predictions, target, LOSSES["log_loss"]).sum() < 6


def test_a_log_linear_pool_of_equal_members_is_one_of_them():
    predictions, _ = probabilities(1, 50, seed=0)
    pooled = Pooled(np.array([0.3, 0.7]), "log_linear")(np.concatenate([predictions] * 2))
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


@searching
def test_many_members_are_no_trouble(method):
    predictions, target, loss = problem("log_loss", 40, 300, seed=0)
    best = min(loss(target, member) for member in predictions)
    assert fitted_loss(method, predictions, target, loss) < best


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


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("loss", list(LOSSES))
def test_a_weighted_row_counts_as_often_as_it_says(method, loss):
    predictions, target, function = problem(loss, 4, 120, seed=2)
    if not METHODS[method].accepts(function):
        pytest.skip(f"{method} does not minimise {loss}")
    counts = np.random.default_rng(0).integers(1, 5, 120)
    fitted = METHODS[method].fit(predictions, target, function, sample_weight=counts.astype(np.float64))
    repeated, again = np.repeat(predictions, counts, axis=1), np.repeat(target, counts, axis=0)
    expected = METHODS[method].fit(repeated, again, function)
    found = function(again, fitted(repeated))
    if method == "regularized":  # cuts the rows at random, and never a repeated one in two
        assert found < min(function(again, member) for member in repeated)
    else:  # the pull of log_linear is that of the number of rows, which weights do not change
        allowed = 1e-2 if method == "log_linear" else 1e-5
        assert found == pytest.approx(function(again, expected(repeated)), abs=allowed)


def test_weights_of_several_targets_are_those_of_all_their_rows():
    predictions, target = values(3, 400, 0)
    paired, both = predictions.reshape(3, 200, 2), target.reshape(200, 2)
    for name in ("mse", "mae"):
        expected = METHODS["greedy"](predictions, target, LOSSES[name])
        np.testing.assert_allclose(METHODS["greedy"](paired, both, LOSSES[name]), expected)
    np.testing.assert_allclose(
        METHODS["convex"](paired, both, LOSSES["mse"]), METHODS["convex"](predictions, target, LOSSES["mse"])
    )
    with pytest.raises(ValueError, match="the target has 3 outputs, the members predict 2"):
        METHODS["convex"](paired, np.zeros((200, 3)), LOSSES["mse"])


def test_weights_of_labels_are_those_of_as_many_rows_of_two_classes():
    predictions, target = labels(3, 200, 0)
    loss = LOSSES["multilabel_log_loss"]
    positive = predictions.reshape(3, -1)
    both = np.stack([1 - positive, positive], axis=2)
    for name in ("convex", "log_linear"):
        expected = METHODS[name](both, target.ravel(), LOSSES["log_loss"])
        np.testing.assert_allclose(METHODS[name](predictions, target, loss), expected, atol=1e-6)
    pooled = METHODS["log_linear"].fit(predictions, target, loss)
    assert loss(target, pooled(predictions)) < min(loss(target, member) for member in predictions)


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_metrics_that_move_in_steps_are_minimised_too(metric):
    predictions, target = probabilities(5, 400, seed=1, classes=2)
    functions = {
        "accuracy": lambda target, p: float(np.mean(p.argmax(axis=1) != target)),
        "roc_auc": lambda target, p: 1 - metrics.roc_auc_score(target, p[:, 1]),
    }
    loss = Loss(metric, functions[metric])
    fitted = fitted_loss("nelder_mead", predictions, target, loss)
    assert fitted <= fitted_loss("greedy", predictions, target, loss)
    assert fitted < min(loss(target, member) for member in predictions)


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
