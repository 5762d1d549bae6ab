"""Columns of a frame by their names, whatever these are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

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
