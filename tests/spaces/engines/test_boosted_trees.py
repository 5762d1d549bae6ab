"""The trees of histogram boosting in a file of arrays."""

import numpy as np
import pytest
import skops.io
from forged import forge
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor

from spaces.engines.boosted_trees import (
    is_boosted,
    one_row_of_boosted,
    read_boosted,
    without_boosted,
    write_boosted,
)
from spaces.machine.strange import StrangeFile

ROWS = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
ROWS[np.random.default_rng(1).random(ROWS.shape) < 0.1] = np.nan
VALUES = np.nan_to_num(ROWS[:, 0]) + np.nan_to_num(ROWS[:, 1]) ** 2


def boosted(kind=HistGradientBoostingRegressor, bounds=(), **settings):
    target = np.digitize(VALUES, bounds) if bounds else VALUES
    return kind(max_iter=7, random_state=0, **settings).fit(ROWS, target)


def answers(estimator):
    return estimator.predict_proba(ROWS) if hasattr(estimator, "predict_proba") else estimator.predict(ROWS)


ESTIMATORS = [
    boosted(max_leaf_nodes=5),
    boosted(loss="absolute_error"),
    boosted(HistGradientBoostingClassifier, [0.5]),
    boosted(HistGradientBoostingClassifier, [-0.5, 0.5, 2.0], early_stopping=True),
]
KINDS = ["numbers", "absolute", "two-classes", "four-classes"]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=KINDS)
def test_one_row_goes_down_all_boosted_trees_at_once(estimator):
    one_row = one_row_of_boosted(estimator)
    expected = estimator.predict_proba(ROWS) if hasattr(estimator, "classes_") else estimator.predict(ROWS)[:, None]
    np.testing.assert_allclose([one_row(row) for row in ROWS], expected, rtol=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=KINDS)
def test_boosting_without_trees_gets_back_all_of_them(estimator, tmp_path):
    write_boosted(estimator, tmp_path / "trees.npz")
    small = skops.io.dumps(without_boosted(estimator))
    assert len(estimator._predictors) == 7  # the estimator itself keeps its trees
    assert not any("TreePredictor" in name for name in skops.io.get_untrusted_types(data=small))
    loaded = skops.io.loads(small, trusted=skops.io.get_untrusted_types(data=small))
    read_boosted(loaded, tmp_path / "trees.npz")
    np.testing.assert_array_equal(answers(loaded), answers(estimator))


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("left", 0, 0),  # a circle
        ("right", 0, 10**6),
        ("feature_idx", 0, 4),
        ("feature_idx", 0, -1),
        ("counts", 0, 1),
        ("counts", 0, -3),
    ],
)
def test_boosted_trees_that_lead_out_of_their_arrays_are_refused(tmp_path, name, at, value):
    estimator = boosted()
    write_boosted(estimator, tmp_path / "trees.npz")
    forge(tmp_path / "trees.npz", lambda arrays: arrays[name].put(at, value))
    with pytest.raises(StrangeFile, match="holds no trees as we write them"):
        read_boosted(without_boosted(estimator), tmp_path / "trees.npz")


def test_boosted_trees_of_half_a_round_or_of_other_types_are_refused(tmp_path):
    estimator = boosted(HistGradientBoostingClassifier, [-0.5, 0.5])
    write_boosted(estimator, tmp_path / "trees.npz")
    with np.load(tmp_path / "trees.npz") as stored:
        arrays = dict(stored)
    last = arrays["counts"][-1]
    fewer = {name: array[:-last] for name, array in arrays.items()} | {"counts": arrays["counts"][:-1]}
    for wrong in (fewer, arrays | {"left": arrays["left"].astype(np.float64)}, arrays | {"value": arrays["value"][1:]}):
        np.savez(tmp_path / "trees.npz", **wrong)
        with pytest.raises(StrangeFile, match="holds no trees as we write them"):
            read_boosted(without_boosted(estimator), tmp_path / "trees.npz")


def test_only_boosting_of_numbers_keeps_its_trees_in_arrays():
    categories = np.random.default_rng(0).integers(0, 5, (200, 1))
    by_category = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])
    assert is_boosted(boosted())
    assert not is_boosted(by_category.fit(categories, categories[:, 0] % 2))
    assert not is_boosted(RandomForestRegressor(2).fit(categories, categories[:, 0]))
