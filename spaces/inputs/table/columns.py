"""Columns of a table at the border: numbers, dates, booleans and categories, told from a frame's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.text.columns import texts_of
from spaces.rows.columns import MISSING, UNSEEN, Column, ColumnKind, TableError

# A text column of which this share reads as numbers is taken for a number column with stray texts.
_MIXED_SHARE = 0.5


def column_of_values(name: str, values: pd.Series[Any], forced: ColumnKind | None) -> Column:
    """Tell what kind of column some values are, unless it is said."""
    if forced == "text":
        if not any(text.strip() for text in texts_of(name, values)):
            raise TableError(f"text column {name!r} holds no text at all: leave it out")
        return Column(name, "text")
    if forced == "category":
        return Column(name, "category", _category_names(values))
    if forced == "sequence":
        return Column(name, "sequence")
    if pd.api.types.is_bool_dtype(values.dtype):
        return Column(name, "boolean")
    if pd.api.types.is_numeric_dtype(values.dtype):
        return Column(name, "number")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return Column(name, "date")
    present = values.dropna()
    if present.empty:
        return Column(name, "number")
    if isinstance(values.dtype, pd.CategoricalDtype):
        return Column(name, "category", _category_names(values))
    types = {"text" if isinstance(value, str) else type(value).__name__ for value in present}
    if types <= {"bool", "bool_"}:
        return Column(name, "boolean")
    if len(types) > 1:
        raise TableError(_mixed(name, present, sorted(types)))
    if types != {"text"}:
        raise TableError(f"column {name!r} holds {types.pop()} values; numbers, text, booleans and dates can be used")
    _refuse_mostly_numbers(name, present)
    if _looks_like_dates(present):
        return Column(name, "date")
    return Column(name, "category", _category_names(values))


def _mixed(name: str, present: pd.Series[Any], types: Sequence[str]) -> str:
    odd = present[[isinstance(value, str) for value in present]].iloc[:1]
    shown = f" (text {odd.iloc[0]!r} in row {odd.index[0]})" if len(odd) else ""
    return (
        f"column {name!r} mixes {' and '.join(types)} values{shown}; make it one type, "
        f"or name it in categories=[{name!r}]"
    )


def _refuse_mostly_numbers(name: str, present: pd.Series[Any]) -> None:
    as_numbers = pd.to_numeric(present, errors="coerce")
    texts = present[as_numbers.isna()]
    if _MIXED_SHARE <= as_numbers.notna().mean() < 1:
        raise TableError(
            f"column {name!r} mixes numbers and text: {len(present) - len(texts)} numbers and {len(texts)} texts, "
            f"first {texts.iloc[0]!r} in row {texts.index[0]}; mend the texts, name them as missing "
            f"(missing=[{texts.iloc[0]!r}]), or name the column in categories=[{name!r}]"
        )


def _looks_like_dates(present: pd.Series[Any]) -> bool:
    texts = present.astype(str)
    if not texts.iloc[:100].str.match(r"\d{4}-\d{2}-\d{2}").all():
        return False
    return bool(pd.to_datetime(texts, format="ISO8601", errors="coerce").notna().all())


def _category_names(values: pd.Series[Any]) -> tuple[str, ...]:
    return tuple(sorted({_category(value) for value in values.dropna().unique()}))


def _category(value: Any) -> str:
    """Name a category the same whether it came as 3, 3.0 or "3"."""
    return str(int(value)) if isinstance(value, float | np.floating) and value == int(value) else str(value)


def codes_of_categories(column: Column, values: pd.Series[Any]) -> NDArray[np.int32]:
    """Return the category of each value as a number; `MISSING` and `UNSEEN` where there is none."""
    index = {name: code for code, name in enumerate(column.categories)}
    uniques = {value: index.get(_category(value), UNSEEN) for value in values.dropna().unique()}
    return np.asarray(values.map(uniques).astype("float64").fillna(MISSING), dtype=np.int32)


def sequence_numbers(name: str, values: pd.Series[Any]) -> NDArray[np.int32]:
    """Number sequences in the order in which they begin; rows of one must stand together."""
    codes, names = pd.factorize(values)
    if (codes < 0).any():
        raise TableError(f"column {name!r} says which sequence a row is of: it cannot be missing")
    if np.count_nonzero(np.diff(codes)) >= max(len(names), 1):
        torn = str(names[codes[1:][np.diff(codes) < 0][0]])
        raise TableError(f"rows of the sequence {torn!r} do not stand together: sort the rows by {name!r}, in order")
    return codes.astype(np.int32)


def numbers_of(column: Column, values: pd.Series[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield the numeric columns of a number, a boolean or a date."""
    if column.kind == "date":
        yield from _date_parts(column.name, values)
        return
    if values.dtype == object or pd.api.types.is_string_dtype(values.dtype):
        values = _parse_numbers(column, values)
    if not (pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)):
        raise TableError(f"column {column.name!r} must hold numbers, got {values.dtype}")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if infinite := np.flatnonzero(np.isinf(numbers)).tolist():
        raise TableError(
            f"column {column.name!r} holds {len(infinite)} infinite values, the first in row "
            f"{values.index[infinite[0]]}; replace them with a number, or leave the cell empty"
        )
    yield numbers


def _parse_numbers(column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    """Read an all-missing column, or objects that are numbers; refuse text."""
    parsed = pd.to_numeric(values, errors="coerce")
    wrong = values[parsed.isna() & values.notna()]
    if len(wrong):
        raise TableError(f"column {column.name!r} must hold numbers, got {wrong.iloc[0]!r} in row {wrong.index[0]}")
    return parsed


def _date_parts(name: str, values: pd.Series[Any]) -> Iterator[NDArray[np.float64]]:
    dates = pd.to_datetime(values, errors="coerce", format=None if values.dtype.kind == "M" else "ISO8601")
    wrong = values[dates.isna() & values.notna()]
    if len(wrong):
        raise TableError(
            f"column {name!r} must hold dates as 2026-11-22, got {wrong.iloc[0]!r} in row {wrong.index[0]}"
        )
    if dates.dt.tz is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    yield np.asarray((dates - pd.Timestamp(0)) / pd.Timedelta(days=1), dtype=np.float64)
    for part in ("month", "day_of_week", "hour"):
        yield getattr(dates.dt, part).to_numpy(dtype=np.float64, na_value=np.nan)
