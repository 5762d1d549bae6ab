"""A column that orders rows in time: dates and numbers, whatever types they come in, texts among them.

Texts are read only where they can mean one thing. Year first, the name of a month, and numbers do; `01/02/2020` is a
day of January in one country and of February in another, so all rows together must leave one reading.

A date that is a feature of its row is read in `spaces/inputs/table/dates.py`, year first only, and as it is here.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.files import DataError
from tuner.task.labels import are_numbers

_EXAMPLES = "2020-01-31, 31/01/2020, Jan 31 2020, numbers"
_MONTHS = {
    name: i + 1
    for i, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
}

_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)

_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_CLOCK = (
    r"(?:(?:\s*,?\s+|[tT_])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?"
    r"\s*(?P<half>[aApP]\.?[mM]\.?)?\s*(?P<zone>[zZ]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)

_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})(?P<sign>[-/.])(?P<month>\d{{1,2}})(?:(?P=sign)(?P<day>\d{{1,2}}))?{_CLOCK}", re.IGNORECASE
)

_COMPACT = re.compile(rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_CLOCK}", re.IGNORECASE)
_NAMED = [
    re.compile(f"{_WEEKDAY}{shape}{_CLOCK}", re.IGNORECASE)
    for shape in (
        rf"{_MONTH}[\s-]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+|,|-)(?P<year>\d{{4}})",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+|-|\.\s*)(?:of\s+)?{_MONTH}(?:,?\s+|-)(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[\s-]{_MONTH}[\s-](?P<day>\d{{1,2}})",
        rf"{_MONTH}[\s-](?P<year>\d{{4}})",
    )
]

_QUARTER = re.compile(r"(?:(?P<year>\d{4})[\s-]?Q(?P<quarter>[1-4])|Q(?P<quarter2>[1-4])[\s-]?(?P<year2>\d{4}))", re.I)
_SLASHED = re.compile(rf"(?P<a>\d{{1,2}})(?P<sign>[-/.])(?P<b>\d{{1,2}})(?P=sign)(?P<c>\d{{4}}|\d{{2}}){_CLOCK}", re.I)
_MIXED_SHARE = 0.5  # of texts that are numbers, above which the others are strays
_ORDERS = {"day first": "dmy", "month first": "mdy", "year first": "ymd"}
_NANO = 10**9

# What a text says: nanoseconds since 1970 and whether it names its offset from Greenwich.
_Moment = tuple[int, bool]


def time_order(values: pd.Series[Any], name: str) -> NDArray[np.int64]:
    """Return the rows in the order of a column of times, equal ones as they stand.

    Args:
        values: Dates with or without time zones, periods, durations, numbers, or texts of dates or numbers.
        name: The column's name.

    Raises:
        DataError: A time is missing, cannot be read, or can be read in two ways; the message quotes it.
    """
    _check_there(values, name)
    keys = _keys(values, name)
    return np.argsort(keys, kind="stable").astype(np.int64)


def check_times(values: pd.Series[Any], name: str) -> None:
    """Refuse a single time in all rows, which orders nothing.

    Raises:
        DataError: It is one.
    """
    if len(values) > 1 and len(values.drop_duplicates()) == 1 and values.notna().all():
        raise DataError(
            f"time column {name!r} holds {values.iloc[0]!r} in every row, which orders nothing: leave it out"
        )


def time_stamps(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return a column of dates as time stamps; of texts that name their offset from Greenwich those there.

    Args:
        values: Dates, periods, texts of dates, or whole numbers such as 2020 and 20200131.
        name: The column's name.

    Raises:
        DataError: A time is missing, is no date, or can be read in two ways; the message quotes it.
    """
    _check_there(values, name)
    if values.dtype.kind == "M":
        return pd.to_datetime(values)
    if values.dtype.kind != "f":
        written = values.astype(str) if values.dtype.kind in "iu" else values  # years, or 20200131
        try:
            stamps = pd.to_datetime(written, errors="coerce", format="ISO8601")
        except ValueError:  # several offsets: a clock that changes repeats an hour
            stamps = pd.to_datetime(written, errors="coerce", format="ISO8601", utc=True)
        if not stamps.isna().any():
            return stamps
    objects = list(values.astype(object))
    kind = _one_kind(objects, name, lambda place: values.index[place])
    if kind in ("number", "duration") or _texts_of_numbers(objects):
        raise DataError(
            f"time column {name!r} holds {objects[0]!r} in row {values.index[0]}, which is no date: "
            "pd.to_datetime(column, unit='s') makes dates of seconds since 1970; leave time out if rows are in order"
        )
    moments = _moments(objects, name, lambda place: values.index[place])
    micros = np.array([nanos // 1000 for nanos, _ in moments], dtype="datetime64[us]")
    return pd.Series(pd.to_datetime(micros, utc=moments[0][1]), index=values.index)


def written_dates(texts: Sequence[str]) -> str:
    """Say how pandas reads texts that are dates in another form than `2020-01-31`: its arguments; "" if one is none.

    >>> written_dates(["31/01/2020", "01/02/2020"])
    "format='mixed', dayfirst=True"
    """
    plain = [text.strip() for text in texts]
    slashed = [text for text in plain if _SLASHED.fullmatch(text)]
    if not all(_SLASHED.fullmatch(text) or _read_one(text) for text in plain):
        return ""
    fits = {order: all(_in_order(text, letters) for text in slashed) for order, letters in _ORDERS.items()}
    if not any(fits.values()):
        return ""
    day = fits["day first"] and bool(slashed)
    first = ", dayfirst=..." if day and fits["month first"] else ", dayfirst=True" if day else ""
    return f"format='mixed'{first}"


def _check_there(values: pd.Series[Any], name: str) -> None:
    missing = values.isna()
    if missing.any():
        raise DataError(
            f"time column {name!r} is missing in {missing.sum()} rows, the first is row "
            f"{values.index[int(np.argmax(missing))]}: fill these in, or leave the rows out"
        )


def _keys(values: pd.Series[Any], name: str) -> NDArray[Any]:
    """Return numbers, one a row, that are ordered as the times are."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.ordered:
            return values.cat.codes.to_numpy()
        return _keys(values.astype(object), name)
    if isinstance(dtype, pd.PeriodDtype):
        return values.dt.to_timestamp().to_numpy()
    if isinstance(dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if isinstance(dtype, np.dtype) and dtype.kind in "iufmM":
        numbers = values.to_numpy()
        if dtype.kind == "f" and np.isinf(numbers).any():
            raise DataError(f"time column {name!r} holds an infinite number in row {_row(values, np.isinf(numbers))}")
        return numbers
    return _ranks(values.astype(object), name)


def _ranks(values: pd.Series[Any], name: str) -> NDArray[np.int64]:
    """Return the rank of each row's time among the distinct ones, of objects."""
    try:
        codes, uniques = _distinct(values)
    except TypeError:  # lists and the like
        raise _unreadable(name, values.iloc[0], values.index[0]) from None
    first = {code: row for row, code in reversed(list(zip(values.index, codes.tolist(), strict=True)))}
    moments = _moments(uniques, name, lambda place: first[place])
    rank = {moment: i for i, moment in enumerate(sorted(set(moments)))}
    return np.array([rank[moment] for moment in moments], dtype=np.int64)[codes]


def _distinct(values: pd.Series[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """Return distinct objects, and which of them each row holds; dates all, as Python takes two 02:30 for equal."""
    if any(isinstance(value, datetime.date) for value in values):
        return np.arange(len(values)), list(values)
    codes, uniques = pd.factorize(values)
    return codes.astype(np.int64), list(uniques)


def _moments(values: Sequence[Any], name: str, row: Callable[[int], Any]) -> list[Any]:
    """Return what can be compared: exact numbers, durations, or moments."""
    match _one_kind(values, name, row):
        case "number":
            return _exact(values, name, row)
        case "duration":
            return [pd.Timedelta(value) for value in values]
        case "text":
            numbers = are_numbers(pd.Series(values, dtype=object))
            if numbers.all():
                return [fractions.Fraction(text.strip()) for text in values]
            if numbers.mean() > _MIXED_SHARE:
                stray = int(numbers.argmin())
                raise _unreadable(name, values[stray], row(stray))
            moments = _read(values, name, row)
        case "period":
            moments = [_of_date(value.to_timestamp()) for value in values]
        case _:
            moments = [_of_date(value) for value in values]
    for place, (_, zoned) in enumerate(moments):
        if zoned != moments[0][1]:
            raise DataError(
                f"time column {name!r} holds times with and without an offset from Greenwich: {values[0]!r} in row "
                f"{row(0)}, {values[place]!r} in row {row(place)}; give all of them one, or none"
            )
    return moments


def _texts_of_numbers(values: Sequence[Any]) -> bool:
    return isinstance(values[0], str) and bool(are_numbers(pd.Series(values, dtype=object)).all())


def _one_kind(values: Sequence[Any], name: str, row: Callable[[int], Any]) -> str:
    """Return the kind that all values are of.

    Raises:
        DataError: One is no time, or they are of several kinds.
    """
    kinds = [_kind(value) for value in values]
    for place, kind in enumerate(kinds):
        if kind is None:
            raise _unreadable(name, values[place], row(place))
        if kind != kinds[0]:
            raise DataError(
                f"time column {name!r} mixes {kinds[0]}s and {kind}s: {values[0]!r} in row {row(0)}, {values[place]!r} "
                f"in row {row(place)}; make them one type"
            )
    return str(kinds[0])


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, pd.Period):
        return "period"
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return "duration"
    if isinstance(value, datetime.date | np.datetime64):
        return "date"
    numbers: Any = (int, float, np.integer, np.floating, decimal.Decimal, fractions.Fraction)
    return "number" if isinstance(value, numbers) and not isinstance(value, bool) else None


def _exact(values: Sequence[Any], name: str, row: Callable[[int], Any]) -> list[fractions.Fraction]:
    exact = []
    for place, value in enumerate(values):
        try:
            exact.append(fractions.Fraction(value.item() if isinstance(value, np.generic) else value))
        except (ValueError, OverflowError):
            raise _unreadable(name, value, row(place)) from None
    return exact


def _of_date(value: Any) -> _Moment:
    """Return a date or time stamp as nanoseconds; plain integers, as 9999-12-31 is beyond pandas' nanoseconds."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if not isinstance(value, datetime.datetime):
        return (value - datetime.date(1970, 1, 1)).days * 86400 * _NANO, False
    offset = value.utcoffset()
    plain = datetime.datetime(*value.timetuple()[:6], value.microsecond)
    since = plain - datetime.datetime(1970, 1, 1) - (offset or datetime.timedelta())
    nanos = (since.days * 86400 + since.seconds) * _NANO + since.microseconds * 1000
    return nanos + getattr(value, "nanosecond", 0), offset is not None


def _read(texts: Sequence[str], name: str, row: Callable[[int], Any]) -> list[_Moment]:
    """Read texts of dates. Where day and month could be swapped, take the one order that fits all of them."""
    read: list[_Moment | None] = []
    slashed: list[int] = []
    for place, text in enumerate(texts):
        moment = _read_one(text.strip())
        read.append(moment)
        if moment is None and _SLASHED.fullmatch(text.strip()):
            slashed.append(place)
        elif moment is None:
            raise _unreadable(name, text, row(place))
    for place, moment in _read_slashed(texts, slashed, name, row=row):
        read[place] = moment
    return [moment for moment in read if moment is not None]


def _read_slashed(
    texts: Sequence[str], places: Sequence[int], name: str, *, row: Callable[[int], Any]
) -> Iterable[tuple[int, _Moment]]:
    found: dict[str, list[_Moment | None]] = {
        order: [_in_order(texts[place].strip(), order) for place in places] for order in _ORDERS.values()
    }
    fitting = [order for order, moments in found.items() if None not in moments]
    if not places or len({tuple(found[order]) for order in fitting}) == 1:  # every reading says the same
        return zip(places, found[fitting[0]], strict=True) if places else ()  # type: ignore[arg-type]
    if not fitting:
        best = max(found.values(), key=lambda moments: len(moments) - moments.count(None))
        place = places[best.index(None)]
        raise DataError(
            f"time column {name!r} cannot be read: {texts[place]!r} in row {row(place)} fits no order of day, month "
            "and year that the other rows fit; write dates as 2020-01-31"
        )
    place = next(place for i, place in enumerate(places) if len({found[order][i] for order in fitting}) > 1)
    ways = " and ".join(way for way, order in _ORDERS.items() if order in fitting)
    raise DataError(
        f"time column {name!r} can be read in two ways, {ways}: the first such value is {texts[place]!r} in row "
        f"{row(place)}; write dates as 2020-01-31, or read them first: pd.to_datetime(column, dayfirst=True)"
    )


def _in_order(text: str, order: str) -> _Moment | None:
    found = _SLASHED.fullmatch(text)
    assert found is not None
    parts = dict(zip(order, (found["a"], found["b"], found["c"]), strict=True))
    if any(len(parts[one]) > 2 for one in "dm"):
        return None
    year = int(parts["y"])
    if len(parts["y"]) == 1:
        return None
    if len(parts["y"]) == 2:
        year += 2000 if year < 69 else 1900  # as POSIX has it
    return _moment(year, int(parts["m"]), int(parts["d"]), found=found)


def _read_one(text: str) -> _Moment | None:
    """Return what a text means that means one thing only."""
    if found := _QUARTER.fullmatch(text):
        quarter = int(found["quarter"] or found["quarter2"])
        return _moment(int(found["year"] or found["year2"]), 3 * quarter - 2, 1, found=None)
    for pattern in (_YEAR_FIRST, _COMPACT, *_NAMED):
        if found := pattern.fullmatch(text):
            parts = found.groupdict()
            month = _MONTHS[parts["name"][:3].lower()] if parts.get("name") else int(parts["month"])
            return _moment(int(parts["year"]), month, int(parts.get("day") or 1), found=found)
    return None


def _moment(year: int, month: int, day: int, *, found: re.Match[str] | None) -> _Moment | None:
    """Return a date with the clock that a pattern found; None where there is no such date or time of day."""
    clock = {} if found is None else found.groupdict()
    hour, half = int(clock.get("hour") or 0), (clock.get("half") or "").replace(".", "").lower()
    if half and not 1 <= hour <= 12:
        return None
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    try:
        stamp = datetime.datetime(year, month, day, hour, int(clock.get("minute") or 0), int(clock.get("second") or 0))
    except ValueError:
        return None
    nanos = int((clock.get("fraction") or "").ljust(9, "0")[:9])
    zone = clock.get("zone")
    moment, _ = _of_date(stamp)
    return moment + nanos - _offset(zone) * _NANO, zone is not None


def _offset(zone: str | None) -> int:
    """Return an offset from Greenwich in seconds."""
    if zone is None or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def _row(values: pd.Series[Any], wanted: NDArray[np.bool_]) -> Any:
    return values.index[int(np.argmax(wanted))]


def _unreadable(name: str, value: Any, row: Any) -> DataError:
    return DataError(
        f"time column {name!r} holds {value!r} in row {row}, which is no date or number; what can be read: {_EXAMPLES}"
    )
