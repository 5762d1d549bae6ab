"""Models that are gradient-boosted trees: early stopping on the inner rows, saving as UBJ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import xgboost
from numpy.typing import NDArray

from spaces.engines.boosting import (
    FEWEST_ROUNDS,
    LOOK_EVERY,
    BoostedFitted,
    boosted_rows,
    expand,
    learn_columns,
    patience_at,
    searched,
    with_types,
)
from spaces.engines.clock import Clock
from spaces.engines.contract import Fold, Watch, reading
from spaces.engines.curves import Curve
from spaces.engines.engine import XGBOOST
from spaces.engines.xgboost_file import XGBOOST_FILE
from spaces.inputs.prepared import Columns, Prepared
from spaces.language.space import Config
from spaces.machine.cores import threads_for
from spaces.rows.signature import Signature
from spaces.rows.table import Table

_OBJECTIVES = {"squared_error": "reg:squarederror", "absolute_error": "reg:absoluteerror"}
_DRAWN = ("colsample_bytree", "colsample_bylevel", "colsample_bynode")
_METRICS = {"squared_error": "rmse", "absolute_error": "mae"}


@dataclass(eq=False)
class XGBoostFitted(BoostedFitted):
    """Trees of XGBoost, stored as UBJ."""

    library: ClassVar[str] = XGBOOST.name
    file: ClassVar[str] = XGBOOST_FILE
    _threads: int | None = field(default=None, init=False)

    @staticmethod
    def opened(path: Path) -> xgboost.Booster:
        """Read the trees; a stranger's were looked into when the ensemble was loaded."""
        return xgboost.Booster(model_file=path)

    def predicted(self, matrix: Columns) -> NDArray[np.float32]:
        """Return what the trees say, `(rows, 1)` or `(rows, classes of the fold)`."""
        if (known := self.booster.num_features()) != matrix.shape[1]:
            raise ValueError(f"the trees know {known} columns, got {matrix.shape[1]}")
        if (threads := threads_for(*matrix.shape)) != self._threads:  # XGBoost then configures itself, in .5 ms
            self.booster.set_param({"nthread": threads})
            self._threads = threads
        return _raw(self.booster, matrix)


@dataclass(frozen=True)
class XGBoostModel:
    """One configuration of gradient-boosted trees."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[XGBoostFitted]:
        """Train on each fold in turn; see `spaces.engines.contract.Model.fit`."""
        for fold in folds:
            yield self._fit_fold(fold, watch)

    def _fit_fold(self, fold: Fold, watch: Watch) -> XGBoostFitted:
        prepared, matrix, types = learn_columns(self.config, self.signature, fold)
        return self.fit_columns(fold, prepared, matrix, watch=watch, types=types)

    def fit_columns(
        self, fold: Fold, prepared: Prepared, matrix: Columns, *, watch: Watch, types: Sequence[str] = ()
    ) -> XGBoostFitted:
        """Train on one fold's rows that are already preprocessed.

        Args:
            fold: The fold.
            prepared: The preprocessing.
            matrix: What it makes of the training rows.
            watch: Called after some rounds.
            types: XGBoost's types of the first columns; the others are numbers.
        """
        target, inner = self.signature.target, prepared.matrix(fold.inner.table)
        read, types = reading((prepared,), (inner,)), with_types(list(types), matrix)
        rows, nthread = boosted_rows(self.config, fold, inner, target=target), threads_for(*matrix.shape)
        train_rows = xgboost.QuantileDMatrix(
            matrix, rows.labels, weight=rows.weight, feature_types=types, enable_categorical=True, nthread=nthread
        )
        inner_rows = xgboost.QuantileDMatrix(
            rows.inner,
            rows.inner_labels,
            weight=rows.inner_weight,
            feature_types=types,
            enable_categorical=True,
            nthread=nthread,
            ref=train_rows,
        )
        classes, centre = rows.classes, rows.centre
        rounds, watched = fold.steps or self.config["n_estimators"], fold.steps is None
        listener = _Watcher(
            watch,
            fold.clock,
            rounds=rounds,
            look=lambda booster, table: expand(_raw(booster, read(table)[0]), classes, target.outputs, centre=centre),
        )
        history: dict[Literal["train", "validation"], dict[str, list[float]]] = {}
        booster = xgboost.train(
            {**self._parameters(fold.seed, len(classes), columns=matrix.shape[1]), "nthread": nthread},
            train_rows,
            num_boost_round=rounds,
            evals=[(train_rows, "train"), (inner_rows, "validation")] if watched else [(train_rows, "train")],
            evals_result=history,
            callbacks=[_Patience(rounds=self.config["patience"], save_best=True), listener] if watched else [],
            verbose_eval=False,
        )
        curves = {_curve(metric, part): values for part, of in history.items() for metric, values in of.items()}
        return XGBoostFitted(booster, prepared, classes, target.outputs, curves, centre)

    def _parameters(self, seed: int, n_classes: int, *, columns: int) -> dict[str, Any]:
        loss = self.signature.target.loss
        given = searched(self.config, "grow_policy")
        for name in _DRAWN:
            if name in given:  # each is a share of what the one before leaves
                given[name], columns = share_rounded_up(given[name], columns)
        for policy, limits in self.config.get("grow_policy", {}).items():
            given |= {"grow_policy": policy, **limits}
        if n_classes > 2:
            task = {"objective": "multi:softprob", "num_class": n_classes, "eval_metric": "mlogloss"}
        elif n_classes:
            task = {"objective": "binary:logistic", "eval_metric": "logloss"}
        else:
            task = {"objective": _OBJECTIVES[loss], "eval_metric": _METRICS[loss]}
        return {**given, **task, "tree_method": "hist", "seed": seed % 2**31, "verbosity": 0}


def share_rounded_up(share: float, columns: int) -> tuple[float, int]:
    """Return a share of columns of which XGBoost makes a number that is rounded up, two at least, and that number.

    XGBoost rounds down: of two columns, nine tenths would be one, and no tree would learn what both say together.
    Two at least is LightGBM's rule.

    >>> share_rounded_up(0.9, 2), share_rounded_up(0.25, 2), share_rounded_up(0.3, 8)
    ((1.0, 2), (1.0, 2), (0.4375, 3))
    """
    count = max(2, math.ceil(share * columns - 1e-9))  # three tenths of ten are three, whatever floats say
    return (1.0, columns) if count >= columns else ((count + 0.5) / columns, count)


class _Patience(xgboost.callback.EarlyStopping):
    """Waits for a better round as `spaces.engines.boosting.patience_at` says."""

    rounds: int

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        if epoch:
            self.rounds = patience_at(self.rounds, model.best_iteration)
        return bool(super().after_iteration(model, epoch, evals_log))


class _Watcher(xgboost.callback.TrainingCallback):
    """Shows every tenth round to the trial."""

    def __init__(
        self, watch: Watch, clock: Clock, *, rounds: int, look: Callable[[Any, Table | None], NDArray[Any]]
    ) -> None:
        super().__init__()
        self._clock = clock
        self._watch, self._rounds, self._look = watch, rounds, look

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
        if (epoch + 1) % LOOK_EVERY == 0:
            logs = {_curve(name, "validation"): float(of[-1]) for name, of in evals_log["validation"].items()}
            self._watch(epoch, self._rounds, logs, lambda table=None: self._look(model, table))
        return self._clock.over(epoch + 1, least=FEWEST_ROUNDS)


def _curve(metric: str, part: Literal["train", "validation"]) -> Curve:
    return Curve("log_loss" if metric.endswith("logloss") else metric, part)


def _raw(booster: xgboost.Booster, matrix: Columns) -> NDArray[np.float32]:
    outputs: NDArray[np.float32] = booster.inplace_predict(matrix, validate_features=False)
    return outputs.reshape(matrix.shape[0], -1)
