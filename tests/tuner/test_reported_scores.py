"""What is reported of an ensemble follows from what stands beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tuner

QUIET = {"workers": 0, "tracking": None, "progress": False}


@pytest.fixture(scope="module")
def sure(tmp_path_factory):
    """A study of one forest whose trees are so few that it gives the true class a probability of zero."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    frame["y"] = np.where(frame["a"] + rng.normal(size=90) > 0, "yes", "no")
    task = tuner.Task(frame, "y", metrics=["accuracy"], split={"kind": "stratified", "folds": 3})
    forest = {"random_forest": {"n_estimators": 10, "min_samples_leaf": 1}}
    return tuner.tune(task, forest, trials=1, folder=tmp_path_factory.mktemp("sure") / "s", **QUIET)


def test_an_ensemble_of_one_model_has_that_models_score(sure):
    combined = sure.ensemble("uniform")
    assert (combined.held.predictions[0, np.arange(90), combined.held.target] == 0).any()
    assert combined.scores["ensemble"]["in_sample"] == combined.best.value
    assert combined.scores["ensemble"]["cross_fitted"] == combined.best.value
    assert combined.choice.steps[0].cross_fitted == combined.best.value
    assert combined.calibration()["log_loss"][0] == pytest.approx(combined.best.value, rel=0.01)
