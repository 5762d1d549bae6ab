"""Where there is nothing to combine, the message says why."""

from __future__ import annotations

import optuna
import pytest
from sklearn.datasets import load_iris
from small import SMALL_XGBOOST

import tuner
from tuner.ensembling.candidates import NoModels


class Always(optuna.pruners.BasePruner):
    """Prunes every trial."""

    def prune(self, study, trial):
        return True


def test_trials_that_ended_early_are_counted_and_the_last_one_says_why(tmp_path):
    task = tuner.Task(load_iris(as_frame=True).frame, "target", split={"folds": 2})
    settings = {"workers": 0, "tracking": None, "progress": False, "folder": tmp_path / "s"}
    study = tuner.tune(task, {"xgboost": SMALL_XGBOOST}, trials=2, pruner=Always(), **settings)
    message = r"\(0 failed, 2 ended early\): pruned at step \d\. Give it more time, or cheaper families"
    with pytest.raises(NoModels, match=message):
        study.ensemble()
