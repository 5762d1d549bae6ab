"""Metrics that say nothing of some rows, and metrics of the user's own that fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tuner
from ensembles.losses import Undefined
from tuner.archive.study_folder import StudyError
from tuner.ensembling.looks import test_looks as looks_at
from tuner.task.splits import crossfit_parts
from tuner.trials.scored_folds import scored_folds

QUIET = {"workers": 0, "tracking": None, "progress": False}


def few(rows: int, positives: int, seed: int = 0) -> pd.DataFrame:
    """A table in which so many rows, those of the largest noisy values, are positive."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    order = np.argsort(-(frame["a"] + rng.normal(scale=0.5, size=rows)))
    return frame.assign(y=np.isin(np.arange(rows), order[:positives]).astype(int))


def own(function, needs="probability"):
    return tuner.Metric("mine", function, greater_is_better=True, needs=needs)


@pytest.fixture(scope="module")
def partly(tmp_path_factory):
    """A study of three positives in five folds, of which some hold none out."""
    task = tuner.Task(few(60, 3), "y", metric="roc_auc", split={"kind": "kfold", "folds": 5})
    folder = tmp_path_factory.mktemp("partly") / "s"
    return tuner.tune(task, {"linear": {}, "xgboost": {"n_estimators": 10}}, trials=2, folder=folder, **QUIET)


def test_folds_in_which_the_metric_is_undefined_are_left_out_of_all_trials(partly):
    task = partly.task
    has = [k for k, (_, held_out) in enumerate(task.folds) if task.rows.target[held_out].any()]
    assert 2 <= len(has) < 5
    assert list(scored_folds(task)) == has
    assert [trial.state for trial in partly.trials] == ["complete"] * 3
    for trial in partly.trials:
        values = trial.outcome.fold_values
        assert [k for k, value in enumerate(values) if value is not None] == has
        assert trial.value == pytest.approx(np.mean([values[k] for k in has]))
        assert trial.outcome.scores["held_out"]["roc_auc"] == trial.value
    assert f"{len(has)} of 5 folds scored" in partly.summary()


@pytest.mark.parametrize("method", ["uniform", "regularized", "nelder_mead"])
def test_an_ensemble_counts_the_same_folds(partly, method):
    combined = partly.ensemble(method)
    scores = combined.scores
    assert scores["ensemble"]["folds"] == f"{len(scored_folds(partly.task))} of 5 folds scored"
    assert 0 <= scores["ensemble"]["cross_fitted"] <= 1
    assert np.isfinite(scores["difference"]["standard_error"])


def test_too_few_folds_are_refused_before_the_first_trial(tmp_path):
    frame = few(60, 30).assign(y=np.where(few(60, 30)["y"] == 1, "hi", "lo"))
    frame.loc[5, "y"] = "rare"
    task = tuner.Task(frame, "y", metric="roc_auc", split={"kind": "kfold", "folds": 3})
    with pytest.raises(ValueError, match=r"scored on 1 of 3 folds: class 'rare' does not occur in the held-out rows"):
        tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s").exists()


def test_a_single_fold_must_be_defined(tmp_path):
    frame = few(60, 30).sort_values("y", ascending=False, ignore_index=True)
    task = tuner.Task(frame, "y", metric="average_precision", split={"kind": "time", "folds": 1})
    with pytest.raises(ValueError, match="on 0 of 1 folds: class 1 does not occur in the held-out rows of fold 0"):
        tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)


def test_an_own_metric_may_say_that_it_is_undefined(tmp_path):
    def lift(y_true, y_pred):
        if not y_true.any():
            raise tuner.Undefined("no positive row")
        return float(y_pred[y_true == 1].mean())

    task = tuner.Task(few(60, 3), "y", metric=own(lift), split={"kind": "kfold", "folds": 5})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    assert [trial.state for trial in study.trials] == ["complete"] * 2
    assert None in study.best.outcome.fold_values
    assert np.isfinite(study.ensemble("uniform").scores["difference"]["standard_error"])


FAULTY = {
    "raises": (lambda y_true, y_pred: 1 / 0, "failed on fold 0 with ZeroDivisionError: division by zero"),
    "nan": (lambda y_true, y_pred: float("nan"), "is nan on fold 0"),
    "infinite": (lambda y_true, y_pred: np.inf, "is inf on fold 0"),
    "nothing": (lambda y_true, y_pred: None, "failed on fold 0 with TypeError"),
    "a text": (lambda y_true, y_pred: "0.7", "failed on fold 0 with TypeError: it returned a text, '0.7'"),
    "many": (lambda y_true, y_pred: y_pred, "failed on fold 0 with TypeError"),
}


@pytest.mark.parametrize("beside", [False, True], ids=["deciding", "beside"])
@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_metric_is_refused_before_the_first_trial(tmp_path, fault, beside):
    function, message = FAULTY[fault]
    metric = own(function)
    task = tuner.Task(few(40, 20), "y", metric="log_loss" if beside else metric, metrics=[metric] if beside else [])
    with pytest.raises(ValueError, match=f"metric 'mine' {message}"):
        tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s").exists()


def test_inner_rows_without_a_class_tell_the_pruner_nothing(tmp_path):
    """In time order the inner rows are the last of a fold's training rows, and here all of one class."""
    frame = few(120, 1).assign(y=(np.arange(120) % 20 == 0).astype(int))
    task = tuner.Task(frame, "y", metric="roc_auc", split={"kind": "time", "folds": 3})
    study = tuner.tune(task, {"xgboost": {"n_estimators": 16}}, trials=1, folder=tmp_path / "s", **QUIET)
    assert {trial.family for trial in study.complete} == {"xgboost", "baseline"}


def test_test_rows_of_one_class_cost_no_look(tmp_path):
    frame = few(60, 30)
    task = tuner.Task(frame, "y", metric="roc_auc", test=frame[frame["y"] == 0].head(10))
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    with pytest.raises(StudyError, match="roc_auc is undefined on the test rows: class 1 does not occur in them"):
        study.ensemble("uniform").test()
    with pytest.raises(StudyError, match="undefined on the test rows"):
        tuner.compare(study, ["uniform"], test=True)
    assert looks_at(study.folder) == 0


def test_rare_rows_are_spread_over_the_parts_of_a_fold():
    classes = (np.arange(100) < 12).astype(int)
    folds = [np.arange(0, 100, 2), np.arange(1, 100, 2)]
    counts = [classes[of].sum() for _, of in crossfit_parts(100, folds, ordered=False, seed=0, classes=classes)]
    assert len(counts) == 10
    assert set(counts) == {1, 2}


def test_the_metric_itself_says_so():
    task = tuner.Task(few(60, 3), "y", metric="roc_auc", split={"kind": "kfold", "folds": 5})
    with pytest.raises(Undefined, match="a class does not occur"):
        task.score(np.zeros(4, dtype=int), np.full((4, 2), 0.5))


def of_two_classes(how):
    """A metric that says nothing of rows of one class, in another way than by raising Undefined."""

    def function(y_true, y_pred):
        if len(set(y_true)) == 1:
            return float("nan") if how == "nan" else 1 / 0
        return float(y_pred[y_true == 1].mean() - y_pred[y_true == 0].mean())

    return own(function)


@pytest.mark.parametrize("how", ["nan", "raises"])
def test_an_own_metric_that_says_nothing_of_few_rows_makes_an_ensemble(tmp_path, how):
    """Resamples of ten positives in five folds often lack them; so do inner rows in time order."""
    task = tuner.Task(few(150, 10), "y", metric=of_two_classes(how))
    study = tuner.tune(task, {"linear": {}, "xgboost": {"n_estimators": 10}}, trials=2, folder=tmp_path / "s", **QUIET)
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    for method in ("uniform", "auto"):
        assert np.isfinite(study.ensemble(method).scores["difference"]["standard_error"])
    frame = few(120, 1).assign(y=(np.arange(120) % 20 == 0).astype(int))
    task = tuner.Task(frame, "y", metric=of_two_classes(how), split={"kind": "time", "folds": 3})
    study = tuner.tune(task, {"xgboost": {"n_estimators": 16}}, trials=1, folder=tmp_path / "t", **QUIET)
    assert {trial.family for trial in study.complete} == {"xgboost", "baseline"}


def test_a_trial_that_an_own_metric_cannot_score_says_why(tmp_path):
    def of_the_baseline(y_true, y_pred):
        if np.ptp(y_pred) > 0:
            raise KeyError("surprised")
        return 0.5

    task = tuner.Task(few(60, 30), "y", metric=own(of_the_baseline))
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    (failed,) = [trial for trial in study.trials if trial.state == "failed"]
    assert "mine is undefined in fold 0 for these predictions: mine failed with KeyError: 'surprised'" in (
        failed.outcome.error
    )


def test_predictions_of_test_rows_that_cannot_be_scored_are_said(tmp_path):
    def of_near_rows(y_true, y_pred):
        return float("nan") if np.abs(y_pred).max() > 100 else float(np.abs(y_true - y_pred).mean())

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60)}).assign(y=lambda rows: rows["a"] * 2)
    metric = tuner.Metric("near", of_near_rows, greater_is_better=False, needs="value")
    task = tuner.Task(frame, "y", metric=metric, test=pd.DataFrame({"a": [1e3, 0.5], "y": [0.0, 1.0]}))
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    with pytest.raises(StudyError, match="near says nothing of what 'ensemble' predicts of the test rows: near is nan"):
        study.ensemble("uniform").test()
    assert looks_at(study.folder) == 1
