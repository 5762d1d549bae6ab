"""Nothing is learned twice, and what was learned with the help of one target is not handed to another."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces import FAMILIES, defaults, narrow
from spaces.engines.folds import named
from spaces.engines.together import Together
from spaces.inputs.table.matrix import Recipe, prepare, training_matrix
from spaces.machine.memory import remembered
from tuner.task.folds import make_folds


def a_task(targets, *, seed):
    rng = np.random.default_rng(seed)
    words = np.array(["up", "down", "here", "there", "then"])
    frame = pd.DataFrame({"x": rng.normal(size=80), "y": rng.normal(size=80)})
    frame["note"] = [" ".join(rng.choice(words, 4)) for _ in range(80)]
    for i in range(targets):
        frame[f"t{i}"] = frame["x"] * (i + 1) + rng.normal(size=80)
    return tuner.Task(frame, [f"t{i}" for i in range(targets)], text=["note"], split={"folds": 2})


def fitted_of(task, name, fold, **changes):
    config = defaults(narrow(FAMILIES[name].space(task.signature), changes))
    (fitted,) = FAMILIES[name].build(config, task.signature).fit([fold], lambda *_: None)
    return fitted


@pytest.mark.parametrize("name", ["xgboost", "linear"])
def test_one_vocabulary_and_one_scaler_a_fold_whatever_the_number_of_targets(name):
    """What was learned twice would be two objects."""
    task = a_task(3, seed=3)
    fold, held_out = make_folds(task)[0]
    changes = {"n_estimators": 3} if name == "xgboost" else {}
    each = fitted_of(task, name, fold, **changes).fitted
    again = fitted_of(task, name, fold, **changes).fitted
    assert len(each) == 3
    first = each[0].prepared
    for one in (*each, *again):
        assert one.prepared.tables[0] is first.tables[0] is remembered(first.tables[0].key)
        assert one.prepared.texts[0].vocabulary is first.texts[0].vocabulary
    together = Together([*each, *again])
    together(held_out.table)
    assert len(together._readers) == 1  # the rows are read once for all models of all targets


def test_changes_and_levels_of_a_forecast_learn_the_same_once():
    rng = np.random.default_rng(3)
    wave = pd.DataFrame({"load": np.cumsum(rng.normal(size=120)), "wind": rng.normal(size=120)})
    task = tuner.series_task(wave, "load", window=8, horizon=[1, 2], split={"folds": 2})
    fold, _ = make_folds(task)[0]
    both = [fitted_of(task, "xgboost", fold, n_estimators=3, predicts=predicts) for predicts in ("change", "level")]
    channels = [one.readers[0].arrays[0] for one in both]
    assert channels[0] is channels[1]


def test_rows_without_a_name_are_learned_of_once():
    rng = np.random.default_rng(4)
    task = tuner.Task(pd.DataFrame({"x": rng.normal(size=80), "t": rng.normal(size=80)}), "t", split={"folds": 2})
    fold, _ = make_folds(task)[0]
    alone = replace(fold.train, table=replace(fold.train.table, key=None))
    prepared = fitted_of(task, "dense", replace(fold, train=alone), epochs=1).prepared
    assert prepared.key is not None
    assert remembered(prepared.key) is prepared
    assert named(replace(fold, train=alone)).train.table.key is not None


def test_the_same_rows_with_another_target_have_other_mean_targets():
    rng = np.random.default_rng(5)
    names = [f"street {k}" for k in rng.integers(0, 40, 300)]
    one, other = rng.normal(size=300), rng.normal(size=300)
    task = tuner.Task(pd.DataFrame({"street": names, "t": one}), "t")
    table = task.rows.table.take(np.arange(300), "rows of streets")
    recipe = Recipe("standard", "onehot", (40,))
    first, second, again = (prepare(recipe, table, target, target_kind="regression") for target in (one, other, one))
    assert first is again
    assert first is not second
    assert not np.allclose(first.matrix(table), second.matrix(table))


def test_the_training_rows_own_matrix_is_never_taken_for_the_plain_one():
    rng = np.random.default_rng(6)
    task = tuner.Task(pd.DataFrame({"street": [f"s{k}" for k in np.arange(200) % 40], "t": rng.normal(size=200)}), "t")
    table = task.rows.table.take(np.arange(200), "more rows of streets")
    recipe = Recipe("standard", "onehot", (40,))
    prepared, cross_fitted = training_matrix(recipe, table, task.rows.target, target_kind="regression")
    plain = prepared.matrix(table)
    np.testing.assert_array_equal(plain, prepared._transform(table))
    assert not np.allclose(plain, cross_fitted)
    np.testing.assert_array_equal(
        training_matrix(recipe, table, task.rows.target, target_kind="regression")[1], cross_fitted
    )


def test_trees_on_a_network_never_train_on_a_rows_own_target():
    """Of forty streets that say nothing, mean targets that a row's own target went into would tell it."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"street": [f"s{k}" for k in np.arange(240) % 40], "t": rng.normal(size=240)})
    task = tuner.Task(frame, "t", split={"folds": 2})
    fold, _ = make_folds(task)[0]
    space = FAMILIES["deep_trees"].space(task.signature)
    config = defaults(narrow(space, {"network": {"epochs": 1}, "trees": {"n_estimators": 3}}))
    model = FAMILIES["deep_trees"].build(config, task.signature)
    (fitted,) = model.fit([fold], lambda *_: None)
    own, plain = model.training_columns(fold, fitted.columns), fitted.columns.matrix(fold.train.table)
    telling = [abs(np.corrcoef(columns[:, -1], fold.train.target)[0, 1]) for columns in (own, plain)]
    assert telling[0] < 0.25
    assert telling[1] > 0.35
