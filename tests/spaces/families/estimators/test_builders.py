"""What each parameter of trees changes, and how many trees a trial may cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from extras import where_installed

from spaces import FAMILIES, Target, defaults, flatten, narrow

QUICK: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 10},
    "lightgbm": {"n_estimators": 10},
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 50},
}
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("xgboost", {"max_depth": 2}),
    ("xgboost", {"min_child_weight": 50.0}),
    ("xgboost", {"max_depth": 13, "grow_policy": ["lossguide"], "grow_policy.lossguide.max_leaves": 4}),
    ("xgboost", {"colsample_bylevel": 0.3}),
    ("xgboost", {"colsample_bynode": 0.3}),
    ("xgboost", {"reg_lambda": "none"}),
    ("xgboost", {"reg_lambda.some": 200.0}),
    ("lightgbm", {"num_leaves": 2}),
    ("lightgbm", {"min_data_in_leaf": 30}),
    ("lightgbm", {"extra_trees": [True]}),
    ("lightgbm", {"feature_fraction": 0.3}),
    ("lightgbm", {"bagging_fraction": 0.6}),
    ("lightgbm", {"lambda_l1": ["some"], "lambda_l1.some": 10.0}),
    ("lightgbm", {"lambda_l2": "none"}),
    ("random_forest", {"max_samples": 0.4}),
    ("random_forest", {"max_features": "sqrt"}),
    ("random_forest", {"max_leaf_nodes": ["some"], "max_leaf_nodes.some": 8}),
    ("extra_trees", {"max_features.share": 0.1}),
    ("extra_trees", {"max_features": "log2"}),
    ("extra_trees", {"min_samples_leaf": 30}),
    ("hist_gradient_boosting", {"learning_rate": 0.2}),
    ("hist_gradient_boosting", {"max_iter": 60}),
    ("hist_gradient_boosting", {"max_leaf_nodes": 4}),
    ("hist_gradient_boosting", {"min_samples_leaf": 60}),
    ("hist_gradient_boosting", {"l2_regularization": 100.0}),
    ("hist_gradient_boosting", {"max_features": 0.2}),
]


def fitted_with(name: str, given: Any, changes: dict[str, Any]) -> Any:
    family = FAMILIES[name]
    config = defaults(narrow(family.space(given.signature), QUICK[name] | changes))
    return next(iter(family.build(config, given.signature).fit(given.folds[:1], lambda *_: None)))


@pytest.mark.parametrize(("name", "changes"), where_installed(CHANGES))
def test_a_parameter_changes_predictions(data, name, changes):
    given = data("regression")
    usual, changed = (fitted_with(name, given, some).predict(given.new) for some in ({}, changes))
    assert not np.allclose(usual, changed, rtol=1e-6)


@pytest.mark.parametrize(("loss", "middle"), [("squared_error", np.mean), ("absolute_error", np.median)])
def test_histogram_boosting_begins_at_the_middle_of_its_loss(data, loss, middle):
    given = data("regression")
    given = replace(given, signature=replace(given.signature, targets=(Target("y", "regression", (), loss),)))
    (fold, *_) = given.folds
    fitted = fitted_with("hist_gradient_boosting", given, {})
    begun = fitted.estimator._baseline_prediction.item() + fitted.centre
    assert begun == pytest.approx(middle(fold.full.target), rel=1e-6)


@pytest.mark.parametrize(
    ("classes", "searched", "stopped", "smallest"),
    [(3, 600, 10_000, 0.003), (20, 150, 1500, 0.02), (1000, 60, 100, 0.1)],
)
def test_many_classes_get_fewer_rounds_of_larger_steps(data, classes, searched, stopped, smallest):
    target = Target("y", "multiclass", tuple(f"c{i}" for i in range(classes)), "log_loss")
    signature = replace(data("multiclass").signature, targets=(target,))
    assert FAMILIES["hist_gradient_boosting"].space(signature)["max_iter"].high == searched
    space = FAMILIES["xgboost"].space(signature)
    assert (space["n_estimators"], space["learning_rate"].low) == (stopped, pytest.approx(smallest))
    space = FAMILIES["lightgbm"].space(signature)
    assert (space["n_estimators"], space["learning_rate"].low) == (stopped, pytest.approx(max(0.005, smallest)))


@pytest.mark.parametrize(
    ("kind", "rows", "trees", "leaf", "leaves"),
    [
        ("regression", 4_000, 200, 1, "none"),
        ("regression", 20_000, 100, 1, "some"),  # each row alone, but in so many leaves that a file stays small
        ("regression", 60_000, 100, 3, "some"),
        ("binary", 4_000, 200, 2, "none"),
        ("binary", 20_000, 200, 5, "none"),
    ],
)
def test_a_forest_tells_numbers_by_leaves_of_one_row(data, kind, rows, trees, leaf, leaves):
    signature = replace(data(kind).signature, rows=rows)
    for name, share in (("extra_trees", 0.75 if kind == "regression" else 0.4), ("random_forest", 0.4)):
        space = FAMILIES[name].space(signature)
        usual = flatten(space, defaults(space))
        assert space["n_estimators"] == trees
        assert (usual["min_samples_leaf"], usual["max_leaf_nodes"]) == (leaf, leaves)
        assert usual["max_features.share"] == share
        assert usual.get("max_leaf_nodes.some", 6_000) == 6_000


def test_a_large_table_gets_fewer_rounds(data):
    signature = replace(data("regression").signature, rows=20_000_000)
    assert FAMILIES["xgboost"].space(signature)["n_estimators"] < 1_000


@pytest.mark.parametrize("name", where_installed(["xgboost", "lightgbm"]))
def test_boosting_waits_longer_where_the_best_round_came_late(data, name):
    settings = {"n_estimators": 2_000, "patience": 2, "learning_rate": 0.05}
    fitted = fitted_with(name, data("regression"), settings)
    (losses,) = [losses for curve, losses in fitted.curves.items() if curve.part == "validation"]
    best = int(np.argmin(losses))
    assert len(losses) - 1 - best == 10 + best * 3 // 10 > 2
