"""The values of a target as numbers, truth values or texts, whatever types they come in."""

from __future__ import annotations

import datetime
import decimal
import fractions
import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.files import MISSING_WORDS, DataError
from spaces.inputs.table.detection import is_code
from spaces.rows.target import Target

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_LONGEST = 18  # digits of a whole number that int64 surely holds

# What stands for a missing value where everything else is a number.
MARKERS = (MISSING_WORDS - {""}) | {"na", "none", "NaT"}
_NUMBERS: Any = (int, float, np.integer, np.floating, decimal.Decimal, fractions.Fraction)
_TRUTH = {"True": True, "False": False}
_ADVICE: tuple[tuple[tuple[type, ...], str, str], ...] = (
    (
        (datetime.date, np.datetime64),
        "dates",
        "to predict when, make them numbers, such as days since the first; of classes make texts: .astype(str)",
    ),
    ((datetime.time,), "times of day", "make them numbers, such as hours, or texts: .astype(str)"),
    (
        (datetime.timedelta, np.timedelta64),
        "durations",
        "make them numbers: .dt.total_seconds()",
    ),
    ((pd.Period,), "periods", "make them texts: .astype(str)"),
    ((pd.Interval,), "intervals", "make them texts, .astype(str), or numbers, such as their middles"),
    ((bytes, bytearray, memoryview), "bytes", "make them texts: .str.decode('utf-8')"),
    ((complex, np.complexfloating), "complex numbers", "take the real part, the size or the angle, or two targets"),
)


def labels_of(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return a target's values as numbers, truth values, or texts (dtype object); missing ones stay missing.

    Raises:
        DataError: They are something else, or of several kinds; the message names the first such value and its row.
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biuf":
        return values.astype(np.float64) if values.dtype.itemsize > 8 else values
    objects = values.astype(object)
    present = objects[objects.notna()]
    kinds = {kind: row for row, kind in reversed(list(enumerate(map(_kind, present))))}
    for kind, row in kinds.items():
        if kind not in ("number", "text", "truth value"):
            raise DataError(_unusable(name, present.iloc[row], present.index[row]))
    if set(kinds) == {"number", "text"} and all(not isinstance(value, str) or _is_number(value) for value in present):
        objects = objects.map(_read_number)
        kinds.pop("text")
    if len(kinds) > 1:
        raise DataError(_mixed(name, present))
    if "number" in kinds:
        return _numbers(objects, name)
    if "text" in kinds:
        return objects.where(objects.notna(), None).map(str, na_action="ignore").astype(object)
    return objects.astype(bool) if len(present) == len(objects) else objects


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "truth value"
    if isinstance(value, _NUMBERS) and not isinstance(value, np.timedelta64):  # NumPy takes durations for integers
        return "number"
    return type(value).__name__


def _unusable(name: str, value: Any, row: Any) -> str:
    for types, what, advice in _ADVICE:
        if isinstance(value, types):
            return f"target {name!r} holds {what}, {value!r} in row {row}: {advice}"
    return (
        f"target {name!r} holds {value!r} in row {row}, of type {type(value).__name__}: numbers, texts, truth values "
        "and lists of labels can be predicted"
    )


def _mixed(name: str, present: pd.Series[Any]) -> str:
    kinds = np.array([_kind(value) for value in present])
    counts = Counter(kinds.tolist()).most_common()
    rare = counts[-1][0]
    value, row = first_of(present, kinds == rare)
    named = " and ".join(f"{kind}s" for kind, _ in counts)
    return (
        f"target {name!r} mixes {named} as labels: {value!r} in row {row} is a {rare}; mend it, leave the row out, or "
        "make all of them one type, .astype(str)"
    )


def _numbers(objects: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Return objects that are numbers as int64, where all are whole and none is missing, or as float64."""
    whole = all(map(_is_whole, objects))
    if whole and max(abs(int(value)) for value in objects) < 2**63:
        return objects.map(int).astype(np.int64)
    floats = objects.map(float, na_action="ignore").astype(np.float64)
    if whole and floats.nunique() < objects.nunique():
        raise DataError(f"target {name!r} holds whole numbers that are too long to be told apart: make them texts")
    return floats


def _is_whole(value: Any) -> bool:
    """Return whether an exact number is whole; 3.0 is none, as it would not come back as it was."""
    if isinstance(value, decimal.Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int | np.integer) or (isinstance(value, fractions.Fraction) and value.denominator == 1)


def refuse_infinite(labels: pd.Series[Any], what: str) -> None:
    """Refuse infinite numbers, naming the first."""
    if not pd.api.types.is_float_dtype(labels.dtype):
        return
    infinite = np.isinf(labels.to_numpy(np.float64))
    if infinite.any():
        value, row = first_of(labels, infinite)
        raise DataError(f"{what} must hold finite numbers, got {value!r} in row {row}")


def is_text(labels: pd.Series[Any]) -> bool:
    """Return whether what `labels_of` returned are texts."""
    return labels.dtype == object and any(isinstance(value, str) for value in labels)


def are_numbers(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return of each text whether it is written as a finite number."""
    known = {text: _is_number(text) for text in texts.unique()}
    return texts.map(known).to_numpy(dtype=bool)


def are_codes(texts: pd.Series[Any]) -> bool:
    """Return whether a text has a zero before another digit, as 007 has, which no number has, or too many digits."""
    known = texts.drop_duplicates()
    return is_code(known) or any(_WHOLE.fullmatch(text) and len(text.strip()) > _LONGEST for text in known)


def numbers_of_texts(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts that are written as numbers as int64, where all are whole and none is missing, or as float64."""
    known = texts.dropna()
    whole = len(known) == len(texts) and all(_WHOLE.fullmatch(text) for text in known.unique())
    if whole:
        return texts.map(int).astype(np.int64)
    return texts.map(float, na_action="ignore").astype(np.float64)


def written_labels(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Return a text file's labels: numbers if all are and none has a zero before another digit; else texts.

    Texts stay as they were written, `None` and `NA` among them; beside numbers these say that one is missing.
    `True` and `False`, as pandas writes them, are truth values.
    """
    values = texts.where(~texts.isin(MARKERS), None)
    known = values.dropna()
    if len(known) and are_numbers(known).all() and not are_codes(known):
        return numbers_of_texts(values)
    if len(known) == len(texts) and set(known.unique()) <= set(_TRUTH):
        return texts.map(_TRUTH).astype(bool)
    return texts


def labels_as_trained(labels: pd.Series[Any], target: Target, of: str) -> pd.Series[Any]:
    """Return labels of test rows as those of training rows came: texts as the numbers or truth values they are.

    Raises:
        DataError: Numbers are needed, and a text is none.
    """
    if not is_text(labels) or any(isinstance(one, str) for one in target.classes):
        return labels
    if target.classes and all(isinstance(one, bool) for one in target.classes):
        return labels.map(lambda text: _TRUTH.get(text, text))
    values = labels.where(~labels.isin(MARKERS), None)
    strays = values.dropna()[~are_numbers(values.dropna())]
    if len(strays):
        raise DataError(
            f"{of}: target {target.name!r} must hold numbers, got {strays.iloc[0]!r} in row {strays.index[0]}"
        )
    return numbers_of_texts(values)


def first_of(labels: pd.Series[Any], wanted: NDArray[np.bool_]) -> tuple[Any, Any]:
    """Return the first wanted value, and its row."""
    place = int(np.flatnonzero(wanted)[0])
    value = labels.iloc[place]
    return getattr(value, "item", lambda: value)(), labels.index[place]


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _read_number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return int(value) if _WHOLE.fullmatch(value) else float(value)
