"""AutoGluon with `best_quality`, told what is scored and that it has one core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from autogluon.tabular import TabularPredictor
from numpy.typing import NDArray

from benchmarks.sides.exchange import TARGET, main, of_classes


def predicts(
    train: pd.DataFrame, test: pd.DataFrame, seconds: float, scratch: Path
) -> tuple[NDArray[Any], Sequence[str]]:
    """Return predictions of the test rows."""
    metric, kind = ("log_loss", None) if of_classes(train) else ("root_mean_squared_error", "regression")
    predictor = TabularPredictor(TARGET, problem_type=kind, eval_metric=metric, path=str(scratch / "autogluon"))
    predictor.fit(train, presets="best_quality", time_limit=seconds, num_cpus=1, num_gpus=0)
    if of_classes(train):
        said = predictor.predict_proba(test)
        return said.to_numpy(), list(said.columns)
    return predictor.predict(test).to_numpy(), ()


if __name__ == "__main__":
    main(predicts)
