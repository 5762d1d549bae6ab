"""Networks are trained in one place, and their curves say what they tell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spaces import FAMILIES, Fold, defaults, narrow
from spaces.engines.curves import Curve, curves_from_json, curves_to_json, labelled, of_target


def test_networks_are_trained_in_one_place():
    root = Path(__file__).parents[3]
    trained = [path.name for path in (root / "spaces").rglob("*.py") if "rainer.train(" in path.read_text()]
    assert trained == ["fitting.py"]


def test_a_given_number_of_epochs_looks_at_no_inner_rows(data):
    d = data("regression")
    config = defaults(narrow(FAMILIES["dense"].space(d.signature), {"epochs": 9, "schedule": ["constant"]}))
    folds = [d.folds[0], Fold(*(d.folds[0].full,) * 3, seed=1, steps=2)]
    stopped, given = FAMILIES["dense"].build(config, d.signature).fit(folds, lambda *_: None)
    assert set(stopped.curves) == {Curve("loss"), Curve("loss", "validation")}
    assert {curve: len(values) for curve, values in given.curves.items()} == {Curve("loss"): 2}


def test_curves_survive_storage_with_names_that_could_be_read_otherwise():
    curves = {Curve("val_loss", "train", "a/b"): [1.0, 0.5], Curve("loss", "validation"): [2.0]}
    assert curves_from_json(json.loads(json.dumps(curves_to_json(curves)))) == curves
    assert labelled(of_target({Curve("loss", "validation"): 1.0}, "price")) == {"price/val_loss": 1.0}


@pytest.mark.parametrize("name", ["dense", "xgboost"])
def test_the_last_number_watched_is_the_last_of_its_curve(data, name):
    d, seen = data("binary"), []
    config = defaults(
        narrow(FAMILIES[name].space(d.signature), {"epochs": 3} if name == "dense" else {"n_estimators": 10})
    )
    model = FAMILIES[name].build(config, d.signature)
    (fitted,) = model.fit(d.folds[:1], lambda step, steps, curves, predict: seen.append(curves))
    for curve, value in seen[-1].items():
        np.testing.assert_allclose(fitted.curves[curve][-1], value, rtol=1e-6)
