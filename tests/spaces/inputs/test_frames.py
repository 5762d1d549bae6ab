"""Frames: of which kind a column is, how rows are encoded by a schema, and what is refused."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.inputs.border import encode, learn_schema
from spaces.inputs.table.matrix import (
    PreparedTable,
    Recipe,
    prepare,
)
from spaces.rows.columns import MISSING, UNSEEN, Schema, TableError
from spaces.rows.table import Table


def kinds(frame: pd.DataFrame, **options: Any) -> dict[str, str]:
    return {column.name: column.kind for column in learn_schema(frame, **options).columns}


def test_a_columns_kind_is_told_from_its_values():
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "real": [1.5, None, 3.0],
            "flag": [True, False, True],
            "flag or nothing": [True, None, False],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "text": ["a", "b", None],
            "categorical": pd.Categorical(["x", "y", "x"]),
            "numbers of a categorical": pd.Categorical([3, 1, 3]),
            "date": pd.to_datetime(["2026-01-01", None, "2026-03-01"]),
            "date as text": ["2026-01-01", "2026-02-01", None],
            "date with a zone": pd.to_datetime(["2026-01-01"] * 3).tz_localize("Europe/Zurich"),
            "nothing": [None, None, None],
        }
    )
    assert kinds(frame) == {
        "whole": "number",
        "real": "number",
        "flag": "boolean",
        "flag or nothing": "boolean",
        "nullable": "number",
        "text": "category",
        "categorical": "category",
        "numbers of a categorical": "category",
        "date": "date",
        "date as text": "date",
        "date with a zone": "date",
        "nothing": "number",
    }
    table = encode(learn_schema(frame), frame)
    assert table.numbers.shape == (3, learn_schema(frame).n_numbers)
    assert table.codes.shape == (3, 3)


def test_missing_is_missing_in_every_kind_of_column():
    frame = pd.DataFrame(
        {
            "real": [1.5, None],
            "nullable": pd.array([7, None], dtype="Int64"),
            "flag": [True, None],
            "nullable flag": pd.array([False, None], dtype="boolean"),
            "text": ["a", None],
            "date": pd.to_datetime(["2026-01-01", None]),
        }
    )
    table = encode(learn_schema(frame), frame)
    np.testing.assert_array_equal(table.numbers[0, :4], [1.5, 7, 1, 0])
    assert np.isnan(table.numbers[1]).all()
    assert table.codes.tolist() == [[0], [MISSING]]


def test_a_date_becomes_days_month_weekday_and_hour():
    frame = pd.DataFrame({"when": ["1970-01-03", "2026-11-22 18:30:00", None]})
    schema = learn_schema(frame)
    encoded = encode(schema, frame).numbers
    np.testing.assert_array_equal(encoded[0], [2, 1, 5, 0])  # a Saturday
    days = pd.Timestamp("2026-11-22").toordinal() - pd.Timestamp("1970-01-01").toordinal()
    np.testing.assert_allclose(encoded[1], [days + 18.5 / 24, 11, 6, 18])
    assert np.isnan(encoded[2]).all()
    as_dates = pd.DataFrame({"when": pd.to_datetime(frame["when"], format="ISO8601")})
    np.testing.assert_array_equal(encode(schema, as_dates).numbers, encoded)
    zoned = pd.DataFrame({"when": as_dates["when"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")})
    np.testing.assert_array_equal(encode(schema, zoned).numbers, encoded)


def test_a_category_is_the_same_however_it_is_written():
    schema = learn_schema(pd.DataFrame({"zip": [3, 10, 2]}), categories=["zip"])
    assert schema.columns[0].categories == ("10", "2", "3")
    for values in ([3, 99, 10], [3.0, 99.0, 10.0], ["3", "99", "10"], pd.array([3, 99, 10], dtype="Int64")):
        assert encode(schema, pd.DataFrame({"zip": values})).codes[:, 0].tolist() == [2, UNSEEN, 0]


def test_columns_are_found_by_name_whatever_their_order_or_company():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [True, False]})
    schema = learn_schema(frame)
    expected = encode(schema, frame)
    other = encode(schema, frame.assign(target=9, id="?")[["target", "c", "id", "b", "a"]])
    np.testing.assert_array_equal(other.numbers, expected.numbers)
    np.testing.assert_array_equal(other.codes, expected.codes)


def test_a_schema_survives_storage():
    schema = learn_schema(pd.DataFrame({"a": [1.0], "b": ["x"], "c": [True], 4: pd.to_datetime(["2026-01-01"])}))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert schema.names == ["a", "b", "c", "4"]
    assert schema.n_numbers == 1 + 1 + 4


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.lists(st.none() | st.sampled_from(["a", "b", "ü", ""]), min_size=4, max_size=4)
        | st.lists(st.none() | st.floats(-1e9, 1e9), min_size=4, max_size=4)
        | st.lists(st.booleans(), min_size=4, max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_every_frame_of_plain_columns_can_be_read(columns):
    frame = pd.DataFrame(columns)
    schema = learn_schema(frame)
    table = encode(schema, frame)
    assert table.numbers.shape == (4, schema.n_numbers)
    assert not np.isinf(table.numbers).any()
    assert ((table.codes >= MISSING) & (table.codes < np.array(schema.cardinalities or [0]))).all()
    n_missing = int(frame.isna().sum().sum())
    assert int(np.isnan(table.numbers).sum() + (table.codes == MISSING).sum()) == n_missing
    assert len(encode(schema, frame.iloc[:0])) == 0


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), "column name 'a' is used 2 times; rename the columns"),
        (pd.DataFrame({"a": ["x", 3, "y"]}), r"column 'a' mixes int and text values \(text 'x' in row 0\)"),
        (pd.DataFrame({"a": ["1", "2", "three"]}), "2 numbers and 1 texts, first 'three' in row 2"),
        (pd.DataFrame({"a": [[1], [2]]}), "column 'a' holds list values"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused_by_name(frame, message):
    with pytest.raises(TableError, match=message):
        learn_schema(frame)


def test_a_mixed_column_can_be_named_a_category():
    schema = learn_schema(pd.DataFrame({"a": ["x", 3, "y"]}), categories=["a"])
    assert schema.columns[0].categories == ("3", "x", "y")


def test_a_wrong_name_among_categories_is_told_the_nearest():
    with pytest.raises(TableError, match="categories: unknown name 'strete', did you mean 'street'"):
        learn_schema(pd.DataFrame({"street": [1], "city": [2]}), categories=["strete"])


SCHEMA = learn_schema(pd.DataFrame({"a": [1.0], "b": ["x"], "d": pd.to_datetime(["2026-01-01"])}))
GOOD = {"a": [1.0, 2.0], "b": ["x", "y"], "d": ["2026-01-01", "2026-01-02"]}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(GOOD).drop(columns="b"), "column 'b' is missing; the model was trained on a, b, d"),
        (pd.DataFrame(GOOD | {"a": [1.0, np.inf]}), "column 'a' holds 1 infinite values, the first in row 1"),
        (pd.DataFrame(GOOD | {"a": [-np.inf, np.inf]}), "column 'a' holds 2 infinite values, the first in row 0"),
        (pd.DataFrame(GOOD | {"a": ["1.0", "two"]}), "column 'a' must hold numbers, got 'two' in row 1"),
        (
            pd.DataFrame(GOOD | {"a": pd.to_datetime(["2026-01-01"] * 2)}),
            "column 'a' must hold numbers, got datetime64",
        ),
        (pd.DataFrame(GOOD | {"d": ["2026-01-01", "soon"]}), "must hold dates as 2026-11-22, got 'soon' in row 1"),
        (pd.concat([pd.DataFrame(GOOD)] * 2, axis=1), "column name 'a' is used 2 times"),
    ],
)
def test_rows_unlike_those_of_training_are_refused_by_name(frame, message):
    assert len(encode(SCHEMA, pd.DataFrame(GOOD))) == 2
    with pytest.raises(TableError, match=message):
        encode(SCHEMA, frame)


def test_infinite_training_values_are_refused():
    frame = pd.DataFrame({"a": [1.0, np.inf, 2.0]}, index=["x", "y", "z"])
    with pytest.raises(TableError, match="first in row y; replace them with a number, or leave the cell empty"):
        encode(learn_schema(frame), frame)


def test_classes_of_ours_have_names_in_files_that_stay(tmp_path):
    """A class that moves must not make files unreadable: they name modules that PINNED leads to the right ones."""
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(60, 2)) + 1e9, np.zeros((60, 0), np.int32))
    recipe = Recipe("piecewise", "onehot", (), crosses=4)
    prepared = prepare(recipe, table, rng.normal(size=60), target_kind="regression")
    settings = prepared.save(tmp_path)
    with zipfile.ZipFile(tmp_path / settings["file"]) as stored:
        schema = stored.read("schema.json").decode()
    assert '"spaces.piecewise"' in schema
    assert '"spaces.crosses"' in schema
    assert "spaces.inputs" not in schema
    np.testing.assert_array_equal(PreparedTable.load(tmp_path, settings).matrix(table), prepared.matrix(table))
