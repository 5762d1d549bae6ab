"""Names of columns, as a user may write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from spaces.inputs.files import DataError


def is_name(given: Any) -> bool:
    """Return whether a value can name a column: a text, or a whole number, as columns without names have."""
    return isinstance(given, str | int | np.integer) and not isinstance(given, bool)


def column_name(given: Any, argument: str) -> str | None:
    """Return the name of a column, or None where there is none.

    Raises:
        DataError: It is no name, but the values of a column, say.
    """
    if given is None or isinstance(given, str):
        return given
    if is_name(given):
        return str(given)
    kind = type(given).__name__
    raise DataError(
        f"{argument} must be the name of a column, got {kind}: add the values to the data as a column, "
        f"data.assign({argument}=...), and pass {argument}={argument!r}"
    )


def column_names(given: Any, argument: str) -> list[str]:
    """Return the names of columns.

    Raises:
        DataError: They are no list of names.
    """
    if is_name(given):
        raise DataError(f"{argument} must be a list of columns: {argument}=[{given!r}]")
    if not isinstance(given, Iterable):
        raise DataError(f"{argument} must be a list of columns, got {given!r}")
    names = list(given)
    for name in names:
        if not is_name(name):
            raise DataError(f"{argument} must be a list of columns, got {name!r} in it")
    return [str(name) for name in names]
