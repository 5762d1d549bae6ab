"""Series at the border: what is known of an array `(rows, steps, channels)`, checked once, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.checked import checked_shape, finite, numeric
from spaces.rows.arrays import Array, Stretches
from spaces.rows.columns import Column, TableError

_LOOKED_AT = 1000  # rows of a series, to tell how far it is from zero
_MOST_LOST = 1e-4  # of a channel's deviation


@dataclass(frozen=True)
class Series:
    """What a user says of a series: options of the kind.

    Attributes:
        channels: Names of its channels.
        periods: After how many steps it may repeat itself, as after a day and a week.
        clock: The column of its time stamps.
        every: Where rows are stretches of one series: every so many of its steps is read.
    """

    kind: ClassVar[str] = "series"
    channels: tuple[str, ...] = ()
    periods: tuple[int, ...] = ()
    clock: str = ""
    every: int = 1


def accepts(array: Array) -> bool:
    """Return whether an array may be series: it has three axes, and is no grey images of eight bits."""
    return array.ndim == 3 and array.dtype != np.uint8


def describe(name: str, array: Array, said: Series) -> Column:
    """Return the column of some series.

    Raises:
        TableError: They hold no numbers, or have other than three axes.
    """
    numeric(name, array)
    if array.ndim != 3:
        raise TableError(f"{name!r} must be series (rows, steps, channels), got shape {tuple(array.shape)}")
    details = {"channels": list(said.channels), "periods": list(said.periods), "clock": said.clock, "every": said.every}
    return Column(name, "series", shape=tuple(array.shape[1:]), dtype=series_dtype(array), details=details)


def encode(column: Column, array: Array) -> Array:
    """Return series in the type in which they are kept.

    Raises:
        TableError: They are of another shape, no numbers, or infinite.
    """
    numeric(column.name, array)
    checked_shape(column, array)
    if isinstance(array, Stretches):
        return replace(array, base=array.base.astype(column.dtype, copy=False))
    # What is wider than the type that is kept may be too large for it.
    finite(column.name, array, "leave missing steps NaN")
    return array if array.dtype == column.dtype else np.asarray(array).astype(column.dtype)


def stored(array: Array) -> dict[str, Array]:
    """Return what is stored: of stretches of one series the series, and where they begin."""
    if isinstance(array, Stretches):
        return {"series": array.base, "starts": array.starts}
    return {"array": array}


def load(column: Column, parts: Mapping[str, Array]) -> Array:
    """Put together what was stored."""
    if "array" in parts:
        return parts["array"]
    series, starts = (np.asarray(parts[name]) for name in ("series", "starts"))
    return Stretches(series, starts, column.shape[0], column.details.get("every", 1))


def series_dtype(array: Array) -> str:
    """Return the type that series are kept in: float64 where a channel is too far from zero for float32.

    Args:
        array: `(rows, steps, channels)`.
    """
    if array.dtype.kind not in "iuf" or array.dtype.itemsize <= 2 or array.dtype == np.float32:
        return "float32"
    base = array.base if isinstance(array, Stretches) else np.asarray(array[:: max(1, len(array) // _LOOKED_AT)])
    channels = base.reshape(-1, base.shape[-1]).astype(np.float64, copy=False).T
    return "float64" if any(_loses(values[np.isfinite(values)]) for values in channels) else "float32"


def _loses(values: NDArray[np.float64]) -> bool:
    """Return whether float32 would round away more than a ten-thousandth of the values' deviation."""
    with np.errstate(over="ignore"):
        rounded = np.abs(values.astype(np.float32) - values)
    return bool(values.size and rounded.max() > _MOST_LOST * values.std())
