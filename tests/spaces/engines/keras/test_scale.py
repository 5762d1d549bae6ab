"""Targets far from zero beside their spread are learned as the same targets less a constant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from extras import where_installed

import tuner
from spaces import FAMILIES, Fold, Rows, Signature, Target, defaults, narrow
from spaces.engines.keras.scale import TargetScale, finished
from spaces.families.forecasts.change import ChangeModel
from spaces.families.joint.fit import fit_joint
from spaces.store import load_fitted
from tuner.task.folds import make_folds

QUICK: dict[str, dict[str, Any]] = {
    "baseline": {},
    "linear": {},
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 50},
    "xgboost": {"n_estimators": 20},
    "lightgbm": {"n_estimators": 20},
    "dense": {"epochs": 2, "units": 16},
    "wide_and_deep": {"epochs": 2},
    "real_mlp": {"epochs": 2, "units": 16},
    "deep_trees": {"network.epochs": 2, "network.depth": 1, "trees.n_estimators": 10},
}
OFFSETS = (1e6, 1e8, -1e9, 1.7e9, 1e12)


def model_of(name: str, signature: Signature) -> Any:
    family = FAMILIES[name]
    return family.build(defaults(narrow(family.space(signature), QUICK[name])), signature)


def fitted_on(model: Any, fold: Fold) -> Any:
    return next(iter(model.fit([fold], lambda *_: None)))


def moved(fold: Fold, by: Any) -> Fold:
    full, train, inner = (Rows(rows.table, rows.target + by) for rows in (fold.full, fold.train, fold.inner))
    return replace(fold, full=full, train=train, inner=inner)


@pytest.mark.parametrize("name", where_installed(QUICK))
def test_a_constant_added_to_the_target_is_added_to_predictions(name, data, tmp_path):
    given = data("regression")
    model, fold = model_of(name, given.signature), given.folds[0]
    near = fitted_on(model, fold).predict(given.new)
    spread = np.std(fold.full.target)
    for offset in OFFSETS if name in ("linear", "random_forest", "xgboost") else (-1e9, 1e12):
        fitted = fitted_on(model, moved(fold, offset))
        far = fitted.predict(given.new)
        assert far.dtype == np.float64
        np.testing.assert_allclose(far - offset, near, atol=0.02 * spread, err_msg=f"{offset:g}")
    fitted.save(tmp_path)
    assert np.array_equal(load_fitted(tmp_path).predict(given.new), far)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
@pytest.mark.parametrize("name", where_installed(["xgboost", "lightgbm", "baseline"]))
def test_whatever_is_minimised(name, loss, data):
    given = data("regression")
    signature = replace(given.signature, targets=(replace(given.signature.target, loss=loss),))
    near, far = (
        fitted_on(model_of(name, signature), moved(given.folds[0], by)).predict(given.new) - by for by in (0, 1e9)
    )
    np.testing.assert_allclose(far, near, atol=0.02 * np.std(given.rows.target))


@pytest.mark.parametrize("name", ["linear", "xgboost", "dense"])
def test_each_of_several_targets_has_a_constant_of_its_own(name, data):
    given = data("regression")
    signature = replace(given.signature, targets=(Target("near", "regression"), Target("far", "regression")))
    values = np.stack([given.rows.target, -given.rows.target], axis=1)
    train, inner = np.arange(90), np.arange(90, 110)
    full, kept, watched = (Rows(given.rows.table.take(at), values[at]) for at in (np.arange(110), train, inner))
    fold, offsets = Fold(full, kept, watched, seed=1), np.array([0.0, 1.7e9])
    near, far = (fitted_on(model_of(name, signature), moved(fold, by)).predict(given.new) for by in (0.0, offsets))
    np.testing.assert_allclose(far - offsets, near, atol=0.02 * np.std(given.rows.target))


@pytest.mark.slow
def test_a_joint_model_keeps_what_differs(data, tmp_path):
    given = data("regression")
    fold, halves, said = given.folds[0], np.array([0.5, 0.5 - 1e-9]), []
    for by in (0.0, 1e9):
        there = moved(fold, by)
        tree, tower = (fitted_on(model_of(name, given.signature), there) for name in ("xgboost", "dense"))
        trained = np.stack([one.predict(there.train.table) for one in (tree, tower)])
        joint = fit_joint(
            tree,
            tower,
            there,
            coefficients=halves,
            predicted=trained,
            signature=given.signature,
            penalties=(0.1,),
            epochs=1,
        )
        said.append(joint.predict(given.new) - by)
    np.testing.assert_allclose(said[1], said[0], atol=0.02 * np.std(given.rows.target))


def series(offset: float, seed: int = 0) -> tuner.Task:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"load": offset + 5 * np.sin(np.arange(200) / 4) + rng.normal(0, 0.3, 200)})
    return tuner.series_task(frame, "load", window=8, horizon=2, split={"folds": 2})


@pytest.mark.parametrize("how", [{"last": {}}, {"mean": {"steps": 8}}, {"drift": {}}], ids=lambda how: next(iter(how)))
def test_a_naive_forecast_keeps_what_differs(how):
    said = []
    for offset in (0.0, 1.7e9):
        task = series(offset)
        (fold, held_out), *_ = make_folds(task)
        model = FAMILIES["series_baseline"].build({"forecast": how}, task.signature)
        said.append(fitted_on(model, fold).predict(held_out.table) - offset)
    np.testing.assert_allclose(said[1], said[0], atol=1e-5)


@pytest.mark.parametrize("predicts", ["change", "level"])
@pytest.mark.parametrize("name", ["linear", "xgboost"])
def test_forecasts_of_a_series_far_from_zero(name, predicts):
    """Row by row the same as of the series near zero, but where trees break a tie of two splits by the last digits.

    Levels meet such a tie in about one of five series: of four series one at least has none.
    """
    apart = []
    for seed in range(4 if (name, predicts) == ("xgboost", "level") else 1):
        said = []
        for offset in (0.0, 1.7e9):
            task = series(offset, seed)
            (fold, held_out), *_ = make_folds(task)
            family, signature = FAMILIES[name], task.signature
            config = defaults(narrow(family.space(signature), {**QUICK[name], "predicts": [predicts]}))
            model = family.build(config, signature)
            assert isinstance(model, ChangeModel) == (predicts == "change")
            said.append(fitted_on(model, fold).predict(held_out.table)[:, 0] - offset)
        apart.append(np.abs(said[1] - said[0]).max())
    assert min(apart) < 1e-5


def test_a_series_is_kept_as_float64_only_where_float32_would_lose():
    kept = [str(series(offset).rows.table.arrays[0].dtype) for offset in (0.0, 300.0, 1e6, 1.7e9)]
    assert kept == ["float32", "float32", "float64", "float64"]


def test_outputs_come_back_as_float64():
    scale = TargetScale.of(np.array([1e12 - 1, 1e12 + 1]), Target("y", "regression"))
    assert finished(np.array([[0.5]], np.float32), scale, "regression").tolist() == [[1e12 + 0.5]]
    again = TargetScale.from_json(scale.to_json())
    assert (float(again.mean), float(again.deviation)) == (1e12, 1.0)
