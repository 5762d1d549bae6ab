"""What each parameter of trees changes, and how many trees a trial may cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spaces import FAMILIES, Target, defaults, narrow

QUICK: dict[str, dict[str, Any]] = {
    "xgboost": {"n_estimators": 10},
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 50},
}
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("xgboost", {"max_depth": 2}),
    ("xgboost", {"min_child_weight": 50.0}),
    ("random_forest", {"max_samples": 0.4}),
    ("extra_trees", {"max_features": 0.1}),
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


@pytest.mark.parametrize(("name", "changes"), CHANGES)
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


@pytest.mark.parametrize(("classes", "rounds"), [(3, 600), (20, 150), (1000, 60)])
def test_many_classes_get_fewer_rounds(data, classes, rounds):
    target = Target("y", "multiclass", tuple(f"c{i}" for i in range(classes)), "log_loss")
    signature = replace(data("multiclass").signature, targets=(target,))
    assert FAMILIES["hist_gradient_boosting"].space(signature)["max_iter"].high == rounds
