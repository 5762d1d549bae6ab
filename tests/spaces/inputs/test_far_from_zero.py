"""Columns and series far from zero beside their spread keep their digits."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from spaces.inputs.arrays import ArrayRecipe, PreparedArray, prepare_array
from spaces.inputs.border import learn_schema, table_of
from spaces.inputs.series.reading import SeriesReading
from spaces.inputs.table.centred import Centred
from spaces.inputs.table.matrix import Recipe, prepare
from spaces.rows.table import Table


@pytest.mark.parametrize(
    "values",
    {
        "seconds since 1970": 1.7e9 + np.arange(200.0),
        "nanoseconds": 1.7e18 + 1e9 * np.arange(200.0),
        "below zero": -4e9 + np.arange(200.0),
        "mostly one value": 1e9 + (np.arange(200.0) % 10 == 0),
        "days": 20_000 + np.arange(200) / 86_400,
        "large and small": 1e15 + np.arange(200.0),
        "beside missing ones": np.where(np.arange(200) % 7, 1.7e9 + np.arange(200.0), np.nan),
        "long ids": 2.0**52 + np.arange(200),
        "a year": 2e5 + np.linspace(0, 1e-3, 200),
    }.values(),
)
def test_numbers_far_from_zero_keep_their_digits(values):
    table = Table(values[:, None], np.empty((200, 0), dtype=np.int32))
    target = np.arange(200.0)
    for scaling in ("none", "standard", "quantile"):
        matrix = prepare(Recipe(scaling, "onehot", ()), table, target, target_kind="regression").matrix(table)[:, 0]
        known = np.isfinite(values)
        assert len(np.unique(matrix[known])) >= 0.98 * len(np.unique(values[known])), scaling
        order = np.argsort(values[known], kind="stable")
        assert (np.diff(matrix[known][order]) >= 0).all(), scaling


def test_the_centre_is_that_of_training_rows_and_near_columns_stay():
    train = np.array([[1e9, 5.0, np.nan], [1e9 + 2, -3.0, np.nan], [1e9 + 4, 1.0, np.nan]])
    centred = Centred().fit(train)
    assert centred.centres_.tolist() == [1e9 + 2, 0, 0]
    outlier = np.concatenate([1.7e9 + np.arange(199.0), [2.5e11]])[:, None]
    assert len(np.unique(Centred().fit(outlier).transform(outlier).astype(np.float32))) == 200
    np.testing.assert_array_equal(centred.transform(np.array([[1e9 + 3, 7.0, 2.0]])), [[1, 7, 2]])


@pytest.mark.parametrize("far", [0.0, 1.7e9, -1e12])
def test_a_series_far_from_zero_keeps_its_digits(far, tmp_path):
    """A channel counts seconds and another is near zero: both are read as they would be without the distance."""
    rng = np.random.default_rng(0)
    near = rng.normal(size=(50, 6, 2))
    given = near + np.array([far, 0.0])
    schema = learn_schema(pd.DataFrame(index=range(50)), arrays={"waves": given})
    assert schema.columns[0].dtype == ("float64" if far else "float32")
    recipe = ArrayRecipe(0, "series", SeriesReading(flat=False))
    table = table_of(schema, {"waves": given})
    learned = PreparedArray.load(tmp_path, json.loads(json.dumps(prepare_array(recipe, table).save(tmp_path))))
    standard = (near - near.mean(axis=(0, 1))) / near.std(axis=(0, 1))
    np.testing.assert_allclose(learned.array(table), standard, atol=1e-3)
    alone = table_of(schema, {"waves": given[3]})  # a window by itself is read by the schema too
    np.testing.assert_array_equal(learned.array(alone), learned.array(table)[3:4])
    assert learned.array(alone).dtype == np.float32
