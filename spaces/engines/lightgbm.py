"""Models that are LightGBM's boosted trees, an extra: early stopping on the inner rows, saving as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import lightgbm
import numpy as np
from numpy.typing import NDArray

from spaces.engines.boosting import (
    FEWEST_ROUNDS,
    LOOK_EVERY,
    BoostedFitted,
    BoostedRows,
    boosted_rows,
    expand,
    learn_columns,
    patience_at,
    searched,
)
from spaces.engines.contract import Fold, Watch, reading
from spaces.engines.curves import Curve, Curves
from spaces.engines.engine import LIGHTGBM
from spaces.inputs.prepared import Columns
from spaces.language.space import Config
from spaces.machine.cores import threads_for
from spaces.rows.signature import Signature
from spaces.rows.table import Table

_OBJECTIVES = {"squared_error": "regression", "absolute_error": "regression_l1"}
_METRICS = {"squared_error": "rmse", "absolute_error": "mae"}
_SHOWN = {"l1": "mae", "binary_logloss": "log_loss", "multi_logloss": "log_loss"}
# A share of the rows is drawn for every tree. The same numbers come out, however many threads there are.
_ALWAYS = {
    "bagging_freq": 1,
    "feature_pre_filter": False,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(eq=False)
class LightGBMFitted(BoostedFitted):
    """Trees of LightGBM, stored as text."""

    library: ClassVar[str] = LIGHTGBM.name
    file: ClassVar[str] = "model.txt"

    @staticmethod
    def opened(path: Path) -> lightgbm.Booster:
        """Read the trees."""
        return lightgbm.Booster(model_file=path)

    def predicted(self, matrix: Columns) -> NDArray[np.float64]:
        """Return what the trees say, `(rows, 1)` or `(rows, classes of the fold)`."""
        return _raw(self.booster, matrix)


@dataclass(frozen=True)
class LightGBMModel:
    """One configuration of LightGBM's boosted trees."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[LightGBMFitted]:
        """Train on each fold in turn; see `spaces.engines.contract.Model.fit`."""
        for fold in folds:
            yield self._fit_fold(fold, watch)

    def _fit_fold(self, fold: Fold, watch: Watch) -> LightGBMFitted:
        target = self.signature.target
        prepared, matrix, types = learn_columns(self.config, self.signature, fold)
        inner = prepared.matrix(fold.inner.table)
        read, rows = reading((prepared,), (inner,)), boosted_rows(self.config, fold, inner, target=target)
        booster = self._begun(fold, matrix, rows, types=types)

        def look(table: Table | None = None, /) -> NDArray[Any]:
            return expand(_raw(booster, read(table)[0]), rows.classes, target.outputs, centre=rows.centre)

        curves, best = self._boosted(fold, booster, lambda step, steps, shown: watch(step, steps, shown, look))
        # Read back, it holds no training rows, and no tree behind the best round.
        booster.model_from_string(booster.model_to_string(num_iteration=best + 1)).free_dataset()
        return LightGBMFitted(booster, prepared, rows.classes, target.outputs, curves, rows.centre)

    def _begun(self, fold: Fold, matrix: Columns, rows: BoostedRows, *, types: Sequence[str]) -> lightgbm.Booster:
        """Return a model of no trees yet, with the rows that train it and those that it watches, if it does."""
        threads = threads_for(*matrix.shape)
        parameters = {**self._parameters(fold.seed, len(rows.classes)), "num_threads": threads}
        categories = [place for place, kind in enumerate(types) if kind == "c"]
        train = lightgbm.Dataset(
            matrix, rows.labels, weight=rows.weight, categorical_feature=categories, params=parameters
        )
        booster = lightgbm.Booster(parameters, train)
        if fold.steps is None:
            watched = train.create_valid(rows.inner, rows.inner_labels, weight=rows.inner_weight, params=parameters)
            booster.add_valid(watched, "validation")
        return booster

    def _boosted(
        self, fold: Fold, booster: lightgbm.Booster, show: Callable[[int, int, dict[Curve, float]], None]
    ) -> tuple[Curves, int]:
        """Add trees until no round was better for a while, or for as many rounds as the fold says.

        Returns:
            The curves, and the best round: the last one where nothing is watched.
        """
        curves: Curves = {}
        rounds, best, least = fold.steps or self.config["n_estimators"], 0, np.inf
        for step in range(rounds):
            booster.update()
            for curve, value in _evaluated(booster.eval_train(), "train"):
                curves.setdefault(curve, []).append(value)
            if fold.steps is not None:
                best = step
                continue
            ((curve, value),) = _evaluated(booster.eval_valid(), "validation")
            curves.setdefault(curve, []).append(value)
            if value < least:
                best, least = step, value
            if (step + 1) % LOOK_EVERY == 0:
                show(step, rounds, {curve: value})
            waited = step - best >= patience_at(self.config["patience"], best)
            if fold.clock.over(step + 1, least=FEWEST_ROUNDS) or waited:
                break
        return curves, best

    def _parameters(self, seed: int, n_classes: int) -> dict[str, Any]:
        loss = self.signature.target.loss
        if n_classes > 2:
            task = {"objective": "multiclass", "num_class": n_classes, "metric": "multi_logloss"}
        elif n_classes:
            task = {"objective": "binary", "metric": "binary_logloss"}
        else:
            task = {"objective": _OBJECTIVES[loss], "metric": _METRICS[loss]}
        return {**searched(self.config), **task, **_ALWAYS, "seed": seed % 2**31}


def _evaluated(results: Sequence[Any], part: Any) -> list[tuple[Curve, float]]:
    """Return the curves and numbers of what LightGBM evaluated: name of the rows, metric, value, direction."""
    return [(Curve(_SHOWN.get(metric, metric), part), float(value)) for _, metric, value, _ in results]


def _raw(booster: lightgbm.Booster, matrix: Columns) -> NDArray[np.float64]:
    outputs: NDArray[np.float64] = np.asarray(booster.predict(matrix, num_threads=threads_for(*matrix.shape)))
    return outputs.reshape(matrix.shape[0], -1)
