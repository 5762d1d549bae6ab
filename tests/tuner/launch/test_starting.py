"""Points of the user's own and those of an earlier study come first, and survive."""

from __future__ import annotations

import json

import optuna
import pytest
from sklearn.datasets import load_iris

import tuner
from spaces import FAMILIES as SPACES
from spaces import defaults
from tuner.studyfile import checked

QUIET = {"workers": 0, "tracking": None, "progress": False}
LINEAR = {"scaling": "standard"}
FAMILIES = {"linear": LINEAR, "xgboost": {"n_estimators": 5}}
START = [{"family": "xgboost", "max_depth": 4}, {"linear": {"alpha": 7.0}, "xgboost": {"reg_lambda": {"none": 0.0}}}]


@pytest.fixture(scope="module")
def task():
    frame = load_iris(as_frame=True).frame
    return tuner.Task(frame, "target", split={"kind": "holdout", "share": 0.3})


@pytest.fixture(scope="module")
def study(task, tmp_path_factory):
    return tuner.tune(task, FAMILIES, trials=4, start=START, folder=tmp_path_factory.mktemp("s") / "s", **QUIET)


def params_of(study, family):
    return [trial.params for trial in study.ledger.trials(family)]


def test_the_users_points_come_first(study):
    assert params_of(study, "linear")[0]["alpha"] == 7.0
    assert [one["max_depth"] for one in params_of(study, "xgboost")] == [4, 6]
    assert params_of(study, "xgboost")[1]["reg_lambda"] == "none"


def test_a_continued_study_goes_on_in_its_list(study, task):
    begun = [*params_of(study, "xgboost")]
    again = tuner.tune(task, FAMILIES, trials=6, folder=study.folder, **QUIET)
    stored = json.loads((study.folder / "study.json").read_text())["families"]["xgboost"]
    assert params_of(again, "xgboost") == [*begun, stored["starts"][2]]
    assert stored["starts"][2]["max_depth"] == defaults(SPACES["xgboost"].space(task.signature))["max_depth"]


def test_a_continued_study_says_that_new_points_are_left_out(study, task, capsys):
    settings = {**QUIET, "progress": True}
    tuner.tune(task, FAMILIES, trials=2, folder=study.folder, start=[{"linear": {"alpha": 0.123}}], **settings)
    said = capsys.readouterr().err
    assert "linear keeps the points it began with: new ones are left out" in said
    tuner.tune(task, FAMILIES, trials=2, folder=study.folder, **settings)
    assert "left out" not in capsys.readouterr().err


def test_a_study_like_another_begins_with_its_best(study, task, tmp_path, capsys):
    settings = {**QUIET, "progress": True}
    other = tuner.tune(task, {"linear": LINEAR}, trials=1, like=study.folder, folder=tmp_path / "b", **settings)
    best = next(trial for trial in tuner.load_study(study.folder).complete if trial.family == "linear")
    assert params_of(other, "linear") == [best.params]
    assert "best trials of s are points of this study's spaces" in capsys.readouterr().err


def test_a_study_like_one_of_optunas_begins_with_its_best(task, tmp_path):
    other = optuna.create_study(direction="maximize")
    alpha = optuna.distributions.FloatDistribution(1e-3, 1e3)
    for value, said in ((0.5, 1.0), (0.9, 3.0), (0.7, 2.0), (1.0, 900.0)):  # the last is no point of the space
        name = "alpha" if said < 900 else "beta"
        other.add_trial(optuna.create_trial(params={name: said}, distributions={name: alpha}, value=value))
    made = tuner.tune(task, {"linear": LINEAR}, trials=3, like=other, folder=tmp_path / "b", **QUIET)
    assert [one["alpha"] for one in params_of(made, "linear")] == [3.0, 2.0, 1.0]
    hyper = made.to_hyperopt("linear")
    assert hyper.best_trial["result"]["loss"] == min(t.value for t in made.complete if t.family == "linear")
    again = tuner.tune(task, {"linear": LINEAR}, trials=1, like=made.to_optuna(), folder=tmp_path / "c", **QUIET)
    best = next(trial for trial in made.complete if trial.family == "linear")
    assert params_of(again, "linear") == [best.params]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([{"family": "xgbost"}], r"start 1: family: unknown name 'xgbost', did you mean 'xgboost'\?"),
        (
            [{"family": "xgboost", "max_dept": 3}],
            r"start 1 of xgboost: unknown name 'max_dept', did you mean 'max_depth'\?",
        ),
        ([{"xgboost": {"max_depth": 99}}], "start 1 of xgboost: max_depth must be between"),
        ([{"xgboost": 3}], "start 1: xgboost must be a mapping of parameters, got 3"),
        ({"xgboost": {}}, "start must be a list of points"),
    ],
)
def test_a_start_is_checked_before_anything_begins(task, tmp_path, start, message):
    with pytest.raises(ValueError, match=message):
        tuner.tune(task, FAMILIES, start=start, folder=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s").exists()


def test_a_sampler_with_a_beginning_of_its_own_takes_no_points(task, tmp_path):
    with pytest.raises(ValueError, match="begins with points of its own"):
        tuner.tune(task, FAMILIES, sampler="capacity_first", start=START, folder=tmp_path / "s", **QUIET)


def test_a_study_file_says_points_and_an_earlier_study():
    study = {"name": "a", "like": "runs/b", "start": [{"family": "xgboost", "max_depth": 4}]}
    launch = checked({"study": study, "data": {"train": "a.csv"}}).launch
    assert (launch["like"], launch["start"]) == ("runs/b", [{"family": "xgboost", "max_depth": 4}])
