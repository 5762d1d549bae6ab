"""LightGBM's trees: early stopping, time, classes, categories, threads, and what is said where it is not installed."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spaces import FAMILIES, Fold, Input, Signature, Target, defaults, narrow
from spaces.engines.clock import Clock
from spaces.engines.engine import LIGHTGBM, EngineError, check_installed
from spaces.rows.signature import TableColumns
from spaces.rows.table import Rows, Table
from spaces.store import load_fitted

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed: pip install 'tuned-ensembles[lightgbm]'")


def fitted_on(fold: Any, signature: Any, watch: Any = lambda *_: None, **changes: Any) -> Any:
    family = FAMILIES["lightgbm"]
    config = defaults(narrow(family.space(signature), {"n_estimators": 20, **changes}))
    (fitted,) = family.build(config, signature).fit([fold], watch)
    return fitted


def losses_of(fitted: Any, part: str) -> list[float]:
    return next((losses for curve, losses in fitted.curves.items() if curve.part == part), [])


def test_trees_behind_the_best_round_are_cut_off(data):
    given = data("regression")
    fitted = fitted_on(given.folds[0], given.signature, n_estimators=2_000, patience=2)
    losses = losses_of(fitted, "validation")
    best = int(np.argmin(losses))
    assert len(losses) < 2_000
    assert fitted.booster.current_iteration() == best + 1
    inner = given.folds[0].inner
    error = np.sqrt(np.mean((fitted.predict(inner.table)[:, 0] - inner.target) ** 2))
    assert error == pytest.approx(losses[best], rel=1e-5)


def test_so_many_rounds_as_a_fold_says_on_all_of_its_rows(data):
    given = data("binary")
    whole = replace(given.folds[0], train=given.folds[0].full, steps=7)
    fitted = fitted_on(whole, given.signature)
    assert fitted.booster.current_iteration() == 7
    assert (len(losses_of(fitted, "train")), losses_of(fitted, "validation")) == (7, [])


def test_a_training_whose_time_is_over_keeps_the_best_of_ten_rounds(data):
    given = data("multiclass")
    clock = Clock(0.0)
    fitted = fitted_on(replace(given.folds[0], clock=clock), given.signature, n_estimators=500)
    assert clock.stopped == len(losses_of(fitted, "validation")) == 10
    assert 0 < fitted.booster.current_iteration() <= 10


def test_a_class_that_a_fold_lacks_has_probability_zero_and_the_others_stay_in_their_places(data):
    given = data("multiclass")
    fold = given.folds[0]
    (train,) = [fold.train.take(np.flatnonzero(fold.train.target != 1))]
    assert 1 in fold.inner.target
    fitted = fitted_on(replace(fold, train=train), given.signature, min_data_in_leaf=1)
    said = fitted.predict(train.table)
    assert (said[:, 1] == 0).all()
    for label in (0, 2):
        assert said[train.target == label, label].mean() > said[train.target != label, label].mean() + 0.1


def test_two_classes_are_told_in_their_order(data):
    given = data("binary")
    said = fitted_on(given.folds[0], given.signature).predict(given.folds[0].train.table)
    target = given.folds[0].train.target
    assert said[target == 1, 1].mean() > said[target == 0, 1].mean() + 0.1


def test_categories_are_told_to_lightgbm_as_such(data):
    given = data("regression")
    text = fitted_on(given.folds[0], given.signature).booster.model_to_string()
    assert any(line.startswith("num_cat=") and line != "num_cat=0" for line in text.splitlines())


def test_the_same_trees_grow_however_many_threads_there_are(data, monkeypatch):
    given = data("regression")
    said = []
    for threads in (1, 2):
        monkeypatch.setattr("spaces.engines.lightgbm.threads_for", lambda *_, threads=threads: threads)
        said.append(fitted_on(given.folds[0], given.signature).predict(given.new))
    np.testing.assert_array_equal(*said)


def test_columns_that_say_nothing_are_no_error(data):
    given = data("regression")
    fold = given.folds[0]
    empty = [
        Rows(Table(np.zeros_like(rows.table.numbers), np.zeros_like(rows.table.codes)), rows.target)
        for rows in (fold.full, fold.train, fold.inner)
    ]
    fitted = fitted_on(replace(fold, full=empty[0], train=empty[1], inner=empty[2]), given.signature)
    said = fitted.predict(empty[0].table)
    assert np.ptp(said) == 0
    assert said.mean() == pytest.approx(fold.train.target.mean(), rel=0.02)


@pytest.mark.parametrize(
    "changes",
    [{"max_cat_to_onehot": 32}, {"min_data_per_group": 100}, {"cat_smooth": 100.0}, {"cat_l2": 0.01}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_parameter_of_categories_changes_predictions(changes):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 12, (400, 1)).astype(np.int32)
    target = rng.normal(size=12)[codes[:, 0]] + rng.normal(scale=0.3, size=400)
    columns = Input("table", "table", (2,), details=TableColumns(cardinalities=(12,)))
    signature = Signature((columns,), (Target("y", "regression"),), rows=400)
    rows = Rows(Table(rng.normal(size=(400, 1)), codes), target)
    fold = Fold(rows, rows.take(np.arange(340)), rows.take(np.arange(340, 400)), seed=1)
    usual, changed = (fitted_on(fold, signature, **some).predict(rows.table) for some in ({}, changes))
    assert not np.allclose(usual, changed, rtol=1e-6)


def test_the_model_is_stored_as_text_and_says_to_the_last_digit_the_same(data, tmp_path):
    given = data("multiclass")
    fitted = fitted_on(given.folds[0], given.signature)
    fitted.save(tmp_path)
    assert (tmp_path / "model.txt").read_text().startswith("tree\n")
    np.testing.assert_array_equal(load_fitted(tmp_path).predict(given.new), fitted.predict(given.new))


def test_what_is_shown_of_a_training_is_the_model_as_it_is(data):
    given = data("regression")
    shown: list[Any] = []

    def watch(step, steps, curves, predict):
        shown.append((step, steps, *curves.values(), predict(), predict(given.new)))

    fitted_on(given.folds[0], given.signature, watch)
    assert [(step, steps) for step, steps, *_ in shown] == [(9, 20), (19, 20)]
    inner = given.folds[0].inner.target
    for _, _, loss, said, _ in shown:
        assert np.sqrt(np.mean((said[:, 0] - inner) ** 2)) == pytest.approx(loss, rel=1e-5)
    assert not np.allclose(shown[0][4], shown[1][4])


def test_where_it_is_not_installed_the_extra_is_named(data, tmp_path, monkeypatch):
    given = data("binary")
    fitted_on(given.folds[0], given.signature).save(tmp_path)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    message = r"lightgbm is an extra, and not installed here: pip install 'tuned-ensembles\[lightgbm\]'"
    with pytest.raises(EngineError, match=message):
        check_installed([LIGHTGBM])
    with pytest.raises(EngineError, match=message):
        load_fitted(tmp_path)


def test_a_library_that_does_not_load_is_told_as_such(tmp_path, monkeypatch):
    """On a computer without OpenMP, LightGBM is installed, and raises when it is imported."""
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match=r"lightgbm is installed, and cannot be loaded here: libgomp\.so\.1"):
        check_installed([LIGHTGBM])
