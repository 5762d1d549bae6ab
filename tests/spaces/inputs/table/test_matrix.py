"""What is learned of tables, from training rows and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import config_context

from spaces.inputs.table.matrix import (
    FREQUENT_VALUE_ROWS,
    ONE_HOT_LIMIT,
    PreparedTable,
    Recipe,
    prepare,
    training_matrix,
)
from spaces.inputs.table.piecewise import PiecewiseLinear
from spaces.rows.columns import MISSING, UNSEEN
from spaces.rows.table import Table


def numbers(*columns: Any) -> Table:
    """A table of number columns."""
    return Table(np.array(columns, dtype=np.float64).T, np.empty((len(columns[0]), 0), dtype=np.int32))


def codes(*columns: Any, key: str | None = None) -> Table:
    """A table of category columns."""
    return Table(np.empty((len(columns[0]), 0)), np.array(columns, dtype=np.int32).T, key)


def target(table: Table) -> NDArray[np.float64]:
    return np.arange(len(table), dtype=np.float64)


def learned(recipe: Recipe, train: Table, kind: str = "regression") -> Any:
    return prepare(
        recipe, train, target(train) if kind == "regression" else target(train).astype(np.int64) % 2, target_kind=kind
    )


STANDARD = Recipe("standard", "onehot", ())


# From training rows only.


def test_numbers_are_standardised_with_the_training_rows_own_mean_and_deviation():
    x = np.random.default_rng(0).normal(5, 3, size=200)
    prepared = learned(STANDARD, numbers(x[:100]))
    np.testing.assert_allclose(prepared.matrix(numbers(x))[:, 0], (x - x[:100].mean()) / x[:100].std(), rtol=1e-5)
    assert prepared.width == 1


@pytest.mark.parametrize("scaling", ["standard", "quantile", "robust", "piecewise", "none"])
@pytest.mark.parametrize("categories", ["onehot", "codes"])
def test_no_row_depends_on_the_rows_beside_it(scaling, categories):
    """Transforming other rows together with a row, however odd they are, changes nothing about it."""
    rng = np.random.default_rng(0)
    train = Table(rng.normal(size=(120, 2)), np.stack([rng.integers(0, 3, 120), rng.integers(0, 40, 120)], 1))
    prepared = learned(Recipe(scaling, categories, (3, 40)), train)
    some, odd = rng.normal(size=(10, 2)), np.array([[1e9, np.nan], [np.nan, -1e9]])
    some_codes, odd_codes = rng.integers(0, 3, (10, 2)), np.array([[UNSEEN, MISSING], [MISSING, UNSEEN]])
    alone = prepared.matrix(Table(some, some_codes))
    together = prepared.matrix(Table(np.vstack([some, odd]), np.vstack([some_codes, odd_codes])))
    np.testing.assert_array_equal(together[:10], alone)
    if scaling != "none":
        assert np.isfinite(together[:, :2]).all()


def test_missing_numbers_get_the_training_median_and_an_indicator():
    train = numbers([1.0, 2.0, np.nan, 9.0])
    prepared = learned(STANDARD, train)
    matrix = prepared.matrix(numbers([np.nan, 2.0, 9.0]))
    assert matrix.shape == (3, 2)
    assert matrix[0, 0] == matrix[1, 0]  # the median is 2
    assert matrix[0, 1] > 0 > matrix[1, 1] == matrix[2, 1]


def test_numbers_missing_only_among_new_rows_get_the_median_too():
    prepared = learned(STANDARD, numbers([1.0, 2.0, 9.0]))
    matrix = prepared.matrix(numbers([np.nan, 2.0]))
    assert matrix.shape == (2, 1)
    assert matrix[0, 0] == matrix[1, 0]


@pytest.mark.parametrize("scaling", ["standard", "quantile", "piecewise"])
def test_columns_without_information_are_no_trouble(scaling):
    train = numbers([np.nan] * 6, [3.0] * 6, range(6))
    matrix = learned(Recipe(scaling, "onehot", ()), train).matrix(numbers([1.0], [np.nan], [2.0]))
    assert np.isfinite(matrix).all()


def test_quantiles_make_any_distribution_normal_and_keep_the_order():
    x = np.random.default_rng(0).lognormal(sigma=2, size=500)
    matrix = learned(Recipe("quantile", "onehot", ()), numbers(x)).matrix(numbers(x))[:, 0]
    assert (np.argsort(matrix, kind="stable") == np.argsort(x, kind="stable")).all()
    middle = matrix[np.abs(matrix) < 2]
    assert abs(np.mean(matrix > 0) - 0.5) < 0.02
    assert 0.9 < len(middle) / len(matrix) < 1
    standard = learned(STANDARD, numbers(x)).matrix(numbers(x))[:, 0]
    assert abs(np.mean(middle**3)) < 0.1 < abs(np.mean(standard**3))


EIGHTHS = st.integers(-8000, 8000).map(lambda number: number / 8)


@settings(max_examples=25)
@given(st.lists(EIGHTHS, min_size=2, max_size=60), st.lists(EIGHTHS, min_size=1, max_size=9))
def test_piecewise_columns_rise_from_0_to_1_one_after_the_other(train, new):
    recipe = Recipe("piecewise", "onehot", ())
    n_pieces = min(PiecewiseLinear().pieces, len(set(train)) - 1)
    pieces = learned(recipe, numbers(train)).matrix(numbers(sorted(new)))[:, 1 : 1 + n_pieces].astype(np.float64)
    assert ((pieces >= 0) & (pieces <= 1)).all()
    assert (np.diff(pieces, axis=0) >= 0).all()  # monotone in the number
    assert (np.diff(pieces, axis=1) <= 0).all()  # a piece begins when the one before is full
    assert pieces.shape[1] == n_pieces


def test_piecewise_gives_frequent_values_columns_of_their_own():
    rare = np.linspace(5, 6, 50)
    train = numbers(np.concatenate([np.repeat([0.0, 15024.0], FREQUENT_VALUE_ROWS), rare]))
    prepared = learned(Recipe("piecewise", "onehot", ()), train)
    values = prepared.matrix(numbers([0.0, 15024.0, rare[7], 0.1]))[:, -3:]
    np.testing.assert_array_equal(values, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize("scaling", ["standard", "quantile", "robust", "piecewise", "none"])
def test_numbers_too_large_for_float32_stay_finite(scaling):
    """Some tables write 1.8e308 for a missing value; models refuse the infinity that it would become."""
    largest = float(np.finfo(np.float64).max)
    prepared = learned(Recipe(scaling, "onehot", ()), numbers([1.0, 2.0, 4.0]))
    assert np.isfinite(prepared.matrix(numbers([largest, -largest]))).all()


def test_scaling_none_leaves_numbers_as_they_are():
    x = [1.5, np.nan, -3.0]
    np.testing.assert_array_equal(learned(Recipe("none", "onehot", ()), numbers(x)).matrix(numbers(x))[:, 0], x)


# Categories.


def test_few_categories_become_one_column_each_and_unseen_ones_nothing():
    train = codes([0, 1, 2, 0, MISSING, 1])
    prepared = learned(Recipe("standard", "onehot", (3,)), train)
    matrix = prepared.matrix(codes([0, 1, 2, MISSING, UNSEEN]))
    np.testing.assert_array_equal(matrix.sum(axis=1), [1, 1, 1, 1, 0])
    assert len(np.unique(matrix, axis=0)) == 5


def test_categories_that_a_network_embeds_come_first_as_whole_numbers():
    train = Table(np.arange(6.0)[:, None], np.array([[4, 0], [7, 1], [4, 0], [9, 1], [MISSING, 0], [7, 1]], np.int32))
    prepared = learned(Recipe("robust", "onehot", (12, 2), embedded_above=9), train)
    new = Table(np.zeros((5, 1)), np.array([[MISSING, 0], [4, 1], [9, 0], [5, 1], [UNSEEN, 0]], np.int32))
    matrix = prepared.matrix(new)
    assert matrix[:, 0].tolist() == [0, 1, 3, -1, -1]
    assert matrix[:, 2:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0]]
    assert Recipe("robust", "onehot", (12, 2)).embedded == ()


def test_many_categories_are_capped_with_their_mean_target_beside():
    column = np.repeat(np.arange(50), 6)
    y = (column >= 25).astype(np.float64) * 10 + np.random.default_rng(0).normal(size=300)
    train = codes(column)
    recipe = Recipe("standard", "onehot", (50,))
    prepared, matrix = training_matrix(recipe, train, y, target_kind="regression")
    assert prepared.width == matrix.shape[1] == ONE_HOT_LIMIT + 1
    means = prepared.matrix(codes([0, 24, 25, 49, UNSEEN]))[:, -1]
    assert max(means[:2]) < means[4] < min(means[2:4])  # unseen: the mean of all
    # A row's own target is not among those its mean is made of: where it is, the mean tells of what is by chance in it.
    high = column >= 25
    chance = y - 10 * high
    for means, told in ((matrix[:, -1], False), (prepared.matrix(train)[:, -1], True)):
        within = np.concatenate([means[of] - means[of].mean() for of in (high, ~high)])
        assert (np.corrcoef(within, np.concatenate([chance[high], chance[~high]]))[0, 1] > 0.25) == told


def test_means_of_the_target_have_a_column_for_each_class():
    column = np.tile(np.arange(40), 6)
    y = column % 3
    prepared, matrix = training_matrix(Recipe("none", "codes", (40,)), codes(column), y, target_kind="multiclass")
    means = prepared.matrix(codes(column))
    assert means.shape == matrix.shape == (240, 3)
    assert (means.argmax(axis=1) == y).all()


def test_codes_are_whole_numbers_and_unseen_ones_missing():
    prepared = learned(Recipe("none", "codes", (5,)), codes([4, 0, 2, 2]))
    np.testing.assert_array_equal(prepared.matrix(codes([0, 2, 4, 1, UNSEEN]))[:, 0], [0, 1, 2, np.nan, np.nan])


# The cache.


@pytest.mark.parametrize("scaling", ["standard", "quantile", "robust", "piecewise", "none"])
def test_cached_and_uncached_results_are_equal(scaling):
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(150, 2)), rng.integers(0, 40, (150, 1)))
    y, recipe = rng.normal(size=150), Recipe(scaling, "onehot", (40,))
    train, held_out = np.arange(100), np.arange(100, 150)
    plain, matrix = training_matrix(recipe, table.take(train), y[train], target_kind="regression")
    expected = plain.matrix(table.take(held_out))
    for _ in range(2):  # the first fills the cache, the second reads it
        name = f"test_cached/{scaling}"
        prepared, cached = training_matrix(
            recipe, table.take(train, f"{name}/train"), y[train], target_kind="regression"
        )
        np.testing.assert_array_equal(cached, matrix)
        np.testing.assert_array_equal(prepared.matrix(table.take(held_out, f"{name}/held_out")), expected)
        np.testing.assert_array_equal(prepared.matrix(table.take(held_out)), expected)


def test_the_cache_tells_folds_and_recipes_apart():
    table = numbers(np.random.default_rng(0).lognormal(size=60))
    first, second = (table.take(np.arange(k, k + 30), f"apart/{k}") for k in (0, 30))
    new = table.take(np.arange(60), "apart/new")
    seen = [
        prepare(recipe, train, target(train), target_kind="regression").matrix(new)[:, 0].tolist()
        for recipe in (STANDARD, replace(STANDARD, scaling="quantile"))
        for train in (first, second)
    ]
    assert len({tuple(column) for column in seen}) == 4


def test_what_was_learned_survives_saving(tmp_path):
    rng = np.random.default_rng(0)
    train = Table(rng.normal(size=(90, 2)), np.stack([rng.integers(0, 3, 90), rng.integers(0, 40, 90)], 1))
    for scaling in ("standard", "quantile", "piecewise", "none"):
        for categories in ("onehot", "codes"):
            for kind in ("regression", "binary"):
                prepared = learned(Recipe(scaling, categories, (3, 40)), train, kind)
                again = PreparedTable.load(tmp_path, prepared.save(tmp_path))
                np.testing.assert_array_equal(again.matrix(train), prepared.matrix(train))
                assert again.width == prepared.matrix(train).shape[1]


@pytest.mark.parametrize("crosses", [0, 8])
@pytest.mark.parametrize("scaling", ["standard", "quantile", "piecewise", "none"])
def test_what_scikit_learn_is_told_to_make_of_matrices_changes_none(scaling, crosses):
    rng = np.random.default_rng(0)
    rows = Table(rng.normal(size=(60, 2)), rng.integers(0, 40, (60, 1)).astype(np.int32))
    recipe = Recipe(scaling, "onehot", (40,), crosses)

    def matrices() -> list[NDArray[np.float32]]:
        prepared, matrix = training_matrix(recipe, rows, target(rows), target_kind="regression")
        return [matrix, prepared.matrix(rows), prepared.matrix(rows.take(np.arange(1)))]

    expected = matrices()
    with config_context(transform_output="pandas"):
        found = matrices()
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, np.ndarray)
        np.testing.assert_array_equal(one, other)
