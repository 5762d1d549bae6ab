"""What orders rows in time, what keeps them together, and what contradicts either."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tuner
from spaces.inputs.files import DataError
from spaces.inputs.table.dates import moments_of
from tuner.task.groups import group_names
from tuner.task.times import _read, time_order, time_stamps

DAYS = pd.date_range("2019-11-20", periods=80)
STEPS = [f"step {i}" for i in range(80)]
CLOCK = ("12:05 AM", "1:00 am", "9:30 AM", "10:00 AM", "12:00 PM", "1:15 p.m.", "9:00 PM", "11:59 pm")
FRACTIONS = ("000000001", "00000001", "0001", "01", "02", "1", "12", "999999999")


def frame_of(when: object) -> pd.DataFrame:
    rows = len(when)  # type: ignore[arg-type]
    return pd.DataFrame({"when": when, "place": np.arange(float(rows)), "y": np.arange(rows) % 2})


def hours(start: str, zone: str) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=8, freq="30min", tz="UTC").tz_convert(zone)


READ = {
    "dates": DAYS,
    "python dates": [day.date() for day in DAYS],
    "python times": [day.to_pydatetime() for day in DAYS],
    "numpy dates": [day.to_datetime64() for day in DAYS],
    "ISO": DAYS.strftime("%Y-%m-%d"),
    "ISO with the time": (DAYS + pd.Timedelta("1h")).strftime("%Y-%m-%dT%H:%M:%S"),
    "ISO without zeros": [f"{day.year}-{day.month}-{day.day}" for day in DAYS],
    "ISO slashed": DAYS.strftime("%Y/%m/%d"),
    "day first": DAYS.strftime("%d/%m/%Y"),
    "day first, dots": DAYS.strftime("%d.%m.%Y"),
    "month first": [f"{day.month}/{day.day}/{day.year}" for day in DAYS],
    "month first, with the time": DAYS.strftime("%m/%d/%Y 09:30 PM"),
    "month's name first": DAYS.strftime("%b %d %Y"),
    "month's whole name": DAYS.strftime("%B %d, %Y"),
    "month's name second": DAYS.strftime("%d %b %Y"),
    "month's name, dashes": DAYS.strftime("%d-%b-%Y"),
    "weekday": DAYS.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    "compact": DAYS.strftime("%Y%m%d"),
    "compact with the time": DAYS.strftime("%Y%m%dT%H:%M:%S"),
    "texts of numbers": [str(i) for i in range(80)],
    "texts of negative numbers": [str(i - 40) for i in range(80)],
    "texts of numbers with a fraction": [f"{i}.5" for i in range(80)],
    "texts of long numbers": [str(10**20 + i) for i in range(80)],
    "numbers": np.arange(80) - 5.5,
    "Decimal": [decimal.Decimal(i) / 8 for i in range(80)],
    "numbers as objects": np.array([*range(79), 79.5], dtype=object),
    "nullable numbers": pd.array(range(80), dtype="Int64"),
    "periods": pd.period_range("2019-11", periods=80, freq="M"),
    "periods as objects": pd.Series(list(pd.period_range("2019-11", periods=80, freq="M")), dtype=object),
    "months": pd.period_range("2019-11", periods=80, freq="M").strftime("%Y-%m"),
    "months by name": pd.period_range("2019-11", periods=80, freq="M").strftime("%b %Y"),
    "quarters": pd.period_range("2009Q3", periods=80, freq="Q").astype(str),
    "durations": pd.to_timedelta(np.arange(80) * 7, unit="h"),
    "in order as a category": pd.Categorical(
        [f"step {i}" for i in range(80)], [f"step {i}" for i in range(80)], ordered=True
    ),
    "texts as a category": pd.Categorical(DAYS.strftime("%d/%m/%Y")),
    "beyond nanoseconds": [f"{9920 + i}-12-31" for i in range(80)],
    "python dates beyond nanoseconds": [datetime.date(9920 + i, 12, 31) for i in range(80)],
    "before Greenwich time": [f"{1500 + i}-03-01" for i in range(80)],
}


@pytest.mark.parametrize("name", READ)
def test_rows_stand_in_the_order_of_their_time(name):
    given = frame_of(READ[name]).sample(frac=1, random_state=1)
    task = tuner.Task(given, "y", time="when", drop=["when"], split={"folds": 3})
    place = task.rows.table.numbers[:, 0]
    assert place.tolist() == list(range(80))
    assert all(place[train].max() < place[held_out].min() for train, held_out in task.folds)


# The clocks go back in Berlin: 02:30 comes twice, and texts would put 03:00 summer time after it.
SHIFTED = {
    "column with a zone": hours("2020-10-24T23:30", "Europe/Berlin"),
    "objects of two offsets": list(hours("2020-10-24T23:30", "Europe/Berlin").to_pydatetime()),
    "texts of two offsets": [time.isoformat() for time in hours("2020-10-24T23:30", "Europe/Berlin")],
    "objects of many offsets": [
        time.astimezone(datetime.timezone(datetime.timedelta(hours=-i)))
        for i, time in enumerate(hours("2020-10-24T23:30", "UTC").to_pydatetime())
    ],
    "texts of many offsets": [
        time.astimezone(datetime.timezone(datetime.timedelta(hours=i % 5 - 2))).isoformat()
        for i, time in enumerate(hours("2020-10-24T23:30", "UTC").to_pydatetime())
    ],
    "short offsets": [
        time.astimezone(datetime.timezone(datetime.timedelta(hours=-i))).strftime("%Y-%m-%d %H:%M%z")
        for i, time in enumerate(hours("2020-10-24T23:30", "UTC").to_pydatetime())
    ],
    "UTC": hours("2020-10-24T23:30", "UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
    "before noon and after": [f"10/24/2020 {clock}" for clock in CLOCK],
    "fractions": [f"2020-10-24T10:00:00.{fraction}" for fraction in FRACTIONS],
}  # fmt: skip


@pytest.mark.parametrize("name", SHIFTED)
def test_instants_decide_not_what_the_clock_says(name):
    values = pd.Series(SHIFTED[name], dtype=object if isinstance(SHIFTED[name], list) else None)
    shuffled = values.sample(frac=1, random_state=3)
    assert shuffled.index[time_order(shuffled, "when")].tolist() == list(range(8))


def test_rows_of_one_time_stay_as_they_stand():
    assert time_order(pd.Series(["1/2/2020", "13/1/2020", "01/02/2020", "13/01/2020"]), "when").tolist() == [1, 3, 0, 2]


REFUSED = {
    "two readings": (["3/4/2020", "05/06/2020", "7/8/2020"], r"ways, day first and month first.*'3/4/2020' in row 0"),
    "the first that tells": (["3/3/2020", "05/06/2020", "7/8/2020"], r"'05/06/2020' in row 1"),
    "two readings of a year": (["10/11/12", "09/10/11"], r"two ways"),
    "no reading": (["31/01/2020", "01/31/2020", "02/02/2020"], r"'01/31/2020' in row 1|'31/01/2020' in row 0"),
    "no such day": (["2020-02-28", "2020-02-30"], r"'2020-02-30' in row 1, which is no date"),
    "no such month": (["2020-12-28", "2020-13-01"], r"'2020-13-01' in row 1"),
    "no such hour": (["2020-12-28 10:00", "2020-12-28 25:00"], r"25:00' in row 1"),
    "words": (["soon", "later"], r"'soon' in row 0, which is no date or number"),
    "a stray among dates": (["2020-01-01", "?", "2020-01-03"], r"'\?' in row 1"),
    "a stray among numbers": (["1", "2", "n/a"], r"'(1|n/a)' in row"),
    "None": (["2020-01-01", None, "2020-01-03"], r"'when' is missing in 1 rows, the first is row 1"),
    "NaN": ([1.0, 2.0, np.nan], "first is row 2"),
    "NaT": (pd.to_datetime(["2020-01-01", None, "2020-01-03"]), "first is row 1"),
    "NA": (pd.array([1, None, 3], dtype="Int64"), "first is row 1"),
    "infinity": ([1.0, np.inf, 2.0], "infinite number in row 1"),
    "numbers and texts": ([1, "2020-01-01", 3], "mixes numbers and texts"),
    "dates and texts": ([datetime.date(2020, 1, 1), "2020-01-02"], "mixes dates and texts"),
    "with and without an offset": (["2020-01-01T10:00", "2020-01-01T10:00Z"], "with and without an offset"),
    "a missing word among numbers": (["3", "1", "nan"], "'nan' in row 2, which is no date or number"),
    "an abbreviated zone": (["2020-01-01 10:00 CET", "2020-01-01 11:00 CET"], "no date or number"),
    "truth values": ([True, False, True], "no date or number"),
    "bytes": ([b"2020-01-01", b"2020-01-02"], "no date or number"),
    "lists": ([[1], [2]], "no date or number"),
    "complex": ([1j, 2j], "no date or number"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_times_that_cannot_order_rows_are_refused(name):
    values, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        tuner.Task(frame_of(values).loc[np.arange(len(values))], "y", time="when", drop=["when"])


@pytest.mark.parametrize(
    "split", ["kfold", "stratified", "holdout", {"kind": "kfold", "folds": 3}, tuner.Split("kfold")]
)
def test_a_split_that_shuffles_time_is_refused(split):
    with pytest.raises(ValueError, match=r"time='when' says .* leave out time, or use split='time'"):
        tuner.Task(frame_of(DAYS), "y", time="when", split=split)


@pytest.mark.parametrize(
    "split", [None, "time", {"folds": 3}, {"kind": "time", "folds": 1}, tuner.Split("time", folds=2)]
)
def test_a_split_in_time_is_taken(split):
    assert tuner.Task(frame_of(DAYS), "y", time="when", split=split).split.kind == "time"


@pytest.mark.parametrize("split", [None, "time", {"folds": 3}, "kfold"])
def test_groups_beside_time_are_refused_unless_written_out(split):
    given = frame_of(DAYS).assign(who=np.arange(80) // 4)
    with pytest.raises(ValueError, match="write split='grouped'"):
        tuner.Task(given, "y", time="when", group="who", split=split)


def test_groups_beside_time_stay_whole_where_they_are_written_out():
    given = frame_of(DAYS).assign(who=np.arange(80) % 20)
    task = tuner.Task(given, "y", time="when", group="who", split="grouped", test=0.2)
    assert (np.diff(task.rows.table.numbers[:, -1]) > 0).all()
    trained = {place % 20 for place in task.rows.table.numbers[:, -1]}
    tested = {place % 20 for place in task.test.table.numbers[:, -1]}
    assert tested
    assert not trained & tested


def test_test_rows_stand_in_order_too():
    given = frame_of(DAYS.strftime("%d/%m/%Y"))
    test = frame_of(pd.date_range("2021-01-20", periods=30).strftime("%d/%m/%Y"))
    task = tuner.Task(given, "y", time="when", drop=["when"], test=test.sample(frac=1, random_state=0))
    assert task.test.table.numbers[:, 0].tolist() == list(range(30))
    assert task.test.target.tolist() == [0, 1] * 15


GROUPS = {
    "numbers": (pd.Series(np.arange(80) // 4).where(np.arange(80) % 7 > 0), "missing in 12 rows, the first is row 0"),
    "texts": (
        pd.Series([None if i == 5 else f"g{i // 4}" for i in range(80)]),
        "missing in 1 rows, the first is row 5",
    ),
    "dates": (pd.Series(DAYS).where(np.arange(80) != 7), "first is row 7"),
    "nullable": (pd.Series(pd.array([None if i == 9 else i // 4 for i in range(80)], "Int64")), "first is row 9"),
    "category": (pd.Series(pd.Categorical([None if i == 3 else "a" for i in range(80)])), "first is row 3"),
    "lists": (pd.Series([[i // 4] for i in range(80)]), r"\[0\] in row 0 is no name"),
    "lists of Arrow": (
        pd.Series([[i // 4] for i in range(80)]).astype(pd.ArrowDtype(pa.list_(pa.int64()))),
        r"\[0\].* in row 0 is no name",
    ),
    "all": (pd.Series([None] * 80, dtype=object), "missing in 80 rows"),
}


@pytest.mark.parametrize("name", GROUPS)
def test_missing_groups_are_refused(name):
    values, message = GROUPS[name]
    with pytest.raises(DataError, match=f"column 'who' says which rows belong together: .*{message}"):
        tuner.Task(frame_of(DAYS).assign(who=values), "y", group="who", drop=["when"])


@pytest.mark.parametrize("argument", ["group", "time", "sequence"])
@pytest.mark.parametrize("values", [np.arange(80), list(range(80)), pd.Series(np.arange(80)), ("a", "b"), 1.5, True])
def test_values_in_place_of_a_name_are_refused(argument, values):
    with pytest.raises(DataError, match=f"{argument} must be the name of a column, got {type(values).__name__}"):
        tuner.Task(frame_of(DAYS), "y", **{argument: values})


def test_groups_that_are_equal_are_one():
    named = group_names(pd.Series([1, 1.0, "1", decimal.Decimal("1.0"), decimal.Decimal("1.00"), 2, "2"], dtype=object))
    assert len(set(named)) == 4
    assert named[0] == named[1] == named[3] == named[4] != named[2]
    assert group_names(pd.Series(["b", "a", "b"])).tolist() == ["b", "a", "b"]


def test_columns_may_be_named_by_whole_numbers():
    given = pd.DataFrame({0: np.arange(80) // 4, 1: np.arange(80.0), 2: np.arange(80) % 2, 3: np.arange(80.0)})
    task = tuner.Task(given, 2, group=0, drop=[3])
    assert (task.target.name, task.schema.names, len(set(task.groups))) == ("2", ["1"], 20)
    assert tuner.Task(given, 2, time=np.int64(1), categories=[0]).schema.names == ["0", "1", "3"]


def test_a_series_of_texts_knows_that_the_clocks_go_back():
    times = pd.date_range("2020-10-24", periods=60, freq="1h", tz="UTC").tz_convert("Europe/Berlin")
    frame = pd.DataFrame({"time": [time.isoformat() for time in times], "load": np.arange(60.0)})
    task = tuner.series_task(frame, "load", window=5, time="time")
    assert task.rows.target.tolist() == list(range(5, 60))  # no moment is missing, none comes twice
    hours = task.rows.table.numbers[:, task.schema.names.index("time.hour+1")]
    assert hours[:30].tolist() == [hour % 24 for hour in range(5, 35)]


@pytest.mark.parametrize(
    "when", [[DAYS[0], pd.NaT, DAYS[2]], ["2020-01-01", None, "2020-01-03"]], ids=["dates", "texts"]
)
def test_a_moment_of_a_series_that_is_missing_is_named(when):
    with pytest.raises(DataError, match="time column 'when' is missing in 1 rows, the first is row 1"):
        time_stamps(pd.Series(when), "when")


def test_categories_and_texts_are_named_by_whole_numbers_too():
    given = pd.DataFrame([[1, "x", "good film"], [2, "y", "bad film"]] * 10)
    task = tuner.Task(given, np.arange(20) / 7, categories=[0], text=[np.int64(2)])
    kinds = [(one.name, one.kind) for one in task.schema.columns]
    assert kinds == [("0", "category"), ("1", "category"), ("2", "text")]
    with pytest.raises(DataError, match=r"categories must be a list of columns: categories=\[0\]"):
        tuner.Task(given, np.arange(20) / 7, categories=0)
    with pytest.raises(DataError, match=r"text must be a list of columns: text=\['2'\]"):
        tuner.Task(given, np.arange(20) / 7, text="2")
    with pytest.raises(DataError, match=r"text must be a list of columns, got 1.5"):
        tuner.Task(given, np.arange(20) / 7, text=1.5)


@given(
    st.datetimes(min_value=datetime.datetime(1700, 1, 1), max_value=datetime.datetime(2200, 1, 1)),
    st.sampled_from(["", "Z", "+01:00", "-03:30"]),
)
def test_a_text_is_the_same_moment_as_a_feature_and_as_what_orders_rows(moment, offset):
    texts = pd.Series([moment.isoformat(sep) + offset for sep in "T "])
    stamps = time_stamps(texts, "when")
    plain = stamps.dt.tz_convert("UTC").dt.tz_localize(None) if offset else stamps
    np.testing.assert_array_equal(plain.to_numpy().astype("datetime64[us]"), moments_of(texts))
    exact, zoned = zip(*_read(list(texts), "when", lambda place: place), strict=True)
    np.testing.assert_array_equal([nanos // 1000 for nanos in exact], moments_of(texts).astype(np.int64))
    assert set(zoned) == {bool(offset)}
