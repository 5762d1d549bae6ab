"""Series and images as models read them: as arrays, or each as one line of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.rows.arrays import Array, Stretches

if TYPE_CHECKING:
    from spaces.rows.table import Table


ArrayKind = Literal["series", "image"]
# Of longer stretches a linear model or trees see the last steps and statistics; more columns would drown the rows.
_MOST_LAGS = 512
_SUMMARIES = 5
# An image of more pixels is too much for a linear model.
MOST_PIXELS = 4096
_ROWS = 4096  # written out at a time


@dataclass(frozen=True)
class ArrayRecipe:
    """What is done to an array input.

    Attributes:
        place: Which of a table's arrays it is.
        kind: A series is standardised by channel, its missing steps filled with the last known value or the mean; an
            image is left as it is.
        flat: Whether a row becomes one line of numbers, as linear models and trees want it: of a series its last steps
            and each channel's mean, deviation, least, largest and trend; of an image its pixels.
    """

    place: int
    kind: ArrayKind
    flat: bool


@dataclass(frozen=True, eq=False)
class PreparedArray:
    """A recipe with the mean and deviation of each channel in the training rows, `(channels,)`."""

    recipe: ArrayRecipe
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def array(self, table: Table) -> Array:
        """Return the rows as a model reads them."""
        given = table.arrays[self.recipe.place]
        if self.recipe.kind == "image":
            if not self.recipe.flat:
                return given
            pixels = np.asarray(given, np.float32).reshape(len(given), -1)
            return pixels / np.float32(255) if given.dtype == np.uint8 else pixels
        if isinstance(given, Stretches):
            ready: Array = Stretches(self._standardised(given.base), given.starts, given.length)
        else:
            ready = self._standardised(np.asarray(given))
        if not self.recipe.flat:
            return ready
        chunks = [_flat(np.asarray(ready[start : start + _ROWS])) for start in range(0, len(ready), _ROWS)]
        return np.concatenate([np.empty((0, flat_width("series", ready.shape[1:])), np.float32), *chunks])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self.recipe), "mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> PreparedArray:
        """Rebuild what `to_json` returned."""
        mean, deviation = (np.array(data[name], np.float64) for name in ("mean", "deviation"))
        return PreparedArray(ArrayRecipe(data["place"], data["kind"], data["flat"]), mean, deviation)

    def _standardised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        # A series far from zero comes in float64, and is near zero before it is narrowed.
        mean, deviation = self.mean.astype(values.dtype), self.deviation.astype(values.dtype)
        standard = (carried_forward(values) - mean) / deviation
        return np.nan_to_num(standard, copy=False).astype(np.float32, copy=False)


def prepare_array(recipe: ArrayRecipe, train: Table) -> PreparedArray:
    """Learn the scale of a series from training rows."""
    given = train.arrays[recipe.place]
    channels = given.shape[-1]
    if recipe.kind == "image":
        return PreparedArray(recipe, np.zeros(channels), np.ones(channels))
    if isinstance(given, Stretches):
        ends = np.bincount(given.starts, minlength=len(given.base) + 1)
        ends = ends - np.bincount(given.starts + given.length, minlength=len(given.base) + 1)
        values = given.base[np.cumsum(ends)[:-1] > 0]  # each step once, however many stretches hold it
    else:
        values = np.asarray(given).reshape(-1, channels)
    known = np.isfinite(values).any(axis=0)
    mean, deviation = np.zeros(channels), np.ones(channels)
    mean[known] = np.nanmean(values[:, known], axis=0, dtype=np.float64)
    deviation[known] = np.nanstd(values[:, known], axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1  # a constant channel says nothing
    return PreparedArray(recipe, mean, deviation)


def carried_forward(values: NDArray[Any]) -> NDArray[Any]:
    """Return series `(..., steps, channels)` whose missing steps hold the last known value, where there is one."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    steps = np.arange(values.shape[-2])[:, None]
    last = np.maximum.accumulate(np.where(missing, 0, steps), axis=-2)
    return np.take_along_axis(values, last, axis=-2)


def flat_width(kind: ArrayKind, shape: tuple[int, ...]) -> int:
    """Return how many columns a flat array has."""
    if kind == "image":
        return int(np.prod(shape))
    steps, channels = shape
    return (min(steps, max(1, _MOST_LAGS // channels)) + _SUMMARIES) * channels


def _flat(series: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, steps, channels = series.shape
    lags = series[:, -max(1, _MOST_LAGS // channels) :].reshape(rows, -1)
    half = max(1, steps // 2)
    trend = series[:, -half:].mean(axis=1) - series[:, :half].mean(axis=1)
    summaries = [series.mean(axis=1), series.std(axis=1), series.min(axis=1), series.max(axis=1), trend]
    return np.hstack([lags, *summaries])
