"""Groups of rows that belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.files import DataError


def groups_of(frame: pd.DataFrame, name: str | None, of: str = "") -> NDArray[np.int64] | None:
    """Return the number of each row's group, `(rows,)`; None where no column says it.

    Raises:
        DataError: A group is missing, or a value names none.
    """
    if name is None or name not in frame.columns:
        return None
    check_groups(frame[name], name, of)
    codes, _ = pd.factorize(group_names(frame[name]))
    return codes.astype(np.int64)


def check_groups(values: pd.Series[Any], name: str, of: str = "") -> None:
    """Refuse missing groups, and values that name none.

    Raises:
        DataError: The message names the column and the first such row.
    """
    missing = values.isna()
    if missing.any():
        raise DataError(
            f"{of}column {name!r} says which rows belong together: it is missing in {missing.sum()} rows, the first is "
            f"row {values.index[int(np.argmax(missing))]}; name those groups, or leave the rows out"
        )
    if values.dtype == object:
        for row, value in values.items():
            if isinstance(value, list | dict | set | np.ndarray):
                raise DataError(
                    f"{of}column {name!r} says which rows belong together: {value!r} in row {row} is no name"
                )


def group_names(values: pd.Series[Any]) -> NDArray[Any]:
    """Return the group of each row as a text; values that are equal, as 1 and 1.0 are, are one group."""
    codes, uniques = pd.factorize(values)
    names = np.array([str(value) for value in uniques], dtype=object)
    if len(set(names)) < len(names):  # 1 and "1" are two
        names = np.array(
            [f"{name} ({type(value).__name__})" for name, value in zip(names, uniques, strict=True)], object
        )
    return names[codes]
