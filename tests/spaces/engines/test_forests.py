"""The trees of a forest in a file of arrays."""

import numpy as np
import pytest
import skops.io
from forged import forge
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)

from spaces.engines.forests import is_forest, one_row_of_forest, read_trees, without_trees, write_trees
from spaces.machine.strange import StrangeFile

ROWS = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
VALUES = ROWS[:, 0] + ROWS[:, 1] ** 2
FORESTS = [
    RandomForestClassifier(7, max_leaf_nodes=9, random_state=0),
    RandomForestRegressor(7, min_samples_leaf=2, random_state=0),
    ExtraTreesClassifier(7, random_state=0),
    ExtraTreesRegressor(7, max_features="sqrt", random_state=0),
]


def answers(forest):
    return forest.predict_proba(ROWS) if hasattr(forest, "predict_proba") else forest.predict(ROWS)


def fitted(forest, rows=ROWS):
    is_class = hasattr(forest, "predict_proba")
    return forest.fit(rows, np.digitize(VALUES, [-0.5, 0.5, 2.0]) if is_class else VALUES)


@pytest.mark.parametrize("forest", FORESTS, ids=lambda forest: type(forest).__name__)
def test_a_forest_of_one_tree_gets_back_all_of_them(forest, tmp_path):
    forest = fitted(forest)
    write_trees(forest, tmp_path / "trees.npz")
    first = skops.io.dumps(without_trees(forest))
    assert len(forest.estimators_) == 7  # the forest itself keeps its trees
    loaded = skops.io.loads(first, trusted=skops.io.get_untrusted_types(data=first))
    read_trees(loaded, tmp_path / "trees.npz")
    assert len(loaded.estimators_) == 7
    np.testing.assert_array_equal(answers(loaded), answers(forest))
    np.testing.assert_array_equal(loaded.apply(ROWS), forest.apply(ROWS))
    whole = len(skops.io.dumps(forest, compression=8, compresslevel=1))
    assert (tmp_path / "trees.npz").stat().st_size < whole / 2


def test_trees_that_know_where_missing_numbers_go_keep_it(tmp_path):
    rows = np.where(np.random.default_rng(1).random(ROWS.shape) < 0.2, np.nan, ROWS)
    forest = fitted(RandomForestRegressor(5, random_state=0), rows)
    write_trees(forest, tmp_path / "trees.npz")
    loaded = without_trees(forest)
    read_trees(loaded, tmp_path / "trees.npz")
    np.testing.assert_array_equal(loaded.predict(rows), forest.predict(rows))


@pytest.mark.parametrize("forest", FORESTS, ids=lambda forest: type(forest).__name__)
def test_one_row_goes_down_all_trees_at_once(forest):
    rows = np.where(np.random.default_rng(1).random(ROWS.shape) < 0.2, np.nan, ROWS).astype(np.float32)
    forest = fitted(forest, rows)
    together = one_row_of_forest(forest)
    found = np.array([together(row) for row in rows])
    expected = forest.predict_proba(rows) if hasattr(forest, "predict_proba") else forest.predict(rows)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("left_child", 0, 0),  # a circle
        ("right_child", 0, 10**6),
        ("left_child", 0, -2),
        ("feature", 0, 4),
        ("feature", 0, -2),
        ("counts", 0, 1),
        ("counts", 0, -3),
    ],
)
def test_trees_that_lead_out_of_their_arrays_are_refused(tmp_path, name, at, value):
    forest = fitted(RandomForestRegressor(3, random_state=0))
    write_trees(forest, tmp_path / "trees.npz")
    forge(tmp_path / "trees.npz", lambda arrays: arrays[name].put(at, value))
    with pytest.raises(StrangeFile, match="holds no trees as we write them"):
        read_trees(without_trees(forest), tmp_path / "trees.npz")


def test_a_forged_depth_makes_no_prediction_longer(tmp_path):
    forest = fitted(RandomForestRegressor(3, random_state=0))
    write_trees(forest, tmp_path / "trees.npz")
    forge(tmp_path / "trees.npz", lambda arrays: arrays["depths"].fill(2**31 - 1))
    loaded = without_trees(forest)
    read_trees(loaded, tmp_path / "trees.npz")
    assert one_row_of_forest(loaded)(ROWS[0]) == pytest.approx(forest.predict(ROWS[:1]))


def test_trees_of_other_types_are_refused_as_half_a_place_would_lead_round_in_a_circle(tmp_path):
    forest = fitted(RandomForestRegressor(3, random_state=0))
    write_trees(forest, tmp_path / "trees.npz")
    with np.load(tmp_path / "trees.npz") as stored:
        arrays = dict(stored)
    halves = np.where(arrays["left_child"] > 0, arrays["left_child"] - 0.5, arrays["left_child"])
    np.savez(tmp_path / "trees.npz", **(arrays | {"left_child": halves}))
    with pytest.raises(StrangeFile, match="holds no trees as we write them"):
        read_trees(without_trees(forest), tmp_path / "trees.npz")
    np.savez(tmp_path / "trees.npz", **{name: array for name, array in arrays.items() if name != "depths"})
    with pytest.raises(StrangeFile, match="holds no trees as we write them"):
        read_trees(without_trees(forest), tmp_path / "trees.npz")


@pytest.mark.parametrize("name", ["values", "depths", "threshold", "counts"])
def test_trees_with_too_few_numbers_are_refused(tmp_path, name):
    forest = fitted(RandomForestRegressor(3, random_state=0))
    write_trees(forest, tmp_path / "trees.npz")
    forge(tmp_path / "trees.npz", lambda arrays: arrays.update({name: arrays[name][:-1]}))
    with pytest.raises(StrangeFile, match="holds no trees as we write them"):
        read_trees(without_trees(forest), tmp_path / "trees.npz")


def test_boosted_trees_are_no_forest():
    assert not is_forest(GradientBoostingClassifier())
    assert all(map(is_forest, FORESTS))
