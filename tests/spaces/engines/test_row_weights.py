"""Class weights: searched where the metric cares for rare classes, and doing what they say in every library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from extras import where_installed

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.engines.row_weights import row_weights
from spaces.inputs.text.words import Words
from spaces.rows.table import Table

QUICK = {
    "dense": {"epochs": 4, "scaling": ["standard"], "depth": 1},
    "wide_and_deep": {"epochs": 4, "scaling": ["standard"], "depth": 1, "crosses": [64]},
    "xgboost": {"n_estimators": 20},
    "lightgbm": {"n_estimators": 20},
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 50},
    "linear": {"scaling": ["standard"]},
    "text_embedding": {"epochs": 4},
    "sequence_labels": {"epochs": 4, "layers": ["conv"]},
}
TARGET = Target("y", "binary", ("no", "yes"), "log_loss", weigh_classes=True)


@pytest.mark.parametrize("name", where_installed(QUICK))
def test_balanced_weights_make_a_rare_class_likelier(name):
    rng = np.random.default_rng(0)
    target = (rng.random(400) < 0.1).astype(np.int64)
    texts = np.array([["rare" if rng.random() < 0.3 + 0.4 * yes else "usual"] for yes in target], dtype=object)
    signs = (texts == "rare").astype(float)
    inputs = [Input("table", "table", (2,))]
    table = Table(np.hstack([signs, rng.normal(size=(400, 1))]), np.empty((400, 0), np.int32))
    if name == "text_embedding":
        inputs, table = (
            [Input("text", "text", (1,), "int32", Words(2))],
            Table(np.empty((400, 0)), table.codes, None, texts),
        )
    if name == "sequence_labels":
        table = replace(table, sequence=np.repeat(np.arange(50), 8).astype(np.int32))
    signature = Signature(tuple(inputs), (TARGET,), rows=320, steps=8 if name == "sequence_labels" else 0)
    space = FAMILIES[name].space(signature)
    parts = [Rows(table.take(np.arange(*ends)), target[slice(*ends)]) for ends in ((0, 400), (0, 320), (320, 400))]
    said = {}
    for how in ("none", "balanced"):
        config = defaults(narrow(space, {**QUICK[name], "class_weight": [how]}))
        (fitted,) = FAMILIES[name].build(config, signature).fit([Fold(*parts, seed=1)], lambda *shown: None)
        said[how] = fitted.predict(table)[:, 1].mean()
    assert said["balanced"] > 1.5 * said["none"]


@pytest.mark.parametrize("name", list(QUICK))
def test_class_weights_are_searched_only_where_the_metric_asks_for_them(name):
    inputs = Input("table", "table", (2,)), Input("text", "text", (5,), "int32", Words(9))
    given = inputs[1:] if name == "text_embedding" else inputs[:1]
    plain = replace(TARGET, weigh_classes=False)
    assert "class_weight" in FAMILIES[name].space(Signature(given, (TARGET,), 100, 5))
    assert "class_weight" not in FAMILIES[name].space(Signature(given, (plain,), 100, 5))


def test_all_classes_count_alike():
    target = np.array([0, 0, 0, 1])
    rows = Rows(Table(np.empty((4, 0)), np.empty((4, 0), np.int32)), target)
    weights = row_weights({"class_weight": "balanced"}, rows)
    assert weights is not None
    np.testing.assert_allclose(np.bincount(target, weights), [2, 2])
    assert row_weights({}, rows) is None


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
@pytest.mark.parametrize("factor", [1e-4, 1e6])
def test_trees_of_a_forest_draw_as_many_rows_however_large_weights_are(name, factor):
    """scikit-learn draws a share of the sum of weights: a row, where these sum to one, or billions of rows."""
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(80, 2)), np.empty((80, 0), np.int32))
    target, weight = (table.numbers[:, 0] > 0).astype(np.int64), rng.integers(1, 4, 80).astype(float)
    signature = Signature(
        (Input("table", "table", (2,)),), (Target("y", "binary", ("no", "yes"), "log_loss"),), rows=80
    )
    config = defaults(narrow(FAMILIES[name].space(signature), QUICK[name]))
    model, said = FAMILIES[name].build(config, signature), []
    for one in (weight, weight * factor):
        rows = Rows(table, target, one)
        (fitted,) = model.fit([Fold(rows, rows, rows, seed=1)], lambda *shown: None)
        said.append(fitted.predict(table))
    np.testing.assert_allclose(said[0], said[1], atol=0.02)
