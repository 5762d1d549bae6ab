"""What is reported of an ensemble follows from what stands beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error

import tuner
from ensembles.solvers.convex import certificate
from tuner.ensembling.findings import findings, of_target

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


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """A study of rows of which some count five times as much as others, in classes that are told apart less well."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"]).assign(w=rng.integers(1, 6, 90))
    frame["y"] = np.where(frame["a"] + 0.5 * frame["w"] * rng.normal(size=90) > 0, "yes", "no")
    task = tuner.Task(frame, "y", sample_weight="w", split={"kind": "stratified", "folds": 2})
    families = {"linear": {}, "random_forest": {"n_estimators": 10}}
    return tuner.tune(task, families, trials=2, folder=tmp_path_factory.mktemp("weighed") / "s", **QUIET)


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


def test_whatever_is_said_of_an_ensemble_counts_rows_by_their_weights(weighed):
    combined = weighed.ensemble("uniform")
    held, fitted = combined.held, combined.choice.fitted
    true, said, counts = held.target[fitted.rows], fitted.outputs, held.weight[fitted.rows]
    its = findings(combined)["targets"][0]
    brier = brier_score_loss(true, said[:, 1], sample_weight=counts)
    assert its["calibration"]["brier_score"] == pytest.approx(brier)
    assert brier != pytest.approx(brier_score_loss(true, said[:, 1]), rel=0.01)
    by_hand = log_loss(true, said, sample_weight=counts)
    assert combined.calibration()["log_loss"].iloc[-1] == pytest.approx(by_hand)
    assert combined.diversity().ensemble_loss == pytest.approx(by_hand)
    often = np.repeat(np.arange(90), held.weight.astype(int))
    bound = certificate(held.predictions[:, often], held.target[often], held.loss, weights=np.array([0.5, 0.5]))
    assert combined.certificate == pytest.approx(bound)
    lowest = np.argsort(said[:, 1], kind="stable")[:9]
    assert its["reliability"][0] == {
        "said": pytest.approx(np.average(said[lowest, 1], weights=counts[lowest])),
        "seen": pytest.approx(np.average(true[lowest], weights=counts[lowest])),
        "rows": 9,
    }


def test_errors_by_quarters_of_the_predictions_count_rows_by_their_weights():
    rng = np.random.default_rng(1)
    true, said, counts = rng.normal(size=80), rng.normal(size=(80, 1)), rng.uniform(0.2, 5, 80)
    part = tuner.Task(pd.DataFrame({"x": true, "y": true}), "y").target
    found = of_target(part, true, said, decided=said, folds=np.arange(80) % 2, sample_weight=counts)["quarters"]
    highest = np.argsort(said[:, 0])[60:]
    expected = mean_absolute_error(true[highest], said[highest, 0], sample_weight=counts[highest])
    assert found[-1]["mean_absolute_error"] == pytest.approx(expected)
    assert found[-1]["mean_error"] == pytest.approx(
        np.average(said[highest, 0] - true[highest], weights=counts[highest])
    )
