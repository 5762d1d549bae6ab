"""Categories at the border: their names, the same however a value is written."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.table.dates import DATE_TYPES
from spaces.inputs.table.detection import NUMBER_TYPES, TRUTH
from spaces.rows.columns import MISSING, UNSEEN, Column, TableError, codes_by_name

_NAMED = (str, bool, np.bool_, *NUMBER_TYPES, *DATE_TYPES)
_WRITTEN_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")  # a whole number, as pandas writes it beside an empty cell
_MIDNIGHT = " 00:00:00"


def category_names(name: str, values: pd.Series[Any]) -> tuple[str, ...]:
    """Return the names of a column's categories, sorted.

    Whole numbers lose their ".0" and dates their midnight, as a file may be written with or without, unless that would
    make two categories one.

    Raises:
        TableError: A value can be no category: a list, an infinite number.
    """
    names = {_written(value) for value in _distinct(name, values)}
    plain = {_plain(one) for one in names}
    return tuple(sorted(plain if len(plain) == len(names) else names))


def codes_of_categories(column: Column, values: pd.Series[Any]) -> NDArray[np.int32]:
    """Return the category of each value as a number; `MISSING` and `UNSEEN` where there is none.

    Raises:
        TableError: As for `category_names`.
    """
    index = codes_by_name(column.categories)
    codes = {value: code_of(index, value) for value in _distinct(column.name, values)}
    found = [MISSING if missing else codes[value] for value, missing in zip(values, values.isna(), strict=True)]
    return np.array(found, dtype=np.int32)


def code_of(codes: Mapping[str | int, int], value: Any) -> int:
    """Return the code of a value that is not missing, `UNSEEN` where it has none.

    Args:
        codes: As `codes_by_name` returns them.
        value: A text, a finite number, a boolean or a date.
    """
    name = _written(value)
    plain = _plain(name)
    known = codes.get(name, codes.get(plain, UNSEEN))
    if name in TRUTH and known == UNSEEN:  # TRUE, as Excel writes True
        return next((codes[one] for one, truth in TRUTH.items() if one in codes and truth == TRUTH[name]), UNSEEN)
    if known != UNSEEN or isinstance(value, str) or not plain.isdecimal():
        return known
    return codes.get(int(plain), UNSEEN)  # 7 for 007, as a number has no zeros before it


def _distinct(name: str, values: pd.Series[Any]) -> list[Any]:
    """Return the different values; refuse those that can be no category."""
    present = values.dropna()
    kinds = set(map(type, present))
    if any(not issubclass(kind, _NAMED) for kind in kinds):
        _refuse(name, present, [not isinstance(value, _NAMED) for value in present])
    distinct = list(dict.fromkeys(present))
    if any(_infinite(value) for value in distinct):
        _refuse(name, present, [_infinite(value) for value in present])
    return distinct


def _refuse(name: str, present: pd.Series[Any], wrong: list[bool]) -> None:
    first = present[wrong].iloc[:1]
    raise TableError(
        f"column {name!r} is one of categories: texts, finite numbers, booleans or dates were expected, got "
        f"{first.iloc[0]!r} in row {first.index[0]}; convert it to text, or leave the cell empty"
    )


def _infinite(value: Any) -> bool:
    return isinstance(value, NUMBER_TYPES) and value in (float("inf"), float("-inf"))


def _written(value: Any) -> str:
    """Return how a value is written, the same for 3 and 3.0."""
    if isinstance(value, float | np.floating | Decimal) and value == int(value):
        return str(int(value))
    if isinstance(value, datetime.datetime | np.datetime64):
        return str(pd.Timestamp(value))
    return str(value)


def _plain(name: str) -> str:
    whole = _WRITTEN_WHOLE.fullmatch(name)
    return whole[1] if whole else name.removesuffix(_MIDNIGHT)
