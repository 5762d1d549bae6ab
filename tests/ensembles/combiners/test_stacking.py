"""Models of a second level: what they learn, where they begin, and how they are written down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from problems import probabilities, problem, values
from sklearn.linear_model import LogisticRegression

from ensembles import LOSSES, METHODS, STACKS, blend
from ensembles.combiners.registry import combiner_from_json
from spaces.probabilities import scores_of

every_stack = pytest.mark.parametrize(
    "stack", ["stack_linear", "stack_trees", "stack_trees_on_rows", "stack_forest_on_rows"]
)
MSE, LOG_LOSS = LOSSES["mse"], LOSSES["log_loss"]


def columns(rows: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3))


@every_stack
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_better_than_the_best_member_on_new_rows(stack, classes):
    predictions, target = values(4, 4000, 0) if classes == 1 else probabilities(4, 4000, 0, classes)
    loss = MSE if classes == 1 else LOG_LOSS
    known, fresh, rows = slice(0, 3000), slice(3000, None), columns(4000)
    combiner = STACKS[stack].fit(predictions[:, known], target[known], loss, features=rows[known])
    combined = combiner(predictions[:, fresh], rows[fresh])
    assert combined.shape == (1000, classes)
    assert loss(target[fresh], combined) < min(loss(target[fresh], member[fresh]) for member in predictions)
    if classes > 1:
        np.testing.assert_allclose(combined.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("stack", ["stack_linear", "stack_trees", "stack_trees_on_rows"])
def test_bias_that_all_members_share_is_taken_out(stack):
    predictions, target = values(3, 2000, 1)
    rows = columns(2000)
    combiner = STACKS[stack].fit(predictions + 5.0, target, MSE, features=rows)
    assert combiner(predictions + 5.0, rows).mean() == pytest.approx(target.mean(), abs=0.05)


def test_trees_on_rows_use_what_no_member_saw():
    predictions, target = values(3, 3000, 2)
    rows = columns(3000)
    hidden = target + 3 * (rows[:, 0] > 0)
    losses = {
        name: MSE(hidden, STACKS[name].fit(predictions, hidden, MSE, features=rows)(predictions, rows))
        for name in ("stack_trees", "stack_trees_on_rows")
    }
    assert losses["stack_trees_on_rows"] < 0.5 * losses["stack_trees"]


def test_a_forest_takes_off_half_of_what_the_weighted_average_leaves():
    predictions, target = values(3, 3000, 2)
    rows = columns(3000)
    hidden = target + 3 * np.sign(rows[:, 0])
    forest = STACKS["stack_forest_on_rows"].fit(predictions, hidden, MSE, features=rows)
    np.testing.assert_allclose(forest.weights, METHODS["regularized"](predictions, hidden, MSE))
    begins = forest.matrix(predictions, rows).get_base_margin() + forest.offset
    np.testing.assert_allclose(begins, blend(predictions, forest.weights)[:, 0], atol=1e-4)
    for side in (rows[:, 0] > 0, rows[:, 0] <= 0):
        leaves = (hidden - blend(predictions, forest.weights)[:, 0])[side].mean()
        assert (hidden - forest(predictions, rows)[:, 0])[side].mean() == pytest.approx(leaves / 2, rel=0.1)


def test_trees_tell_columns_and_values_apart_far_from_zero():
    """Seconds since 1970 are two minutes apart as float32, and values at 1e9 are 64 apart."""
    predictions, target = values(3, 3000, 2)
    rows, far = columns(3000), np.array([1.7e9, 0, 0])
    hidden = target + 3 * (rows[:, 0] > 0)
    near = STACKS["stack_trees_on_rows"].fit(predictions, hidden, MSE, features=rows)
    combiner = STACKS["stack_trees_on_rows"].fit(predictions + 1e9, hidden + 1e9, MSE, features=rows + far)
    moved = combiner(predictions + 1e9, rows + far) - 1e9
    assert MSE(hidden, moved) < 1.2 * MSE(hidden, near(predictions, rows))


@pytest.mark.parametrize("stack", ["stack_linear", "stack_trees"])
def test_where_there_is_nothing_to_learn_the_average_stays(stack):
    """Members are the truth plus noise of the same size each, few rows: no better weights can be known."""
    rng = np.random.default_rng(0)
    target = 3 * rng.normal(size=60)
    predictions = (target + rng.normal(size=(4, 60)))[:, :, None]
    combined = STACKS[stack].fit(predictions, target, MSE)(predictions)
    average = blend(predictions, np.full(4, 0.25))
    assert np.abs(combined - average).mean() < 0.25 * np.abs(predictions - average).mean()


@every_stack
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_written_down_and_read_again_it_says_the_same(stack, classes):
    predictions, target = values(12, 300, 0) if classes == 1 else probabilities(12, 300, 0, classes)
    rows = columns(300)
    combiner = STACKS[stack].fit(predictions, target, MSE if classes == 1 else LOG_LOSS, features=rows)
    again = combiner_from_json(json.loads(json.dumps(combiner.to_json())))
    np.testing.assert_allclose(again(predictions, rows), combiner(predictions, rows), rtol=1e-6)
    weights = combiner.weights
    assert weights.shape == (12,)
    assert (weights > 0).sum() <= (12 if stack in ("stack_forest_on_rows", "stack_trees_on_rows") else 10)
    assert weights.sum() == pytest.approx(1)
    kept = np.argsort(-weights)[: (weights > 0).sum()]
    np.testing.assert_allclose(combiner.only(kept)(predictions[kept], rows), combiner(predictions, rows), rtol=1e-6)


def test_rare_classes_do_not_keep_it_from_its_optimum():
    rng, shares = np.random.default_rng(0), np.array([0.5, 0.43, 0.05, 0.015, 0.004, 0.001])
    target = np.concatenate([np.arange(6), rng.choice(6, 3994, p=shares)])
    logits = 0.7 * rng.normal(size=(4, 4000, 6)) + np.log(shares) + np.eye(6)[target]
    members = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    said = STACKS["stack_linear"].fit(members, target, LOG_LOSS)(members)
    columns = scores_of(members).transpose(1, 0, 2).reshape(4000, -1)
    columns -= columns.mean(axis=0)
    optimum = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-8).fit(columns, target).predict_proba(columns)
    assert LOG_LOSS(target, said) == pytest.approx(LOG_LOSS(target, optimum), rel=0.01)


@every_stack
@pytest.mark.parametrize("present", [[0], [2], [0, 2], [0, 1, 2]])
def test_classes_that_do_not_occur_get_next_to_nothing(stack, present):
    predictions, _ = probabilities(3, 200, 0, classes=3)
    target = np.random.default_rng(0).choice(present, 200)
    rows = columns(200)
    combined = STACKS[stack].fit(predictions, target, LOG_LOSS, features=rows)(predictions, rows)
    assert np.isfinite(combined).all()
    np.testing.assert_allclose(combined.sum(axis=1), 1, atol=1e-6)
    absent = [k for k in range(3) if k not in present]
    if absent and stack == "stack_linear":
        assert combined[:, absent].max() < 0.01


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_of_two(label):
    predictions, _ = probabilities(3, 50, 0, classes=2)
    target = np.full(50, label)
    linear, trees = (
        STACKS[name].fit(predictions, target, LOG_LOSS)(predictions) for name in STACKS if "rows" not in name
    )
    assert (linear.argmax(axis=1) == label).all()
    assert np.isfinite(trees).all()


def test_what_cannot_be_stacked_is_refused():
    predictions, target, loss = problem("mae", 2, 20, seed=0)
    with pytest.raises(ValueError, match="stacking needs log_loss, mse or rmse and one target, got 'mae'"):
        STACKS["stack_linear"].fit(predictions, target, loss)
    for name in ("stack_trees_on_rows", "stack_forest_on_rows"):
        with pytest.raises(ValueError, match=f"{name} needs the rows' features"):
            STACKS[name].fit(np.tile(predictions, (1, 2, 1)), np.tile(target, 2), MSE)
    with pytest.raises(ValueError, match="this version does not know the combiner 'oracle'"):
        combiner_from_json({"kind": "oracle"})
