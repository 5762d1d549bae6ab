"""Series and images as models read them: as arrays, or each as one line of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.series.convolutions import Convolutions, Convolved, learn_convolutions
from spaces.machine.memory import cached
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
        convolutions: Which fixed random convolutions a flat series becomes, in place of steps and statistics.
    """

    place: int
    kind: ArrayKind
    flat: bool
    convolutions: Convolutions | None = None


@dataclass(frozen=True, eq=False)
class PreparedArray:
    """A recipe with the mean and deviation of each channel in the training rows, `(channels,)`.

    Attributes:
        recipe: The recipe.
        mean: Of each channel.
        deviation: Of each channel.
        convolved: What the recipe's convolutions learned.
        key: Names what was learned, where the training rows have a name.
    """

    recipe: ArrayRecipe
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    convolved: Convolved | None = None
    key: str | None = None

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
        if self.convolved is not None:
            return self._shares(self.convolved, ready, table)
        chunks = [_flat(np.asarray(ready[start : start + _ROWS])) for start in range(0, len(ready), _ROWS)]
        return np.concatenate([np.empty((0, flat_width("series", ready.shape[1:])), np.float32), *chunks])

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `convolutions-PLACE.npz` where there are some, and return the rest as JSON values."""
        if self.convolved is not None:
            np.savez(folder / f"convolutions-{self.recipe.place}.npz", allow_pickle=False, **self.convolved.arrays())
        return {**asdict(self.recipe), "mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @staticmethod
    def load(folder: Path, data: Mapping[str, Any]) -> PreparedArray:
        """Read what `save` wrote and returned."""
        mean, deviation = (np.array(data[name], np.float64) for name in ("mean", "deviation"))
        recipe, convolved = ArrayRecipe(data["place"], data["kind"], data["flat"]), None
        if data.get("convolutions"):
            recipe = replace(recipe, convolutions=Convolutions(**data["convolutions"]))
            with np.load(folder / f"convolutions-{recipe.place}.npz") as stored:
                convolved = Convolved(**stored)
        return PreparedArray(recipe, mean, deviation, convolved)

    def _shares(self, convolved: Convolved, ready: Array, table: Table) -> NDArray[np.float32]:
        """Return the shares of a standardised series' steps, once for rows that have a key."""
        if table.key is None or self.key is None:
            return convolved.columns(ready)
        kept: NDArray[np.float32] = cached(f"{table.key}|{self.key}", lambda: convolved.columns(ready))
        return kept

    def _standardised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        # A series far from zero comes in float64, and is near zero before it is narrowed.
        mean, deviation = self.mean.astype(values.dtype), self.deviation.astype(values.dtype)
        standard = (carried_forward(values) - mean) / deviation
        return np.nan_to_num(standard, copy=False).astype(np.float32, copy=False)


def prepare_array(recipe: ArrayRecipe, train: Table) -> PreparedArray:
    """Learn the scale of a series from training rows, and what its convolutions need."""
    scale = _scale(recipe, train)
    if recipe.convolutions is None:
        return scale
    key = None if train.key is None else f"{train.key}|{recipe}"
    ready = replace(scale, recipe=replace(recipe, flat=False)).array(train)
    convolved, columns = learn_convolutions(recipe.convolutions, ready)
    if key is not None:
        cached(f"{train.key}|{key}", lambda: columns)
    return replace(scale, convolved=convolved, key=key)


def _scale(recipe: ArrayRecipe, train: Table) -> PreparedArray:
    """Learn mean and deviation of each channel."""
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
