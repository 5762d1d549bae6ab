"""What kind of column some values are: told from the values, whatever type they are kept in."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from spaces.inputs.table.dates import DATE_TYPES, are_dates
from spaces.rows.columns import ColumnKind, TableError

NUMBER_TYPES = (numbers.Real, Decimal)
TRUTH = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}
_CODE = r"\s*[+-]?0\d+(\.\d*)?\s*"  # 007 is the name of something

# A text column of which this share reads as numbers, or as dates, is taken for such a column with stray texts.
_MIXED_SHARE = 0.5
_WAYS_OUT = {
    **dict.fromkeys(
        ("list", "tuple", "ndarray"),
        "if it holds tokens, name it in text=[{name!r}], else give each part a column of its own",
    ),
    "bytes": "decode the column to text",
    "complex": "give the real and the imaginary part a column each",
    **dict.fromkeys(("Timedelta", "timedelta"), "convert the column to seconds"),
}


def kind_of(name: str, values: pd.Series[Any]) -> ColumnKind:
    """Return the kind of a column; one of missing values only is taken for numbers.

    Texts that are all numbers are numbers, as in a CSV file, unless one has a zero before another digit.

    Raises:
        TableError: Values are of several kinds, or of none that can be used.
    """
    dtype = values.dtype
    if pd.api.types.is_complex_dtype(dtype):
        raise_complex(name, values)
    if pd.api.types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "boolean"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return "date"
    present = values.dropna()
    if present.empty:
        return "number"
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    return _kind_of_objects(name, present)


def raise_complex(name: str, values: pd.Series[Any]) -> None:
    """Refuse complex numbers, by the first that is no real one."""
    imaginary = np.flatnonzero(np.imag(values.to_numpy()))
    row = int(imaginary[0]) if len(imaginary) else 0
    raise TableError(_unusable(name, values.iloc[row : row + 1], "complex"))


def is_code(texts: pd.Series[Any]) -> bool:
    """Return whether some text is digits with a zero before another one, as 007 is."""
    return bool(texts.astype(str).str.fullmatch(_CODE).any())


def _kind_of_objects(name: str, present: pd.Series[Any]) -> ColumnKind:
    kinds = {kind: _sort_of(kind) for kind in set(map(type, present))}
    found = set(kinds.values())
    if odd := sorted(found - {"text", "number", "boolean", "date"}):
        raise TableError(_unusable(name, present[[kinds[type(value)] == odd[0] for value in present]], odd[0]))
    if "text" in found:
        texts = present[[isinstance(value, str) for value in present]]
        its = _kind_of_texts(name, texts)
        found = (found - {"text"}) | {its}
        if len(found) > 1:
            types = sorted({"text" if issubclass(kind, str) else kind.__name__ for kind in kinds})
            raise TableError(_mixed(name, texts, types))
    if len(found) > 1:
        raise TableError(_mixed(name, present.iloc[:0], sorted(kind.__name__ for kind in kinds)))
    return found.pop()  # type: ignore[return-value]


def _sort_of(kind: type) -> str:
    """Return the kind of column that values of a type are, or the type's name."""
    sorts: Sequence[tuple[Any, str]] = (
        (str, "text"),
        ((bool, np.bool_), "boolean"),
        (NUMBER_TYPES, "number"),
        (DATE_TYPES, "date"),
    )
    return next((sort for types, sort in sorts if issubclass(kind, types)), kind.__name__)


def _kind_of_texts(name: str, texts: pd.Series[Any]) -> ColumnKind:
    if is_code(texts):
        return "category"
    if set(texts.unique()) <= set(TRUTH):
        return "boolean"
    are_numbers = pd.to_numeric(texts, errors="coerce").notna().to_numpy()
    for kind, are in (("number", are_numbers), ("date", are_dates(texts))):
        if are.all():
            return kind  # type: ignore[return-value]
        if are.mean() >= _MIXED_SHARE:
            stray = texts[~are]
            raise TableError(
                f"column {name!r} mixes {kind}s and text: {are.sum()} {kind}s and {len(stray)} texts, first "
                f"{stray.iloc[0]!r} in row {stray.index[0]}; mend the texts, name them as missing "
                f"(missing=[{stray.iloc[0]!r}]), or name the column in categories=[{name!r}]"
            )
    return "category"


def _mixed(name: str, texts: pd.Series[Any], types: Sequence[str]) -> str:
    shown = f" (text {texts.iloc[0]!r} in row {texts.index[0]})" if len(texts) else ""
    return (
        f"column {name!r} mixes {' and '.join(types)} values{shown}; make it one type, "
        f"or name it in categories=[{name!r}]"
    )


def _unusable(name: str, values: pd.Series[Any], kind: str) -> str:
    way = _WAYS_OUT.get(kind, "convert the column, or leave it out: drop=[{name!r}]").format(name=name)
    return (
        f"column {name!r} holds {kind} values, the first in row {values.index[0]}: {values.iloc[0]!r}; numbers, text, "
        f"booleans and dates can be used: {way}"
    )
