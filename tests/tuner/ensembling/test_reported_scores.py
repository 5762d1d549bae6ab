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


def test_the_numbers_follow_from_each_other(study):
    scores = study.ensemble().scores
    comparator, difference = scores["comparator"], scores["difference"]
    assert scores["ensemble"]["cross_fitted"] - comparator["cross_fitted"] == pytest.approx(difference["cross_fitted"])
    assert set(comparator["trials"]) <= {trial.name for trial in study.complete}
    assert scores["best_single"]["trial"] in comparator["why"]


def test_further_metrics_stand_at_the_ensemble(study):
    """Of the plain average every one of them can be computed by hand."""
    combined = study.ensemble("uniform")
    metrics = combined.scores["ensemble"]["metrics"]
    assert list(metrics) == ["roc_auc", "accuracy"]
    held = combined.held
    blended = held.predictions.mean(axis=0)
    for score in study.task.scores[1:]:
        each = [score(held.target[held.folds == k], blended[held.folds == k]) for k in range(3)]
        assert metrics[score.name] == {
            "in_sample": pytest.approx(np.mean(each)),
            "cross_fitted": pytest.approx(np.mean(each)),
        }
    table = tuner.compare(study, ["uniform"]).set_index("model")
    assert table.loc["ensemble (uniform)", "roc_auc (cross-fitted)"] == metrics["roc_auc"]["cross_fitted"]
    best = study.best_of_each_family[0]
    assert table.loc[best.name, "accuracy (cross-fitted)"] == best.outcome.scores["held_out"]["accuracy"]


def test_standard_errors_of_few_rows_say_so(sure, study):
    (doubt,) = [one for one in sure.ensemble("uniform").warnings() if "standard errors" in one]
    assert doubt == "standard errors are not to be trusted: a part has 7 rows, fewer than 10"
    held = study.ensemble("uniform").held
    assert held.doubt(np.arange(len(held.target))) == ""
