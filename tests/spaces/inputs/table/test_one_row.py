"""One row is encoded by arithmetic of our own, and comes out as scikit-learn's transformers make it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import RobustScaler

from spaces.inputs.table.matrix import PreparedTable, Recipe, prepare
from spaces.inputs.table.one_row import of_one_row
from spaces.rows.columns import MISSING, UNSEEN
from spaces.rows.table import Table

SCALINGS = ("standard", "quantile", "robust", "piecewise", "none")
LARGEST = float(np.finfo(np.float64).max)
CARDINALITIES = (3, 40, 45)


def made_up(rows: int, seed: int) -> Table:
    """Numbers, some repeated or missing, one constant, one far from zero, one never there; few and many categories."""
    rng = np.random.default_rng(seed)
    numbers = np.stack(
        [
            rng.normal(size=rows),
            np.where(rng.random(rows) < 0.4, 15024.0, rng.lognormal(sigma=3, size=rows)),
            np.full(rows, 7.0),
            1.7e9 + rng.integers(0, 1000, rows),
            np.full(rows, np.nan),
            rng.integers(0, 5, rows),
        ],
        axis=1,
    )
    numbers[rng.random(rows) < 0.2, 0] = np.nan
    codes = np.stack([rng.integers(-1, size, rows) for size in CARDINALITIES], axis=1)
    return Table(numbers, codes.astype(np.int32))


def learned(recipe: Recipe, kind: str) -> PreparedTable:
    train = made_up(300, 0)
    values = np.nan_to_num(train.numbers[:, 0]) + train.codes[:, 1]
    target = values if kind == "regression" else np.digitize(values, [10.0] if kind == "binary" else [10.0, 25.0])
    return prepare(recipe, train, target, target_kind=kind)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("categories", ["onehot", "codes"])
@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_row_alone_is_encoded_bit_by_bit_as_among_others(scaling, categories, kind):
    above = 9 if scaling == "robust" else 0
    prepared = learned(Recipe(scaling, categories, CARDINALITIES, crosses=16, embedded_above=above), kind)
    new = made_up(40, 1)
    new.numbers[0], new.numbers[1] = np.nan, LARGEST
    new.numbers[2:12] = made_up(300, 0).numbers[:10]
    new.codes[4], new.codes[5] = UNSEEN, MISSING
    with np.errstate(over="ignore"):
        together = prepared.matrix(new)
        alone = [prepared.matrix(new.take(slice(i, i + 1))) for i in range(len(new))]
    np.testing.assert_array_equal(np.concatenate(alone), together)
    assert all(one.dtype == np.float32 for one in alone)


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 20000))
PREPARED = [learned(Recipe(scaling, "onehot", CARDINALITIES), "binary") for scaling in SCALINGS]


@settings(max_examples=20)
@given(st.lists(NUMBERS, min_size=6, max_size=6), st.lists(st.integers(-2, 50), min_size=3, max_size=3))
def test_whatever_a_row_holds_it_is_encoded_as_scikit_learn_does(numbers, codes):
    row = Table(
        np.array([[np.nan if number is None else number for number in numbers]], dtype=np.float64),
        np.array([codes], dtype=np.int32),
    )
    twice = row.take(np.array([0, 0]))
    with np.errstate(over="ignore", invalid="ignore"):
        for prepared in PREPARED:
            np.testing.assert_array_equal(prepared.matrix(row)[0], prepared.matrix(twice)[1])


def test_a_transformer_that_is_not_known_here_transforms_the_row_itself():
    rows = made_up(50, 3).numbers[:, 1:2]
    other = RobustScaler().fit(rows)
    np.testing.assert_array_equal(of_one_row(other)(rows[7]), other.transform(rows)[7])
