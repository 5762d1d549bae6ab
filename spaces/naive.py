"""Naive forecasts: what anybody would say without a model. A forecast that is no better than these is none.

Hyndman and Athanasopoulos, "Forecasting: principles and practice", section 5.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.arrays import Array, Stretches, carried_forward
from spaces.family import Fold, Watch
from spaces.signature import Follows, Signature, Target
from spaces.space import Config
from spaces.table import Table


def past_of(array: Array, channel: int) -> NDArray[np.float64]:
    """Return one channel of the past, `(rows, steps)`, missing steps filled with the last known value."""
    if isinstance(array, Stretches):
        values: Array = Stretches(carried_forward(array.base[:, [channel]]), array.starts, array.length)
    else:
        values = carried_forward(array[..., [channel]])
    return np.asarray(values, np.float64)[..., 0]


def last_values(table: Table, target: Target) -> NDArray[np.float64]:
    """Return the last known value of what each target continues, `(rows, targets)`; the mean where none is known."""
    columns = []
    for follows in followed(target):
        array = table.arrays[0]
        if isinstance(array, Stretches):
            last = carried_forward(array.base[:, [follows.channel]])[array.starts + array.length - 1, 0]
        else:
            last = carried_forward(array[..., [follows.channel]])[:, -1, 0]
        known = np.isfinite(last)
        columns.append(np.where(known, last, last[known].mean() if known.any() else 0.0))
    return np.stack(columns, axis=1).astype(np.float64)


def followed(target: Target) -> list[Follows]:
    """Return what each target continues; empty unless all do."""
    found = [part.follows for part in target.each if part.follows is not None]
    return found if len(found) == len(target.each) else []


@dataclass(frozen=True)
class _Past:
    """Reads the channels that the targets continue."""

    follows: tuple[Follows, ...]
    key: None = None

    def matrix(self, table: Table) -> NDArray[np.float64]:
        """Return their past, `(rows, steps, targets)`."""
        return np.stack([past_of(table.arrays[0], one.channel) for one in self.follows], axis=2)


@dataclass(frozen=True, eq=False)
class NaiveFitted:
    """A naive forecast.

    Attributes:
        how: `{"last": {}}`, `{"seasonal": {"period": steps}}`, `{"mean": {"steps": steps}}` or `{"drift": {}}`.
        follows: What each target continues.
        curves: There are none.
    """

    library: ClassVar[str] = "naive"
    how: Mapping[str, Any]
    follows: tuple[Follows, ...]
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def prepared(self) -> _Past:
        """What it reads."""
        return _Past(self.follows)

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return forecasts `(rows, targets)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, past: NDArray[np.float64]) -> NDArray[np.float32]:
        """Forecast from the past, `(rows, steps, targets)`."""
        said = [self._forecast(past[:, :, i], one.horizon) for i, one in enumerate(self.follows)]
        return np.nan_to_num(np.stack(said, axis=1)).astype(np.float32)

    def _forecast(self, past: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
        steps = past.shape[1]
        ((how, settings),) = self.how.items()
        match how:
            case "seasonal":  # the same time a period ago, or as many periods as the horizon is long
                period = int(settings["period"])
                return past[:, steps - 1 + horizon - period * math.ceil(horizon / period)]
            case "mean":
                mean: NDArray[np.float64] = past[:, -int(settings["steps"]) :].mean(axis=1)
                return mean
            case "drift":
                return past[:, -1] + horizon * (past[:, -1] - past[:, 0]) / max(1, steps - 1)
        return past[:, -1]

    def save(self, folder: Path) -> None:
        """Write `model.json`."""
        settings = {"library": self.library, "how": self.how, "follows": self.follows}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> NaiveFitted:
        """Read what `save` wrote."""
        return NaiveFitted(settings["how"], tuple(Follows(*one) for one in settings["follows"]))


@dataclass(frozen=True)
class NaiveModel:
    """One naive forecast; there is nothing to train."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = False

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[NaiveFitted]:
        """Return the same forecast for each fold."""
        follows = tuple(followed(self.signature.target))
        for _ in folds:
            yield NaiveFitted(self.config["forecast"], follows)
