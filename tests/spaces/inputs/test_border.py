"""The border: every kind of column is told by its values, read by the schema, and refused in our own words."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from columns import BERLIN, DAY, NEW_YORK, column, of_objects, read

from spaces.inputs.border import encode, learn_schema, table_of
from spaces.rows.columns import MISSING, UNSEEN, TableError

# Dates: days since 1970, month, weekday and hour, in UTC.

FAR = 2_932_896  # days from 1970 to 9999-12-31, a Friday


@pytest.mark.parametrize(
    ("value", "parts"),
    {
        "text": ("2020-07-01", (18444, 7, 2, 0)),
        "text with an offset": ("2020-07-01T10:00:00+02:00", (18444 + 8 / 24, 7, 2, 8)),
        "text before midnight in UTC": ("2020-07-01T01:00:00+02:00", (18443 + 23 / 24, 6, 1, 23)),
        "text in UTC": ("2020-07-01T10:00:00Z", (18444 + 10 / 24, 7, 2, 10)),
        "text of nanoseconds": ("2020-07-01T06:00:00.000000001", (18444.25, 7, 2, 6)),
        "still valid": ("9999-12-31", (FAR, 12, 4, 0)),
        "still valid, west": ("9999-12-31T23:59:59-05:00", (FAR + 1 + (5 * 3600 - 1) / DAY, 1, 5, 4)),
        "the first day": ("0001-01-01", (-719_162, 1, 0, 0)),
        "before clocks agreed": ("1600-02-29 12:00", (-135_081 + 0.5, 2, 1, 12)),
        "date object": (dt.date(2020, 7, 1), (18444, 7, 2, 0)),
        "far date object": (dt.date(9999, 12, 31), (FAR, 12, 4, 0)),
        "datetime object": (dt.datetime(2020, 7, 1, 10), (18444 + 10 / 24, 7, 2, 10)),
        "datetime with an offset": (dt.datetime(2020, 7, 1, 10, tzinfo=BERLIN), (18444 + 8 / 24, 7, 2, 8)),
        "last datetime, west": (
            dt.datetime(9999, 12, 31, 20, tzinfo=NEW_YORK),  # no datetime can say it in UTC
            (FAR + 1 + 1 / 24, 1, 5, 1),
        ),
        "time stamp": (pd.Timestamp("2020-07-01 10:00", tz="Europe/Berlin"), (18444 + 8 / 24, 7, 2, 8)),
        "numpy's": (np.datetime64("2020-07-01T10"), (18444 + 10 / 24, 7, 2, 10)),
        "far numpy's": (np.datetime64("9999-12-31"), (FAR, 12, 4, 0)),
        "month": (pd.Period("2020-07", freq="M"), (18444, 7, 2, 0)),
        "far quarter": (pd.Period("9999Q4", freq="Q"), (FAR - 91, 10, 4, 0)),
    }.values(),
)
def test_a_date_is_a_date_however_it_is_kept(value, parts):
    for values in (of_objects(value, None, value), of_objects(value, pd.NaT, value)):
        assert learn_schema(values).columns[0].kind == "date"
        numbers = read(values).numbers
        np.testing.assert_allclose(numbers[[0, 2]], [parts, parts], rtol=1e-12)
        assert np.isnan(numbers[1]).all()
    trained = learn_schema(column(["2020-01-01", "2020-01-02"]))  # rows to predict come in any of these ways too
    np.testing.assert_allclose(encode(trained, of_objects(value)).numbers, [parts], rtol=1e-12)
    np.testing.assert_allclose(table_of(trained, {"a": value}).numbers, [parts], rtol=1e-12)


@pytest.mark.parametrize(
    "values",
    {
        "days": pd.to_datetime(["2020-07-01", None]),
        "nanoseconds": pd.Series(pd.to_datetime(["2020-07-01", None])).astype("datetime64[ns]"),
        "with a zone": pd.to_datetime(["2020-07-01", None]).tz_localize("UTC"),
        "periods": pd.PeriodIndex(["2020-07", None], freq="M"),
        "days of Arrow": pd.array([dt.date(2020, 7, 1), None], dtype=pd.ArrowDtype(pa.date32())),
        "moments of Arrow": pd.array([dt.datetime(2020, 7, 1), None], dtype=pd.ArrowDtype(pa.timestamp("us"))),
    }.values(),
    ids=str,
)
def test_a_date_is_a_date_whatever_type_its_column_has(values):
    frame = column(values)
    assert learn_schema(frame).columns[0].kind == "date"
    np.testing.assert_array_equal(read(frame).numbers, [[18444, 7, 2, 0], [np.nan] * 4])


def test_a_year_of_summer_and_winter_is_in_one_zone():
    days = pd.date_range("2020-01-01", periods=80, freq="5D", tz="UTC")
    texts = [day.tz_convert("Europe/Berlin").isoformat() for day in days]
    assert {text[-6:] for text in texts} == {"+01:00", "+02:00"}
    numbers = read(column(texts)).numbers
    np.testing.assert_array_equal(numbers[:, 0], 18262 + 5 * np.arange(80))
    assert (numbers[:, 3] == 0).all()


@pytest.mark.parametrize(
    "value", ["soon", "2020-13-01", 20200701, 1.5, True, "20200701", ["2020-01-01"], b"2020-01-01"]
)
def test_what_is_no_date_is_refused_in_a_column_of_dates(value):
    schema = learn_schema(column(["2020-01-01", "2020-01-02"]))
    frame = column(pd.Series(["2020-01-01", value], index=["first", "second"], dtype=object))
    with pytest.raises(
        TableError, match=r"column 'a' must hold dates as 2026-11-22, got .* in row second; write it so"
    ):
        encode(schema, frame)


# Kinds are told by values.


@pytest.mark.parametrize(
    ("values", "numbers"),
    {
        "objects": ([1.5, 2, None], [1.5, 2, np.nan]),
        "numpy's": ([np.float32(1.5), np.int8(2), np.nan], [1.5, 2, np.nan]),
        "Decimal": ([Decimal("1.5"), Decimal("-2"), Decimal("NaN")], [1.5, -2, np.nan]),
        "fractions": ([Fraction(3, 2), Fraction(2), None], [1.5, 2, np.nan]),
        "long whole numbers": ([2**70, 1, None], [2.0**70, 1, np.nan]),
        "texts": (["1.5", " 2 ", None], [1.5, 2, np.nan]),
        "texts beside numbers": (["1.5", 2, None], [1.5, 2, np.nan]),
        "powers of ten": (["1e3", "-2.5E-1", None], [1000, -0.25, np.nan]),
        "nullable": (pd.array([1, 2, None], dtype="Int64"), [1, 2, np.nan]),
        "Arrow's": (pd.array([1, 2, None], dtype=pd.ArrowDtype(pa.int32())), [1, 2, np.nan]),
        "Arrow's decimals": (
            pd.array([Decimal("1.5"), Decimal("2.0"), None], dtype=pd.ArrowDtype(pa.decimal128(4, 1))),
            [1.5, 2, np.nan],
        ),
        "sparse": (pd.arrays.SparseArray([0.0, 2.0, np.nan]), [0, 2, np.nan]),
        "masked": (np.ma.masked_array([1.5, 2.0, 9.0], mask=[False, False, True]), [1.5, 2, np.nan]),
        "nothing": ([None, None, None], [np.nan] * 3),
        "categories that never occur": (pd.Categorical([None] * 3, categories=["x", "y"]), [np.nan] * 3),
        "a categorical of nothing": (pd.Categorical([None] * 3), [np.nan] * 3),
    }.values(),
)
def test_numbers_are_numbers_whatever_their_type(values, numbers):
    frame = column(pd.Series(values, dtype=object) if isinstance(values, list) else values)
    assert learn_schema(frame).columns[0].kind == "number"
    np.testing.assert_array_equal(read(frame).numbers[:, 0], numbers)
    trained = learn_schema(column([0.5, 1.5]))
    np.testing.assert_array_equal(encode(trained, frame).numbers[:, 0], numbers)


@pytest.mark.parametrize(
    "values",
    [
        [True, False, None],
        ["true", "False", None],
        ["TRUE", "FALSE", None],
        [np.True_, np.False_, None],
        pd.array([True, False, None], dtype="boolean"),
        pd.array([True, False, None], dtype=pd.ArrowDtype(pa.bool_())),
    ],
    ids=str,
)
def test_true_and_false_are_so_whatever_their_type(values):
    frame = column(pd.Series(values, dtype=object) if isinstance(values, list) else values)
    assert learn_schema(frame).columns[0].kind == "boolean"
    np.testing.assert_array_equal(read(frame).numbers[:, 0], [1, 0, np.nan])
    trained = learn_schema(column([True, False]))
    np.testing.assert_array_equal(encode(trained, frame).numbers[:, 0], [1, 0, np.nan])
    np.testing.assert_array_equal(encode(trained, column([1, 0.0])).numbers[:, 0], [1, 0])
    for wrong in (2, "yes", 0.5):
        with pytest.raises(TableError, match=r"column 'a' must hold true or false, got .* in row 1; mend it"):
            encode(trained, of_objects(True, wrong))


@pytest.mark.parametrize("values", [["007", "12"], ["01", "1", "001"], ["00", "5"], ["1", "2", "-01"], ["01.50", "2"]])
def test_digits_with_a_zero_before_them_are_codes(values):
    schema = learn_schema(column(values))
    assert schema.columns[0].categories == tuple(sorted(values))
    assert encode(schema, column(values)).codes[:, 0].tolist() == [sorted(values).index(one) for one in values]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1j, 2], r"column 'a' holds complex values, the first in row 0: .*1j.*: give the real and the imaginary part"),
        (np.array([1, 2j]), r"column 'a' holds complex values, the first in row 1: .*2j"),
        ([[1], [2]], r"column 'a' holds list values, the first in row 0: \[1\].*text=\['a'\]"),
        ([(1, 2), (3,)], "column 'a' holds tuple values, the first in row 0"),
        ([b"x", b"y"], "column 'a' holds bytes values, the first in row 0: b'x'; .*: decode the column to text"),
        ([{"k": 1}, {}], r"column 'a' holds dict values.*drop=\['a'\]"),
        (pd.to_timedelta(["1D", "2D"]), "column 'a' holds Timedelta values.*convert the column to seconds"),
        (pd.interval_range(0, 2), "column 'a' holds Interval values"),
        ([dt.time(10), dt.time(11)], "column 'a' holds time values"),
        (["1", "2", "nan"], r"column 'a' mixes numbers and text: 2 numbers and 1 texts, first 'nan' in row 2"),
        (
            ["2020-01-01", "2020-01-02", "?"],
            r"column 'a' mixes dates and text: .* first '\?' in row 2.*missing=\['\?'\]",
        ),
        ([dt.date(2020, 1, 1), 5], "column 'a' mixes date and int values; make it one type"),
        ([True, 5], "column 'a' mixes bool and int values"),
        ([dt.date(2020, 1, 1), "x"], r"column 'a' mixes date and text values \(text 'x' in row 1\)"),
        ([1, "007"], r"column 'a' mixes int and text values \(text '007' in row 1\)"),
        (["inf", "1"], "column 'a' holds 1 infinite values, the first in row 0"),
        ([Decimal("Infinity"), Decimal(1)], "column 'a' holds 1 infinite values, the first in row 0"),
        ([10**400, 1], "column 'a' holds 1 infinite values, the first in row 0"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused_with_column_row_and_a_way_out(values, message):
    with pytest.raises(TableError, match=message):
        read(column(pd.Series(values, dtype=object) if isinstance(values, list) else values))


def test_complex_rows_are_refused_by_a_model_of_numbers():
    schema = learn_schema(column([0.5, 1.5]))
    for values in (np.array([1, 2j]), pd.Series([1.0, 2j], dtype=object)):
        with pytest.raises(TableError, match=r"column 'a' .*2j.*|column 'a' .* in row 1"):
            encode(schema, column(values))


# Categories.


@pytest.mark.parametrize(
    ("trained", "rows"),
    [
        ([3, 10, 2], ["3", "3.0", 3, 3.0, Decimal("3.0"), np.int8(3), np.float32(3)]),
        ([3.0, 10.0, np.nan], ["3", "3.0", 3, 3.0]),
        (["3.0", "10.0", ""], ["3", "3.0", 3, 3.0]),
        (["3", "10", "x"], ["3", "3.0", 3, 3.0]),
        (pd.array([3, None, 10], dtype="Int64"), ["3", 3, 3.0]),
        (pd.Categorical([3, 10, 3]), ["3", 3, 3.0]),
    ],
    ids=str,
)
def test_a_whole_number_is_one_category_however_it_is_written(trained, rows):
    schema = learn_schema(column(trained), categories=["a"])
    code = schema.columns[0].categories.index("3")
    assert encode(schema, of_objects(*rows)).codes[:, 0].tolist() == [code] * len(rows)
    assert encode(schema, of_objects("03", "3.5", "300", None)).codes[:, 0].tolist() == [UNSEEN] * 3 + [MISSING]


@pytest.mark.parametrize("texts", [["1.0", "1"], ["01", "1", "001"], ["1E2", "100"], ["1.10", "1.1"], ["true", "True"]])
def test_texts_that_differ_are_different_categories(texts):
    schema = learn_schema(column(texts), categories=["a"])
    assert len(schema.columns[0].categories) == len(texts)
    assert len(set(encode(schema, column(texts)).codes[:, 0])) == len(texts)


def test_long_ids_keep_their_last_digits():
    ids = [2**62 + i for i in range(3)]
    for values in (
        pd.array([*ids, None], dtype="Int64"),
        pd.Series([*ids, None], dtype=object),
        [*map(str, ids), None],
    ):
        schema = learn_schema(column(values), categories=["a"])
        assert schema.columns[0].categories == tuple(sorted(map(str, ids)))
        assert encode(schema, column(values)).codes[:, 0].tolist() == [0, 1, 2, MISSING]


def test_a_day_is_one_category_with_and_without_its_midnight():
    schema = learn_schema(column(pd.to_datetime(["2020-01-01", "2020-01-02"])), categories=["a"])
    assert schema.columns[0].categories == ("2020-01-01", "2020-01-02")
    rows = of_objects("2020-01-02", dt.date(2020, 1, 2), "2020-01-02 00:00:00", np.datetime64("2020-01-02"))
    assert encode(schema, rows).codes[:, 0].tolist() == [1] * 4


@pytest.mark.parametrize(
    "wrong", [np.inf, -np.inf, [1], (1,), {"k": 1}, b"x", 1j, Decimal("Infinity"), np.array([1]), {1}]
)
def test_what_is_no_category_is_refused_by_row(wrong):
    frame = column(pd.Series(["x", None, 1], index=["p", "q", "r"], dtype=object))
    frame.at["q", "a"] = wrong
    message = "column 'a' is one of categories: .* in row q; convert it to text"
    with pytest.raises(TableError, match=message):
        learn_schema(frame, categories=["a"])
    with pytest.raises(TableError, match=message):
        encode(learn_schema(column(["x", "y"])), frame)


@pytest.mark.parametrize("dtype", [object, "category", "str", "float"])
def test_a_named_category_may_be_missing_altogether(dtype):
    frame = column(pd.Series([None, None], dtype=dtype))
    assert read(frame, categories=["a"]).codes.tolist() == [[MISSING], [MISSING]]


def test_a_column_of_which_no_value_is_known_is_warned_of():
    schema = learn_schema(pd.DataFrame({"town": ["Rom", "Ulm"] * 5, "size": range(10)}))
    with pytest.warns(UserWarning, match="'town': no value of these rows was there in training, .* 'Rom', 'Ulm'; all"):
        table_of(schema, pd.DataFrame({"town": ["rom", "ulm", None], "size": 3}))
    table_of(schema, pd.DataFrame({"town": ["rom", "Ulm", None], "size": 3}))
    table_of(schema, pd.DataFrame({"town": [None, None], "size": 3}))
    table_of(schema, {"town": "Bonn", "size": 3})  # one new value is no surprise
