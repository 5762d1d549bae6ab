"""Dates at the border: moments of any year and offset, and the numbers that a model sees of them.

A column that orders the rows is no feature: `tuner/task/times.py` reads it, in more forms than these.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.rows.columns import TableError

DATE_TYPES = (datetime.date, np.datetime64, pd.Period)
_ISO = r"\s*\d{4}-\d{2}-\d{2}"

_DAY, _HOUR = 86_400_000_000, 3_600_000_000  # microseconds

_THURSDAY = 3  # the first of January 1970


def date_parts(name: str, values: pd.Series[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield days since 1970, month, weekday (Monday is 0) and hour, all in UTC; NaN where a date is missing.

    Raises:
        TableError: A value is no date.
    """
    moments = moments_of(values)
    missing = np.isnat(moments)
    if len(wrong := np.flatnonzero(missing & values.notna().to_numpy())):
        raise TableError(
            f"column {name!r} must hold dates as 2026-11-22, got {values.iloc[wrong[0]]!r} in row "
            f"{values.index[wrong[0]]}; write it so, or leave the cell empty"
        )
    ticks = moments.astype(np.int64)
    days = ticks // _DAY
    parts = (ticks / _DAY, moments.astype("datetime64[M]").astype(np.int64) % 12 + 1, (days + _THURSDAY) % 7)
    for part in (*parts, ticks % _DAY // _HOUR):
        yield np.where(missing, np.nan, part)


def moments_of(values: pd.Series[Any]) -> NDArray[np.datetime64]:
    """Return moments in UTC, to the microsecond: NaT where a value is missing or no date.

    Nanoseconds would end in the year 2262. A date without an offset is taken to be in UTC.

    Args:
        values: Texts as 2026-11-22T18:30:00+01:00, objects of dates and times, periods (their beginning), time stamps.
    """
    if isinstance(values.dtype, pd.PeriodDtype):
        return _microseconds(values.dt.asfreq("s", how="start").astype("int64").to_numpy().view("datetime64[s]"))
    if values.dtype.kind == "M" and not isinstance(values.dtype, pd.ArrowDtype):
        plain = values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)
        return _microseconds(plain.to_numpy())
    objects = values.to_numpy(dtype=object)
    found = np.full(len(objects), "NaT", dtype="datetime64[us]")
    texts = np.array([isinstance(value, str) for value in objects], dtype=bool)
    found[texts] = _parsed(pd.Series(objects[texts], dtype=str))
    for i in np.flatnonzero(~texts):
        found[i] = _moment(objects[i])
    return found


def are_dates(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return which texts are dates."""
    if not texts.iloc[:100].astype(str).str.match(_ISO).any():
        return np.zeros(len(texts), dtype=bool)
    return ~np.isnat(moments_of(texts))


def _parsed(texts: pd.Series[Any]) -> NDArray[np.datetime64]:
    # Digits alone would be years or days; a seventh digit of a second would make pandas count nanoseconds.
    written = texts.where(texts.str.match(_ISO)).str.strip().str.replace(r"(\.\d{6})\d+", r"\1", regex=True)
    moments = pd.to_datetime(written, format="ISO8601", utc=True, errors="coerce")
    return _microseconds(moments.dt.tz_localize(None).to_numpy())


def _moment(value: Any) -> np.datetime64:
    if value is pd.NaT or not isinstance(value, DATE_TYPES):
        return np.datetime64("NaT", "us")
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]")
    if isinstance(value, pd.Period):
        return np.datetime64(value.asfreq("s", how="start").ordinal, "s").astype("datetime64[us]")
    if not isinstance(value, datetime.datetime):
        return np.datetime64(value, "us")
    offset = value.utcoffset() or datetime.timedelta(0)
    plain = value.replace(tzinfo=None)
    moment = plain.to_datetime64() if isinstance(plain, pd.Timestamp) else np.datetime64(plain, "us")
    return moment.astype("datetime64[us]") - np.timedelta64(offset)  # of the year 9999 too, which datetime cannot leave


def _microseconds(moments: NDArray[Any]) -> NDArray[np.datetime64]:
    return moments.astype("datetime64[us]")
