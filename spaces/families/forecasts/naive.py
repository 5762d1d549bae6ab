"""Naive forecasts, made without a model: the last value, the value a period ago. A useful forecast beats them.

Hyndman and Athanasopoulos, "Forecasting: principles and practice", section 5.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, InSteps, Read, Store, Watch
from spaces.engines.curves import Curves
from spaces.inputs.series.reading import carried_forward
from spaces.language.leaves import Choice
from spaces.language.space import Config, Space
from spaces.rows.arrays import Array, Stretches
from spaces.rows.signature import Signature
from spaces.rows.table import Table
from spaces.rows.target import Follows, Target, followed

_ROWS = 4096


def past_of(table: Table, channels: Sequence[int]) -> Array:
    """Return some channels of the past, `(rows, steps, channels)`, missing steps filled with the last known value."""
    array = table.arrays[0]
    if isinstance(array, Stretches):
        return replace(array, base=carried_forward(array.base[:, list(channels)]))
    return carried_forward(np.asarray(array)[..., list(channels)])


def last_values(table: Table, target: Target) -> NDArray[np.float64]:
    """Return the last known value of what each target continues, `(rows, targets)`; the mean where none is known."""
    past = past_of(table, [follows.channel for follows in followed(target)])
    last = past.base[past.last] if isinstance(past, Stretches) else np.asarray(past)[:, -1]
    known = np.isfinite(last)
    usual = [column[its].mean() if its.any() else 0.0 for column, its in zip(last.T, known.T, strict=True)]
    return np.where(known, last, usual).astype(np.float64)


@dataclass(frozen=True)
class _Past:
    """Reads the channels that the targets continue."""

    follows: tuple[Follows, ...]

    @property
    def key(self) -> str:
        """Names it by what it reads: nothing of it is learned."""
        return f"past {self.follows}"

    def matrix(self, table: Table) -> Array:
        """Return their past, `(rows, steps, targets)`."""
        return past_of(table, [one.channel for one in self.follows])


@dataclass(frozen=True, eq=False)
class NaiveFitted(InSteps):
    """A naive forecast.

    Attributes:
        how: `{"last": {}}`, `{"seasonal": {"period": steps}}`, `{"mean": {"steps": steps}}` or `{"drift": {}}`.
        follows: What each target continues.
        every: Steps of the series from one that is read to the next.
        curves: There are none.
    """

    library: ClassVar[str] = "naive"
    how: Mapping[str, Any]
    follows: tuple[Follows, ...]
    every: int = 1
    curves: Curves = field(default_factory=dict)

    @property
    def readers(self) -> tuple[_Past]:
        """The past."""
        return (_Past(self.follows),)

    def finish(self, read: Read, outputs: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Forecast `(rows, targets)` from the past, which is written out for some rows at a time."""
        (past,) = read
        chunks = [self._some(np.asarray(past[start : start + _ROWS])) for start in range(0, len(past), _ROWS)]
        return np.concatenate([np.empty((0, len(self.follows))), *chunks])

    def _some(self, past: NDArray[Any]) -> NDArray[np.float64]:
        # What is missing before the first known step is taken to have been like it.
        known = np.flip(carried_forward(np.flip(past.astype(np.float64), axis=1)), axis=1)
        predicted = [self._forecast(known[:, :, i], one.horizon / self.every) for i, one in enumerate(self.follows)]
        return np.nan_to_num(np.stack(predicted, axis=1))

    def _forecast(self, past: NDArray[np.float64], horizon: float) -> NDArray[np.float64]:
        steps = past.shape[1]
        ((how, settings),) = self.how.items()
        match how:
            case "seasonal":  # the same time a period ago, or as many periods as the horizon is long
                period = int(settings["period"])
                return past[:, steps - 1 + int(horizon) - period * math.ceil(horizon / period)]
            case "mean":
                mean: NDArray[np.float64] = past[:, -int(settings["steps"]) :].mean(axis=1)
                return mean
            case "drift":
                return past[:, -1] + horizon * (past[:, -1] - past[:, 0]) / max(1, steps - 1)
        return past[:, -1]

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        settings = {"library": self.library, "how": self.how, "follows": self.follows, "every": self.every}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> NaiveFitted:
        """Read what `save` wrote."""
        follows = tuple(Follows(*one) for one in settings["follows"])
        return NaiveFitted(settings["how"], follows, settings.get("every", 1))


@dataclass(frozen=True)
class NaiveModel:
    """One naive forecast; there is nothing to train."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = False

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[NaiveFitted]:
        """Return the same forecast for each fold."""
        follows, every = tuple(followed(self.signature.target)), _every(self.signature)
        for _ in folds:
            yield NaiveFitted(self.config["forecast"], follows, every)


def naive_space(signature: Signature) -> Space:
    """Return the naive forecasts: the last value, the same time a period ago, the mean of the last period, drift."""
    (series,) = signature.arrays
    steps, periods = series.shape[0], series.details.get("periods", ())
    furthest = max((one.horizon for one in followed(signature.target)), default=1) / _every(signature)
    fitting = [period for period in periods if period * math.ceil(furthest / period) < steps + 1]
    seasons: Space = {"seasonal": {"period": Choice(fitting)}} if fitting else {}
    means = [period for period in periods if period <= steps] or [steps]
    return {"forecast": Choice({"last": {}, **seasons, "mean": {"steps": Choice(means[:1])}, "drift": {}})}


def _every(signature: Signature) -> int:
    """Return how many steps of the series lie between two that are read."""
    return int(signature.arrays[0].details.get("every", 1))
