"""A second layer: which members it reads, how much it counts, and what is left where it is of no use."""

from __future__ import annotations

import numpy as np
import pytest
from problems import values

from ensembles import LOSSES, METHODS, STACKS, blend
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.second_layer import LayerStack

MSE = LOSSES["mse"]
LAYER = STACKS["stack_trees_on_rows"]


def columns(rows: int) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(rows, 3))


def told(predictions, target, rows):
    return LAYER.fit(predictions, target, MSE, features=rows)


def test_it_is_mixed_with_the_average_of_regularized_by_its_share():
    predictions, target = values(3, 3000, 2)
    rows = columns(3000)
    hidden = target + 0.5 * (rows[:, 0] > 0)
    layer = told(predictions, hidden, rows)
    assert isinstance(layer, LayerStack)
    assert 0 < layer.share < 1
    np.testing.assert_allclose(layer.average, METHODS["regularized"](predictions, hidden, MSE))
    matrix = layer.matrix(predictions, rows)
    trees = np.mean([layer.said_by(booster, matrix) for booster in layer.boosters], axis=0)
    mixed = (1 - layer.share) * blend(predictions, layer.average) + layer.share * trees
    np.testing.assert_allclose(layer(predictions, rows), mixed, atol=1e-9)


def test_its_share_is_that_of_rows_which_it_did_not_grow_on():
    """Trees that learn noise by heart would have all of it: on rows that they saw they are always better."""
    rng = np.random.default_rng(0)
    known = rng.normal(size=2000)
    predictions = (known + 0.01 * rng.normal(size=(2, 2000)))[:, :, None]
    layer = told(predictions, known + rng.normal(size=2000), columns(2000))
    assert isinstance(layer, Pooled) or layer.share < 0.3


def test_where_the_average_knows_all_it_is_what_is_left():
    rng = np.random.default_rng(0)
    target = rng.normal(size=400)
    predictions = (target + 1e-3 * rng.normal(size=(4, 400)))[:, :, None]
    assert isinstance(told(predictions, target, columns(400)), Pooled)


def test_of_many_members_those_are_read_by_which_trees_gain_most():
    rng = np.random.default_rng(0)
    target = rng.normal(size=3000)
    useless = rng.normal(size=(20, 3000))
    useful = target + 0.5 * rng.normal(size=(3, 3000))
    rows = columns(3000)
    layer = told(np.concatenate([useless, useful])[:, :, None], target + 3 * (rows[:, 0] > 0), rows)
    assert len(layer.used) == 12
    assert {20, 21, 22} <= set(layer.used)
    assert (layer.weights[layer.used] > 0).all()


@pytest.mark.parametrize(("rows", "kind"), [(29, Pooled), (300, LayerStack)])
def test_few_rows_have_the_average(rows, kind):
    predictions, target = values(3, rows, 2)
    features = columns(rows)
    assert isinstance(told(predictions, target + 3 * (features[:, 0] > 0), features), kind)


def test_rows_that_count_more_are_fitted_more():
    predictions, target = values(3, 2000, 2)
    rows = columns(2000)
    first = np.arange(2000) < 1000
    hidden = target + np.where(first, 2.0, -2.0) * (rows[:, 0] > 0)
    given = {"features": rows, "sample_weight": np.where(first, 10.0, 0.1)}
    layer = LAYER.fit(predictions, hidden, MSE, **given)
    said = layer(predictions, rows)
    assert MSE(hidden[first], said[first]) < 0.3 * MSE(hidden[~first], said[~first])
