"""Small real tasks, shared by the tests of the study."""

from __future__ import annotations

import pandas as pd
import pytest
from small import SMALL_XGBOOST, make_frame

import tuner


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return make_frame()


@pytest.fixture(scope="session")
def task(frame: pd.DataFrame) -> tuner.Task:
    return tuner.Task(
        frame, "label", metrics=["roc_auc", "accuracy"], split={"kind": "stratified", "folds": 3}, test=0.2
    )


@pytest.fixture(scope="session")
def study(task: tuner.Task, tmp_path_factory: pytest.TempPathFactory) -> tuner.Study:
    """A finished study of two quick families, run in this process."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    return tuner.tune(
        task,
        {"linear": {}, "xgboost": SMALL_XGBOOST},
        trials=8,
        workers=0,
        seed=3,
        folder=folder,
        tracking=None,
        progress=False,
    )
