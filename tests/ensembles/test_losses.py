"""Losses are those of scikit-learn, convex where they say so, and a pool is a weighted mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SEEDS, probabilities, problem, problems, values
from sklearn import metrics

from ensembles import LOSSES, blend
from ensembles.losses import of_true_class

every_loss = pytest.mark.parametrize("loss", list(LOSSES))


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


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, 40)])
def test_of_many_classes_a_blend_needs_the_true_one_only(weights):
    rng = np.random.default_rng(0)
    predictions = rng.dirichlet(np.ones(7), size=(3, 40))
    target = rng.integers(0, 7, 40)
    shares = np.array([0.2, 0.3, 0.5])
    fewer, ones = of_true_class(predictions, target, LOSSES["log_loss"])
    assert fewer.shape == (3, 40, 2)
    expected = LOSSES["log_loss"](target, blend(predictions, shares), weights)
    assert LOSSES["log_loss"](ones, blend(fewer, shares), weights) == pytest.approx(expected, rel=1e-12)


def test_other_losses_keep_every_class():
    predictions, target = np.full((2, 5, 3), 1 / 3), np.zeros(5, dtype=np.int64)
    assert of_true_class(predictions, target, LOSSES["mse"])[0] is predictions
    assert of_true_class(predictions[:, :, :2], target, LOSSES["log_loss"])[0].shape == (2, 5, 2)
