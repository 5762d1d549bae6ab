"""Curves of the metrics that a user asked for, on inner rows and on training rows, while a fold trains."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from spaces.engines.contract import Look
from spaces.engines.curves import Curve, Curves
from spaces.engines.folds import ENDLESS
from spaces.rows.table import Rows, Table
from tuner.scoring.score import Score, scored_rows

SHARE = 0.05  # of the time of a fold's training


class MetricCurves:
    """Computes metrics at the ends of the first two epochs, and of as many more as take a twentieth of a fold's time.

    A curve that the library draws itself is not drawn twice. Where each target has a model of its own there are only
    the library's.

    Args:
        scores: The metrics.
        train: Some of the rows that train, the same each time.
        inner: The rows that early stopping watches.
        clock: Tells the seconds.

    Attributes:
        curves: What was computed so far, an epoch each; NaN stands where nothing was.
    """

    def __init__(
        self, scores: Sequence[Score], train: Rows, inner: Rows, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.curves: Curves = {}
        self._scores, self._train, self._inner, self._clock = scores, train, inner, clock
        self._began, self._spent, self._last, self._looked = clock(), 0.0, 0.0, False

    def look(self, step: int, steps: int, known: Mapping[Curve, float], *, predict: Look) -> dict[Curve, float]:
        """Return the metrics of an epoch, or nothing where there is no time for them; for the arguments see `Watch`."""
        names = {curve.name for curve in known}
        wanted = [score for score in self._scores if score.name not in names]
        began = self._clock()
        if not wanted or any(curve.target for curve in known):
            return {}
        if self._spent + self._last > SHARE * (began - self._began):
            return {}
        found = self._computed(wanted, predict, watched=steps < ENDLESS)
        for curve, value in found.items():
            values = self.curves.setdefault(curve, [])
            values += [math.nan] * (step - len(values)) + [value]
        if self._looked:  # the first look is mostly tracing, which is done once and tells nothing of the next
            self._last = self._clock() - began
            self._spent += self._last
        self._looked = True
        return found

    def _computed(self, scores: Sequence[Score], predict: Look, *, watched: bool) -> dict[Curve, float]:
        parts: list[tuple[Literal["train", "validation"], Table | None, Rows]] = [
            ("train", self._train.table, self._train)
        ]
        if watched:
            parts.append(("validation", None, self._inner))
        return {
            Curve(name, part): value
            for part, table, rows in parts
            for name, value in _scores(scores, rows, predict=predict, table=table).items()
            if math.isfinite(value)
        }


def _scores(scores: Sequence[Score], rows: Rows, *, predict: Look, table: Table | None) -> dict[str, float]:
    """Return what can be said of a model that is not trained yet; a metric that raises may do better at the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictions = predict(table)
        if not np.isfinite(predictions).all():
            return {}
        found: dict[str, float] = {}
        for score in scores:
            try:
                found |= scored_rows([score], rows, predictions)
            except Exception:  # a user's metric; if it raises at the end too, the trial fails and says so
                continue
        return found
