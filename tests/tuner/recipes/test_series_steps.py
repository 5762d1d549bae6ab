"""What may be a step of a series, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from windows import make_task, weather

import tuner
from spaces.inputs.files import DataError


def test_gaps_are_steps_that_are_missing():
    frame = weather().drop(index=[100, 101, 250])
    task = make_task(frame, test=None)
    assert len(task.rows) == 24 * 40 - 26 - 3  # all but those whose target is missing
    base = task.rows.table.arrays[0].base
    assert np.isnan(base[100]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: pd.concat([f, f.iloc[[5]]]), "holds 2026-03-01 05:00:00 twice: one row a moment"),
        (lambda f: f.iloc[::-1], "is not in order: sort the rows by it"),
        (lambda f: f.assign(time=["soon", *f["time"].astype(str)[1:]]), "holds 'soon' in row 0, which is no date"),
        (lambda f: f.assign(time=f["time"].where(f.index != 9, f["time"] + pd.Timedelta("7min"))), "is no multiple of"),
        (lambda f: f.iloc[:20], "20 steps are too few for windows of 24 and a target 3 steps later"),
        (lambda f: f.iloc[:90], "rows are too few to be cut with 26 left out"),
        (lambda f: f.rename(columns={"pressure": "presure"}), "unknown name 'pressure', did you mean 'presure'"),
        (lambda f: f.assign(pressure="high"), "channel 'pressure' must hold numbers"),
        (lambda f: f.assign(pressure=np.nan), "channel 'pressure' holds no number at all"),
        (lambda f: f.assign(pressure=np.inf), "the series holds infinite numbers"),
    ],
)
def test_a_series_that_is_none_is_refused(change, message):
    with pytest.raises((DataError, ValueError), match=message):
        make_task(change(weather()), channels=["temperature", "pressure"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 0}, "horizon must be a number of steps, at least 1, got 0"),
        ({"window": 0}, "window must be a number of steps, at least 1, got 0"),
        ({"horizon": [3, 3]}, "several different ones"),
        ({"stride": 1.5}, "stride must be a number of steps"),
        ({"split": {"kind": "kfold"}}, "a series is divided in time order: split kind must be 'time', got 'kfold'"),
    ],
)
def test_numbers_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_task(**changes)


DAYS = pd.date_range("2020-01-25", periods=60, freq="D")


@pytest.mark.parametrize(
    "stamps",
    [
        DAYS.strftime("%d/%m/%Y"),
        DAYS.strftime("%m/%d/%Y"),
        DAYS.strftime("%b %d %Y"),
        DAYS.to_period("D"),
        list(DAYS.date),
        pd.Categorical(DAYS.strftime("%d/%m/%Y")),
        DAYS.strftime("%d/%m/%Y 12:00 +0200"),
    ],
)
def test_dates_are_read_as_a_task_reads_them(stamps):
    task = tuner.series_task(pd.DataFrame({"t": stamps, "y": np.arange(60.0)}), "y", window=4, time="t")
    assert task.signature.arrays[0].details["periods"] == [7]
    assert len(task.rows.target) == 56


@pytest.mark.parametrize(("freq", "periods"), [("MS", (12,)), ("ME", (12,)), ("QS", (4,)), ("YS", ())])
def test_months_quarters_and_years_are_steps(freq, periods):
    frame = pd.DataFrame({"t": pd.date_range("1950-01-01", periods=60, freq=freq), "y": np.arange(60.0)})
    task = tuner.series_task(frame, "y", window=4, time="t")
    assert task.signature.arrays[0].details["periods"] == list(periods)
    assert [column.name for column in task.schema.columns] == ["past"]


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        ([f"{1 + i % 12:02}/{1 + i // 12:02}/2020" for i in range(60)], "two ways.*'02/01/2020' in row 1"),
        (np.arange(60) / 2, r"0\.0 in row 0, which is no date: pd\.to_datetime"),
        ([str(i) for i in range(60)], "'0' in row 0, which is no date"),
        ([None, *DAYS.strftime("%d/%m/%Y")[1:]], "missing in 1 rows, the first is row 0"),
    ],
)
def test_times_that_are_no_dates_or_two_are_refused(stamps, message):
    with pytest.raises(DataError, match=message):
        tuner.series_task(pd.DataFrame({"t": stamps, "y": np.arange(60.0)}), "y", window=4, time="t")
