"""Many models at once: each preprocessing once, networks in one trace, and what each says stays what it says alone."""

import numpy as np
import pandas as pd
import pytest
from extras import where_installed

import tuner
from spaces import FAMILIES, defaults, narrow
from spaces.engines.together import Together
from tuner.task.folds import make_folds


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(0)
    wave = pd.DataFrame({"load": 100 + np.cumsum(rng.normal(size=120)), "wind": rng.normal(size=120)})
    return tuner.series_task(wave, "load", window=8, horizon=[1, 2], split={"folds": 2})


def fitted_of(task, name, **changes):
    space = FAMILIES[name].space(task.signature)
    config = defaults(narrow(space, changes))
    fold, held_out = make_folds(task)[0]
    (fitted,) = FAMILIES[name].build(config, task.signature).fit([fold], lambda *_: None)
    return fitted, held_out


def test_a_wrapped_network_runs_in_the_same_trace_as_a_plain_one(series):
    change, held_out = fitted_of(series, "series_dense", epochs=1)
    level, _ = fitted_of(series, "series_dense", epochs=1, predicts="level")
    naive, _ = fitted_of(series, "series_baseline")
    together = Together([change, level, naive])
    said = together(held_out.table)
    assert [len(group) for group in together._fused] == [2]
    for one, its in zip((change, level, naive), said, strict=True):
        np.testing.assert_allclose(its, one.predict(held_out.table), rtol=1e-5)
    assert np.abs(said[0] - held_out.target).mean() < 20  # a change of a level of a hundred


def test_models_of_several_targets_run_together_and_stand_side_by_side(series):
    trees, held_out = fitted_of(series, "xgboost", n_estimators=5)
    deep, _ = fitted_of(series, "deep_trees", network={"epochs": 1}, trees={"n_estimators": 5})
    together = Together([trees, deep])
    said = together(held_out.table)
    assert len(deep.networks) == 2
    assert said[0].shape == said[1].shape == (len(held_out), 2)
    for one, its in zip((trees, deep), said, strict=True):
        np.testing.assert_allclose(its, one.predict(held_out.table), rtol=1e-5)


def test_what_two_models_read_alike_is_read_once(series):
    change, _ = fitted_of(series, "series_dense", epochs=1)
    other, _ = fitted_of(series, "series_conv", epochs=1)
    assert len(Together([change, other])._readers) == 2  # the scaled series, and the last values


@pytest.mark.parametrize("name", where_installed(["xgboost", "lightgbm", "linear", "random_forest"]))
def test_probabilities_are_in_the_order_of_the_classes(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    task = tuner.Task(pd.DataFrame({"x": x, "y": np.where(x > 0.5, "above", "below")}), "y")
    fitted, held_out = fitted_of(task, name)
    said = fitted.predict(held_out.table)
    assert said[held_out.target == 0, 0].mean() > 0.7
    assert said[held_out.target == 1, 1].mean() > 0.7


@pytest.mark.parametrize("name", where_installed(["dense", "xgboost", "lightgbm", "deep_trees"]))
def test_fitted_models_of_several_folds_are_independent(name):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=150), "z": rng.normal(size=150)}).assign(y=rng.normal(size=150))
    task = tuner.Task(frame, "y", split={"folds": 3})
    short = {"network": {"epochs": 2}, "trees": {"n_estimators": 5}} if name == "deep_trees" else {}
    short = {"epochs": 2} if name == "dense" else {"n_estimators": 5} if name in ("xgboost", "lightgbm") else short
    model = FAMILIES[name].build(defaults(narrow(FAMILIES[name].space(task.signature), short)), task.signature)
    folds = [fold for fold, _ in make_folds(task)]
    at_once, rows = [], task.rows.table
    kept = []
    for fitted in model.fit(folds, lambda *_: None):
        at_once.append(fitted.predict(rows))
        kept.append(fitted)
    for before, fitted in zip(at_once, kept, strict=True):
        np.testing.assert_array_equal(fitted.predict(rows), before)
    assert not np.allclose(at_once[0], at_once[1])
