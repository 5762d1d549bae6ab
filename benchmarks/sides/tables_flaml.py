"""FLAML with its defaults, told what is scored and that it has one core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from flaml import AutoML
from numpy.typing import NDArray

from benchmarks.sides.exchange import TARGET, main, of_classes


def predicts(
    train: pd.DataFrame, test: pd.DataFrame, seconds: float, scratch: Path
) -> tuple[NDArray[Any], Sequence[str]]:
    """Return predictions of the test rows."""
    task, metric = ("classification", "log_loss") if of_classes(train) else ("regression", "rmse")
    tool = AutoML()
    tool.fit(train.drop(columns=TARGET), train[TARGET], task=task, metric=metric, time_budget=seconds, n_jobs=1)
    if of_classes(train):
        return tool.predict_proba(test), list(tool.classes_)
    return tool.predict(test), ()


if __name__ == "__main__":
    main(predicts)
