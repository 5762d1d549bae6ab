"""Columns of a frame by their names, whatever these are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from spaces.inputs.table.detection import NUMBER_TYPES
from spaces.rows.columns import TableError


def with_columns(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the frame with these columns, in place of those of their names; one may be called `self`, as of `assign`.

    >>> with_columns(pd.DataFrame({"a": [1]}), {"self": [2]}).columns.tolist()
    ['a', 'self']
    """
    found = frame.copy(deep=False)
    for name, values in columns.items():
        found[name] = values
    return found


def check_named_once(
    frame: pd.DataFrame, of: str = "", *, but: Collection[str] = (), only: Collection[str] = ()
) -> None:
    """Refuse a name that several columns have.

    Args:
        frame: The columns; 1 and "1" are one name.
        of: What the rows are, as complaints begin.
        but: Names that several may have.
        only: The names that are looked at; all when left out.

    Raises:
        TableError: There are several.
    """
    for name, count in Counter(map(str, frame.columns)).items():
        if count > 1 and name not in but and (not only or name in only):
            raise TableError(f"{of}column name {name!r} is used {count} times; rename the columns")


def without_values(frame: pd.DataFrame, missing: Sequence[str]) -> pd.DataFrame:
    """Return the frame with these values missing: texts, and the numbers that they write, as in a CSV file.

    >>> without_values(pd.DataFrame({"a": [-999, 1], "b": ["?", "x"]}), ["?", "-999"])
         a    b
    0  NaN  NaN
    1  1.0    x
    """
    if not frame.columns.is_unique:  # which is refused later
        return frame
    numbers = pd.to_numeric(pd.Series(list(missing), dtype=object), errors="coerce").dropna()
    known = {*missing, *numbers.tolist()}
    found: dict[Any, Any] = {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            absent = values.isin(numbers).to_numpy(bool)
        else:
            absent = values.map(lambda value: _among(value, known)).to_numpy(bool)
        if absent.any():
            found[name] = values.mask(absent)
    return with_columns(frame, found)


def _among(value: Any, known: set[Any]) -> bool:
    """Return whether a text or a number is known; lists cannot be looked up, and True is no 1."""
    return type(value) is not bool and isinstance(value, (str, *NUMBER_TYPES)) and value in known
