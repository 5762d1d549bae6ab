"""What MLflow is told of a study, without MLflow."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.engines.curves import Curve
from tuner.search.ledger import Trial, Turn
from tuner.tracking.addresses import leaderboard_page, view_tags
from tuner.tracking.client import default_uri, remember, remembered_uri, tracking_uri
from tuner.tracking.complaints import without_password
from tuner.tracking.shown import accepted, curve_points, ensemble_numbers, run_name, study_points, trial_points
from tuner.trials.outcome import Outcome


def trial(number=3, state="complete", value=0.5, **outcome):
    told = {"fold_values": (0.25, 0.75), "seconds": 2.0, "started": 100.0, **outcome}
    params = {"scaling": "piecewise", "units": 64, "adam.learning_rate": 0.01234567, "depth": 2}
    return Trial("dense", number, state, params, Outcome(state, value, **told), Turn(number, ""))


def numbers(points):
    return {(point.key, point.step): point.value for point in points}


def test_a_trial_shows_each_score_once():
    scores = {"held_out": {"log_loss": 0.5, "accuracy": 0.87654321}, "train": {"log_loss": 0.4}}
    points = trial_points(trial(scores=scores, memory=123_456_789), "log_loss")
    assert {point.key: point.value for point in points} == {
        "log_loss": 0.5,
        "log_loss_std": 0.25,
        "accuracy": 0.876543,
        "train_log_loss": 0.4,
        "seconds": 2.0,
        "memory_mb": 123.457,
    }
    assert len(points) == 6
    assert {(point.step, point.when) for point in points} == {(0, 102.0)}
    assert [point.key for point in trial_points(trial(state="failed", value=None), "log_loss")] == ["seconds"]


def test_a_run_is_named_by_family_number_and_two_parameters():
    assert run_name(trial()) == "dense-000003 units=64 learning_rate=0.0123"
    params = {"members": 1, "nested": True, "depth": 2, "units": 64, "dropout.some": 0.1}
    assert run_name(replace(trial(), params=params)) == "dense-000003 depth=2 dropout=0.1"


LOSS, WATCHED, RATE = Curve("loss"), Curve("loss", "validation"), Curve("learning_rate")
FOLDS = [
    {LOSS: [4.0, 2.0, 1.0], WATCHED: [5.0, 3.0, 2.0], RATE: [0.1, 0.1, 0.1]},
    {LOSS: [2.0, 1.0], WATCHED: [3.0, 1.0], RATE: [0.1, 0.05]},
]


def test_curves_are_means_over_the_folds_and_one_that_stopped_counts_with_its_last():
    found = numbers(curve_points(FOLDS, 9.0, "mean"))
    assert [found["loss/train", step] for step in range(3)] == [3.0, 1.5, 1.0]
    assert [found["loss/validation", step] for step in range(3)] == [4.0, 2.0, 1.5]
    assert found["learning_rate", 1] == 0.075
    assert {key for key, _ in found} == {"loss/train", "loss/validation", "learning_rate"}
    each = numbers(curve_points(FOLDS, 9.0, "folds"))
    assert each["val_loss/fold-1", 1] == 1.0
    assert curve_points(FOLDS, 9.0, "none") == []


def test_long_curves_keep_their_ends_and_targets_their_names():
    long = [{Curve("rmse", "train", "price"): [float(i) for i in range(1000)]}]
    found = numbers(curve_points(long, 0.0, "mean"))
    assert len(found) == 100
    assert (found["price/rmse/train", 0], found["price/rmse/train", 999]) == (0.0, 999.0)


@pytest.mark.parametrize(("sign", "best"), [(1, [0.5, 0.5, 0.25]), (-1, [0.5, 0.5, 0.5])])
def test_a_study_shows_the_best_so_far_and_trials_by_state(sign, best):
    trials = [trial(0), trial(1, "failed", None), trial(2, value=0.25)]
    found = numbers(study_points(trials, "log_loss", sign))
    assert [found["best_log_loss", step] for step in range(3)] == best
    assert [found["trials_failed", step] for step in range(3)] == [0, 1, 1]
    assert [found["trials_complete", step] for step in range(3)] == [1, 1, 2]
    assert found["trial_seconds", 2] == 6.0


def test_of_many_trials_every_few_are_shown_and_each_new_best():
    trials = [trial(number, value=0.1 if number >= 1234 else 0.5) for number in range(2000)]
    found = numbers(study_points(trials, "log_loss", 1))
    steps = [step for key, step in found if key == "trials_complete"]
    assert len(steps) < 210
    assert {0, 1234, 1999} <= set(steps)
    assert (found["best_log_loss", 1234], found["trials_complete", 1999]) == (0.1, 2000)
    before = numbers(study_points(trials[:300], "log_loss", 1))
    assert all(found[which] == value for which, value in before.items() if which in found)
    assert (
        len([step for key, step in numbers(study_points(trials[:150], "log_loss", 1)) if key == "trials_complete"])
        == 150
    )


def test_an_ensemble_shows_score_gain_and_standard_error():
    scores = {
        "ensemble": {"cross_fitted": 0.1, "in_sample": 0.05, "test": {"log_loss": 0.2}},
        "best_single": {"cross_validated": 0.15},
        "comparator": {"cross_fitted": 0.16},
        "difference": {"cross_fitted": -0.06, "standard_error": None},
    }
    assert ensemble_numbers("log_loss", scores, 2) == {
        "ensemble_log_loss": 0.1,
        "one_model_log_loss": 0.16,
        "ensemble_minus_one_model": -0.06,
        "ensemble_members": 2.0,
        "ensemble_test_log_loss": 0.2,
    }


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=5, unique=True))
def test_any_name_is_accepted_and_none_becomes_another(names):
    from mlflow.utils.validation import _validate_metric_name

    made = [accepted(name) for name in names]
    assert len(set(made)) == len(names)
    for name in made:
        _validate_metric_name(name)


@pytest.mark.parametrize("name", ["lift//top", "/top", "..", ".", "a/../b", "rate(a)", "a" * 400, "precision@10"])
def test_names_that_mlflow_refuses_are_made_acceptable(name):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    _validate_metric_name(accepted(name))
    _validate_param_name(accepted(name))
    assert accepted(name) != name


def test_the_view_is_sorted_by_the_metric_best_first():
    tags = view_tags("roc_auc", greater_is_better=True, metrics=["seconds"], params=["family"])
    view = json.loads(tags["mlflow.sharedViewState.tuner"])
    kind, _, packed = view["state"].partition(";")
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert kind == "deflate"
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`roc_auc`", False)
    assert state["selectedColumns"] == ["metrics.`roc_auc`", "metrics.`seconds`", "params.`family`"]
    name, created, *order = state["columnOrder"]
    assert (name, order) == ("attributes.`Run Name`", [*state["selectedColumns"], "duration"])
    assert set(state["columnWidths"]) == {name, created, *order}
    assert "compareRunCharts" not in state
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"
    link = leaderboard_page("http://127.0.0.1:5000", "7")
    assert link == "http://127.0.0.1:5000/#/experiments/7/runs?viewStateShareKey=tuner&workflowType=machine_learning"


def test_both_curves_of_a_metric_share_a_chart():
    curves = [("loss/train", "loss/validation")]
    tags = view_tags("rmse", greater_is_better=False, metrics=[], params=[], curves=curves)
    packed = json.loads(tags["mlflow.sharedViewState.tuner"])["state"].partition(";")[2]
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    shown, hidden = state["compareRunCharts"]
    assert (shown["type"], shown["selectedMetricKeys"], shown["deleted"]) == ("LINE", [*curves[0]], False)
    assert (hidden["metricKey"], hidden["deleted"]) == ("loss/validation", True)  # MLflow would draw it alone
    assert {shown["metricSectionId"]} <= {section["uuid"] for section in state["compareRunSections"]}


def test_passwords_are_never_shown(tmp_path):
    assert without_password("https://ann:s3cret@example.org:80/x?y=1") == "https://ann:***@example.org:80/x?y=1"
    assert without_password("postgresql://ann@db/mlflow") == "postgresql://ann@db/mlflow"
    remember(tmp_path, "postgresql://ann:s3cret@db/mlflow")
    assert remembered_uri(tmp_path) == "postgresql://ann:***@db/mlflow"
    assert not any("s3cret" in path.read_text() for path in tmp_path.iterdir())


def test_the_environment_says_where_unless_the_user_does(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri("auto", tmp_path / "study") == default_uri(tmp_path / "study")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert tracking_uri("auto", tmp_path / "study") == "http://127.0.0.1:9"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/mlflow.db")  # of any folder from now on
    assert tracking_uri("auto", tmp_path / "study") == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    assert tracking_uri(None, tmp_path / "study") is None
    assert tracking_uri("sqlite:///x.db", tmp_path) == f"sqlite:///{tmp_path / 'x.db'}"
