"""Numbers scaled by their quartiles and clipped smoothly."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.inputs.table.matrix import Recipe, prepare
from spaces.inputs.table.robust import SmoothlyClipped
from spaces.inputs.table.stored import dump, load
from spaces.rows.table import Table


def clip(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


def test_the_median_comes_to_zero_and_the_quartiles_to_a_distance_of_one():
    x = np.array([[10.0], [12.0], [14.0], [16.0], [1000.0]])
    found = SmoothlyClipped().fit(x).transform(x)
    np.testing.assert_allclose(found, clip((x - 14) / 4))
    assert np.abs(found).max() < 3


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 10.0], [-1.0, 0, 0, 0, 0, 0, 0, 1.0]),  # equal quartiles: by the range
        ([7.0] * 8, [0.0] * 8),
        ([1e300] * 4 + [-1e300] * 4, [0.5] * 4 + [-0.5] * 4),
    ],
)
def test_columns_without_a_distance_between_quartiles(column, expected):
    x = np.array(column)[:, None]
    with np.errstate(over="ignore"):
        found = SmoothlyClipped().fit(x).transform(x).ravel()
    np.testing.assert_allclose(found, clip(np.array(expected)))


def test_whatever_comes_is_a_number_below_three():
    fitted = SmoothlyClipped().fit(np.arange(9.0)[:, None] * 1e-5)
    with np.errstate(over="ignore"):
        found = fitted.transform(np.array([[1e308], [-1.7e308]])).ravel()
    np.testing.assert_allclose(found, [3.0, -3.0])


def test_it_is_stored_without_pickle_under_a_name_that_stays(tmp_path):
    x = np.random.default_rng(0).normal(size=(50, 3))
    fitted = SmoothlyClipped().fit(x)
    dump(fitted, tmp_path / "one.skops")
    assert np.array_equal(load(tmp_path / "one.skops").transform(x), fitted.transform(x))


def test_a_missing_number_is_the_median_with_a_column_beside():
    numbers = np.array([[1.0], [2.0], [3.0], [np.nan], [5.0]])
    table = Table(numbers, np.empty((5, 0), np.int32))
    prepared = prepare(Recipe("robust", "onehot", ()), table, np.zeros(5), target_kind="regression")
    found = prepared.matrix(table)
    assert np.flatnonzero(found[:, 1]).tolist() == [3]
    assert found[3, 0] == 0.0
