"""A family with the real `dense` space whose models train nothing: outcomes are a smooth function of the parameters.

The table's first column is the target itself, so that a prediction which is off by `error` scores an RMSE of `error`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.engines.contract import Fold, Watch
from spaces.engines.curves import Curve, Curves
from spaces.families.catalog import FAMILIES
from spaces.families.family import Family
from spaces.language.optional import chosen
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Table
from tuner.task.task import Task

TRIAL_SECONDS = 0.6
EPOCHS_OF_BUDGET, EPOCHS_RUN = 100, 60
_TRAIN, _INNER = Curve("loss"), Curve("loss", "validation")


@dataclass(frozen=True)
class PretendFitted:
    """A model that is off by `error`."""

    error: float
    curves: Curves

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Return the target, off by the error."""
        return table.numbers[:, :1] + self.error

    def save(self, folder: Path) -> None:
        """Write a small file."""
        (folder / "model.json").write_text(json.dumps({"error": self.error}))


@dataclass(frozen=True)
class PretendModel:
    """One configuration; takes a moment for each fold, as training would, so that tracking works meanwhile."""

    config: Config
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[PretendFitted]:
        """Yield one model a fold, after as many epochs as early stopping often leaves."""
        for fold in folds:
            time.sleep(TRIAL_SECONDS / len(folds))
            fitted = PretendFitted(made_up_error(self.config, fold.seed), {_TRAIN: [], _INNER: []})
            for epoch in range(EPOCHS_RUN):
                loss = fitted.error * (1 + math.exp(-epoch / 10))
                epoch_curves = {_TRAIN: 0.9 * loss, _INNER: loss}
                for curve, value in epoch_curves.items():
                    fitted.curves[curve].append(value)
                so_far = PretendFitted(loss, {})
                inner = fold.inner.table
                watch(epoch, EPOCHS_OF_BUDGET, epoch_curves, lambda table=None: so_far.predict(table or inner))
            yield fitted


def pretend_dense() -> Family:
    """Return the `dense` family, its space untouched, that builds models which train nothing."""
    return replace(FAMILIES["dense"], build=_build, engines=())


def pretend_task() -> Task:
    """Return a task of three folds and 9,000 rows."""
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=9_000) for i in range(8)}
    frame = pd.DataFrame({**columns, "y": columns["x0"]})
    return Task(frame, "y", metric="rmse", split={"kind": "kfold", "folds": 3})


def made_up_error(config: Config, seed: int) -> float:
    """Return a bowl around a good configuration, plus noise."""
    bowl = (
        (math.log10(config["learning_rate"]) + 2.7) ** 2
        + (math.log2(config.get("units", 1) / 200) / 4) ** 2
        + ((config["depth"] - 3) / 4) ** 2
        + (chosen(config.get("dropout", 0.0)) - 0.15) ** 2
        + 0.2 * (config.get("activation") == "elu")
    )
    return float(0.5 + 0.1 * bowl + 0.01 * np.random.default_rng(seed).random())


def _build(config: Config, signature: Signature) -> Any:
    return PretendModel(config)
