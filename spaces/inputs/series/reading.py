"""Series as models read them: standardised by channel, as they are or each as one line of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.kind import ReadBy
from spaces.inputs.series.convolutions import Convolutions, Convolved, convolutions_of, learn_convolutions
from spaces.language.space import Config
from spaces.machine.memory import cached
from spaces.machine.strange import inside
from spaces.rows.arrays import Array, Stretches
from spaces.rows.signature import Input

# Of longer stretches a linear model or trees see the last steps and statistics; more columns would drown the rows.
_MOST_LAGS = 512
_SUMMARIES = 5
_ROWS = 4096  # written out at a time


@dataclass(frozen=True)
class SeriesReading:
    """How a series is read.

    Attributes:
        flat: Whether a row becomes one line of numbers, as linear models and trees want it: the last steps, and each
            channel's mean, deviation, least, largest and trend.
        convolutions: Which fixed random convolutions a flat series becomes, in place of steps and statistics.
    """

    flat: bool
    convolutions: Convolutions | None = None


@dataclass(frozen=True, eq=False)
class ScaledSeries:
    """A reading with the mean and deviation of each channel in the training rows, `(channels,)`.

    Missing steps are filled with the last known value, or the mean.

    Attributes:
        reading: How it is read.
        mean: Of each channel.
        deviation: Of each channel.
        convolved: What the convolutions learned.
        key: Names what was learned, where the training rows have a name.
    """

    reading: SeriesReading
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    convolved: Convolved | None = None
    key: str | None = None

    def read(self, rows: Array, key: str | None) -> Array:
        """Return float32 `(rows, steps, channels)`, or lines of numbers."""
        if isinstance(rows, Stretches):
            ready: Array = replace(rows, base=self._standardised(rows.base))
        else:
            ready = self._standardised(np.asarray(rows))
        if not self.reading.flat:
            return ready
        if self.convolved is not None:
            return self._shares(self.convolved, ready, key)
        chunks = [_flat(np.asarray(ready[start : start + _ROWS])) for start in range(0, len(ready), _ROWS)]
        return np.concatenate([np.empty((0, flat_width(ready.shape[1:])), np.float32), *chunks])

    def save(self, folder: Path, name: str) -> dict[str, Any]:
        """Write `NAME-convolutions.npz` where there are some, and return the rest as JSON values."""
        if self.convolved is not None:
            np.savez(folder / f"{name}-convolutions.npz", allow_pickle=False, **self.convolved.arrays())
        scale = {"mean": self.mean.tolist(), "deviation": self.deviation.tolist()}
        return {**asdict(self.reading), **scale, "file": f"{name}-convolutions.npz"}

    def _shares(self, convolved: Convolved, ready: Array, key: str | None) -> NDArray[np.float32]:
        """Return the shares of a standardised series' steps, once for rows that have a key."""
        if key is None or self.key is None:
            return convolved.columns(ready)
        kept: NDArray[np.float32] = cached(f"{key}|{self.key}", lambda: convolved.columns(ready))
        return kept

    def _standardised(self, values: NDArray[Any]) -> NDArray[np.float32]:
        # A series far from zero comes in float64, and is near zero before it is narrowed.
        mean, deviation = self.mean.astype(values.dtype), self.deviation.astype(values.dtype)
        standard = (carried_forward(values) - mean) / deviation
        return np.nan_to_num(standard, copy=False).astype(np.float32, copy=False)


def how(series: Input, config: Config, by: ReadBy) -> SeriesReading:
    """Return how a series is read."""
    convolutions = convolutions_of(config)
    return SeriesReading(flat=by != "network" or convolutions is not None, convolutions=convolutions)


def fed(series: Input, config: Config) -> Input:
    """Return what a network gets: of a series that fixed convolutions read, a line of numbers."""
    convolutions = convolutions_of(config)
    return series if convolutions is None else replace(series, shape=(convolutions.width,))


def prepare(reading: SeriesReading, train: Array, key: str | None) -> ScaledSeries:
    """Learn the scale of each channel from training rows, and what convolutions need."""
    scale = _scale(reading, train)
    if reading.convolutions is None:
        return scale
    name = None if key is None else f"{key}|{reading}"
    ready = replace(scale, reading=SeriesReading(flat=False)).read(train, None)
    convolved, columns = learn_convolutions(reading.convolutions, ready)
    if name is not None:
        cached(f"{key}|{name}", lambda: columns)
    return replace(scale, convolved=convolved, key=name)


def _scale(reading: SeriesReading, train: Array) -> ScaledSeries:
    """Learn mean and deviation of each channel."""
    channels = train.shape[-1]
    if isinstance(train, Stretches):
        ends = np.bincount(train.starts, minlength=len(train.base) + 1)
        ends = ends - np.bincount(train.last + 1, minlength=len(train.base) + 1)
        values = train.base[np.cumsum(ends)[:-1] > 0]  # each step once, however many stretches hold it
    else:
        values = np.asarray(train).reshape(-1, channels)
    known = np.isfinite(values).any(axis=0)
    mean, deviation = np.zeros(channels), np.ones(channels)
    mean[known] = np.nanmean(values[:, known], axis=0, dtype=np.float64)
    deviation[known] = np.nanstd(values[:, known], axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1  # a constant channel says nothing
    return ScaledSeries(reading, mean, deviation)


def load(folder: Path, settings: Mapping[str, Any]) -> ScaledSeries:
    """Read what `ScaledSeries.save` wrote and returned."""
    mean, deviation = (np.array(settings[name], np.float64) for name in ("mean", "deviation"))
    if settings["convolutions"] is None:
        return ScaledSeries(SeriesReading(settings["flat"]), mean, deviation)
    reading = SeriesReading(settings["flat"], Convolutions(**settings["convolutions"]))
    with np.load(inside(folder, settings["file"]), allow_pickle=False) as stored:
        return ScaledSeries(reading, mean, deviation, Convolved(**stored))


def width(series: Input, by: ReadBy) -> int:
    """Return how many columns a flat series has."""
    return flat_width(series.shape)


def carried_forward(values: NDArray[Any]) -> NDArray[Any]:
    """Return series `(..., steps, channels)` whose missing steps hold the last known value, where there is one."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    steps = np.arange(values.shape[-2])[:, None]
    last = np.maximum.accumulate(np.where(missing, 0, steps), axis=-2)
    return np.take_along_axis(values, last, axis=-2)


def flat_width(shape: tuple[int, ...]) -> int:
    """Return how many columns a flat series of so many steps and channels has."""
    steps, channels = shape
    return (min(steps, max(1, _MOST_LAGS // channels)) + _SUMMARIES) * channels


def _flat(series: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, steps, channels = series.shape
    lags = series[:, -max(1, _MOST_LAGS // channels) :].reshape(rows, -1)
    half = max(1, steps // 2)
    trend = series[:, -half:].mean(axis=1) - series[:, :half].mean(axis=1)
    summaries = [series.mean(axis=1), series.std(axis=1), series.min(axis=1), series.max(axis=1), trend]
    return np.hstack([lags, *summaries])
