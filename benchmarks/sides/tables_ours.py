"""Ours: `tune(task, time=...)` and `study.ensemble()`, nothing else but what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

import tuner
from benchmarks.sides.exchange import TARGET, main, of_classes


def predicts(
    train: pd.DataFrame, test: pd.DataFrame, seconds: float, scratch: Path
) -> tuple[NDArray[Any], Sequence[str]]:
    """Return predictions of the test rows."""
    metric = "log_loss" if of_classes(train) else "rmse"
    task = tuner.Task(train, TARGET, metric=metric)
    study = tuner.tune(task, time=seconds, folder=scratch / "study")
    ensemble = study.ensemble()
    if of_classes(train):
        return ensemble.predict_proba(test), task.target.classes
    return ensemble.predict(test), ()


if __name__ == "__main__":
    main(predicts)
