"""Rows that a model is to predict, however they are handed over."""

from __future__ import annotations

import sqlite3

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spaces.inputs.border import encode, learn_schema, table_of
from spaces.inputs.files import DataError
from spaces.inputs.given import read_given
from spaces.rows.columns import MISSING, UNSEEN, TableError

TRAINED = pd.DataFrame(
    {
        "n": [1.5, 2.0, None],
        "flag": [True, False, True],
        "code": ["007", "7", "x"],
        "when": ["2020-01-01", "9999-12-31", None],
        "note": ["good film", "bad film", "12345"],
    }
)
SCHEMA = learn_schema(TRAINED, text=["note"])
SWAPPED = TRAINED.iloc[:1][["note", "when", "code", "flag", "n"]]
FIRST = {"n": 1.5, "flag": True, "code": "007", "when": "2020-01-01", "note": "good film"}


@pytest.mark.parametrize(
    "rows",
    {
        "frame": TRAINED.iloc[:1],
        "frame of other columns too": TRAINED.iloc[:1].assign(other=1)[["note", "other", "when", "code", "flag", "n"]],
        "dict of one row": FIRST,
        "dict of columns": {name: [value] for name, value in FIRST.items()},
        "dict of arrays": {name: np.array([value]) for name, value in FIRST.items()},
        "records": [FIRST],
        "series": TRAINED.iloc[0],
        "list of series": [TRAINED.iloc[0]],
        "objects": TRAINED.iloc[:1].to_numpy(),
        "list of lists": TRAINED.iloc[:1].to_numpy().tolist(),
        "texts": TRAINED.iloc[:1].astype(str).to_numpy(dtype=str),
        "named tuples": list(SWAPPED.itertuples(index=False)),
        "Arrow table": pa.Table.from_pandas(TRAINED.iloc[:1]),
        "Arrow record batch": pa.RecordBatch.from_pandas(SWAPPED),
        "Arrow's types": TRAINED.iloc[:1].convert_dtypes(dtype_backend="pyarrow"),
        "nullable types": TRAINED.iloc[:1].convert_dtypes(),
        "categoricals": TRAINED.iloc[:1].astype("category"),
        "tokens": {**FIRST, "note": ["good", "film"]},
        "types of numpy": {**FIRST, "n": np.float32(1.5), "flag": np.True_, "when": np.datetime64("2020-01-01")},
        "structured": np.array(
            [tuple(FIRST.values())],
            dtype=[("n", float), ("flag", bool), ("code", "U3"), ("when", "U10"), ("note", "U9")],
        ),
    }.values(),
)
def test_a_row_is_the_same_row_however_it_is_handed_over(rows):
    expected, found = encode(SCHEMA, TRAINED.iloc[:1]), table_of(SCHEMA, rows)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.codes, expected.codes)
    assert found.texts.tolist() == [["good film"]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"n": 1.0}, "column 'flag' is missing; the model was trained on n, flag, code, when, note"),
        ([1.5, True, "007", "2020-01-01", "x"], r"got shape \(5,\); an array of one row is \[\[...\]\]"),
        (np.zeros((2, 4)), r"an array of 5 columns is needed, got shape \(2, 4\)"),
        ([[1, 2], [3]], "data is no array: bring what it holds to one shape first"),
        ({**FIRST, "n": [1, 2], "flag": [True]}, "columns must have a value for each row"),
        (pd.Series([1, 2], index=["p", "q"]), "a series is one row, and its index names columns: n, flag.* got p, q"),
        (7, "data must be a data frame, records, a path or an array, got '7', of type int"),
        (None, "data must be a data frame, records, a path or an array, got 'None', of type NoneType"),
        ((row for row in [FIRST]), r"rows that can be read twice, got a generator: pass list\(data\)"),
        (
            TRAINED.rename(columns={"n": " N"}),
            "column 'n' is missing; the model was trained on .*; the rows have ' N': ",
        ),
        (TRAINED.assign(flag=pd.Timestamp(0)), r"column 'flag' must hold true or false, got datetime64\["),
        ({**FIRST, "n": "much"}, "column 'n' must hold numbers, got 'much' in row 0"),
        ({**FIRST, "note": 7}, "column 'note' must hold text, got 7 in row 0"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(rows, message):
    with pytest.raises((TableError, DataError), match=message):
        table_of(SCHEMA, rows)


def test_rows_of_a_database_are_read_by_their_names():
    base = sqlite3.connect(":memory:")
    base.row_factory = sqlite3.Row
    rows = base.execute("select 'good film' note, '2020-01-01' 'when', '007' code, 1 flag, 1.5 n").fetchall()
    base.close()
    expected, found = encode(SCHEMA, TRAINED.iloc[:1]), table_of(SCHEMA, rows)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.codes, expected.codes)


@pytest.mark.parametrize("trained", [[True, False], ["TRUE", "FALSE"], ["true", "false"]])
def test_categories_of_truth_values_are_the_same_however_they_are_written(trained):
    schema = learn_schema(pd.DataFrame({"c": trained}), categories=["c"])
    expected = encode(schema, pd.DataFrame({"c": trained})).codes
    for written in ([True, False], ["TRUE", "FALSE"], ["true", "false"], ["True", "False"]):
        np.testing.assert_array_equal(table_of(schema, pd.DataFrame({"c": written})).codes, expected)
        np.testing.assert_array_equal(table_of(schema, {"c": written[0]}).codes, expected[:1])


def test_what_stands_for_missing_values_does_so_in_frames_and_rows_too(tmp_path):
    frame = pd.DataFrame({"n": [-999, 1, 2], "k": ["?", "3", "4"], "c": ["?", "u", "v"], "flag": [True, False, True]})
    given = {"missing": ["?", "-999", "1.0"]}
    frame.assign(n=[-999, 5, 2]).to_csv(tmp_path / "rows.csv", index=False)
    schema = learn_schema(read_given(frame, **given).frame, **given)
    assert [column.kind for column in schema.columns] == ["number", "number", "category", "boolean"]
    assert schema.columns[2].categories == ("u", "v")
    expected = encode(schema, read_given(tmp_path / "rows.csv", schema=schema).frame)
    found = table_of(schema, frame.assign(n=[-999, 5, 2]))
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.numbers[0], [np.nan, np.nan, 1])
    np.testing.assert_array_equal(found.codes[:, 0], [MISSING, 0, 1])
    one = table_of(schema, frame.iloc[0].to_dict())
    np.testing.assert_array_equal(one.numbers[0], found.numbers[0])
    np.testing.assert_array_equal(one.codes[0], found.codes[0])


def test_an_array_of_another_shape_is_told_the_right_one():
    schema = learn_schema(pd.DataFrame(index=range(4)), arrays={"series": np.zeros((4, 30, 1))})
    with pytest.raises(
        TableError, match=r"an array 'series' of the shape \(rows, 30, 1\) is needed, got shape \(4, 30\)"
    ):
        table_of(schema, np.zeros((4, 30)))


@pytest.mark.parametrize("column", ["n", "flag", "code", "when", "note"])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_column_may_be_missing_altogether_in_any_way(column, missing):
    found = table_of(SCHEMA, TRAINED.assign(**{column: missing}))
    expected = table_of(SCHEMA, TRAINED.assign(**{column: None}))
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.codes, expected.codes)
    assert found.texts.tolist() == expected.texts.tolist()


def test_a_number_is_the_code_whose_zeros_it_lost_if_there_is_one():
    schema = learn_schema(pd.DataFrame({"code": ["007", "01", "001", "12", "0"]}))  # sorted: 0, 001, 007, 01, 12
    for type_ in (int, float):
        rows = pd.DataFrame({"code": np.array([7, 1, 12, 0, 8], dtype=type_)})
        assert table_of(schema, rows).codes[:, 0].tolist() == [2, UNSEEN, 4, 0, UNSEEN]
        assert [int(table_of(schema, {"code": type_(value)}).codes[0, 0]) for value in (7, 1)] == [2, UNSEEN]
    assert table_of(schema, {"code": "7"}).codes.tolist() == [[UNSEEN]]  # written so


def test_records_may_lack_what_is_missing_and_masks_hide_values():
    found = table_of(SCHEMA, [FIRST, {name: value for name, value in FIRST.items() if name != "n"}])
    np.testing.assert_array_equal(found.numbers[:, 0], [1.5, np.nan])
    numbers = learn_schema(pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}))
    for array in (np.ones((2, 2)), np.ones((2, 2), dtype=int), np.ones((2, 2), dtype=bool)):
        masked = np.ma.masked_array(array, mask=[[False, True], [False, False]])
        np.testing.assert_array_equal(table_of(numbers, masked).numbers, [[1, np.nan], [1, 1]])
    texts = np.ma.masked_array(np.array([["x", "y"]]), mask=[[False, True]])
    codes = table_of(learn_schema(pd.DataFrame({"a": ["x", "z"], "b": ["y", "z"]})), texts).codes
    assert codes.tolist() == [[0, MISSING]]


def test_a_mapping_names_inputs_only_where_a_value_has_an_axis_of_rows():
    waves = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    frame = pd.DataFrame({"n": [1.0, 2.0]})
    schema = learn_schema(frame, arrays={"waves": waves})
    both = table_of(schema, {"table": frame, "waves": waves})
    one = table_of(schema, {"n": 2.0, "waves": waves[1]})
    np.testing.assert_array_equal(one.arrays[0], both.arrays[0][1:])
    np.testing.assert_array_equal(one.numbers, both.numbers[1:])
    listed = table_of(schema, {"table": [{"n": 1.0}, {"n": 2.0}], "waves": waves.tolist()})
    np.testing.assert_array_equal(listed.arrays[0], both.arrays[0])
    # A column may be called as the table is.
    named = learn_schema(pd.DataFrame({"table": [1.0, 2.0]}))
    assert table_of(named, {"table": 2.0}).numbers.tolist() == [[2.0]]
    assert table_of(named, {"table": [2.0, 3.0]}).numbers.tolist() == [[2.0], [3.0]]


def test_a_series_is_the_only_column_or_one_row():
    schema = learn_schema(pd.DataFrame({"review": ["good", "bad"]}), text=["review"])
    assert table_of(schema, pd.Series(["fine", None], name="review")).texts.tolist() == [["fine"], [""]]
    assert table_of(schema, pd.Series({"review": "fine"})).texts.tolist() == [["fine"]]
