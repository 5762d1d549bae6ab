"""Anybody's own function: both engines, resume, failures, MLflow, plots."""

from __future__ import annotations

import json

import hyperopt
import optuna
import pytest
from hyperopt import hp

import tuner
from spaces import Choice, Float, Int
from tuner import plots
from tuner.archive.study_folder import StudyError

SPACE = {"x": Float(-2.0, 2.0), "kind": Choice({"flat": {}, "steep": {"power": Int(2, 4)}})}
QUIET = {"tracking": None, "progress": False}


def bowl(config):
    match config["kind"]:
        case {"steep": {"power": power}}:
            return abs(config["x"] - 1) ** power + 0.1
    return abs(config["x"] - 1)


@pytest.mark.parametrize("sampler", ["optuna.tpe", "hyperopt.tpe"])
def test_both_engines_come_near_the_best(sampler):
    found = tuner.optimize(bowl, SPACE, sampler=sampler, trials=20, **QUIET)
    assert found.best_value < 0.2 < bowl({"x": 0.0, "kind": {"flat": {}}})
    assert bowl(found.best_config) == found.best_value == found.to_optuna().best_value
    assert found.to_hyperopt().best_trial["result"]["loss"] == found.best_value
    assert found.best_params["x"] == found.best_config["x"]


def test_the_same_call_goes_on_as_if_it_had_never_stopped(tmp_path):
    whole = tuner.optimize(bowl, SPACE, trials=12, folder=tmp_path / "whole", **QUIET)

    def cut(config):
        raise KeyboardInterrupt

    tuner.optimize(bowl, SPACE, trials=5, folder=tmp_path / "parts", **QUIET)
    parts = tuner.optimize(bowl, SPACE, trials=12, folder=tmp_path / "parts", **QUIET)
    assert [(t.params, t.value) for t in parts.trials] == [(t.params, t.value) for t in whole.trials]
    with pytest.raises(StudyError, match="holds another search: its direction, objective differ"):
        tuner.optimize(cut, SPACE, trials=13, direction="maximize", folder=tmp_path / "parts", **QUIET)


def test_a_search_of_another_format_is_refused(tmp_path):
    tuner.optimize(bowl, SPACE, trials=1, folder=tmp_path, **QUIET)
    path = tmp_path / "objective.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 2}))
    with pytest.raises(StudyError, match="its format differ"):
        tuner.optimize(bowl, SPACE, trials=1, folder=tmp_path, **QUIET)


def test_a_trial_that_was_cut_off_is_called_again(tmp_path):
    calls = []

    def fragile(config):
        calls.append(config["x"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return bowl(config)

    with pytest.raises(KeyboardInterrupt):
        tuner.optimize(fragile, SPACE, trials=5, folder=tmp_path / "cut", **QUIET)
    found = tuner.optimize(fragile, SPACE, trials=5, folder=tmp_path / "cut", **QUIET)
    assert calls[2] == calls[3]
    assert [trial.state for trial in found.trials] == ["complete"] * 5


def test_failures_are_data_and_on_trial_stops(tmp_path):
    def fails(config):
        if config["n"] == 3:
            raise ZeroDivisionError("no such n")
        return float("nan") if config["n"] == 4 else "much" if config["n"] == 5 else config["n"]

    def enough(found, trial):
        if len(found.trials) == 4:
            found.stop()

    start = [{"n": 3}, {"n": 4}, {"n": 5}, {"n": 6}, {"n": 7}]
    found = tuner.optimize(
        fails, {"n": Int(1, 9)}, start=start, direction="maximize", folder=tmp_path / "fails", on_trial=enough, **QUIET
    )
    errors = {trial.params["n"]: trial.outcome.error for trial in found.trials}
    assert errors == {
        3: "ZeroDivisionError: no such n",
        4: "the objective returned nan",
        5: "TypeError: the objective must return a number, got 'much'",
        6: None,
    }
    assert "in fails" in (tmp_path / "fails/trials/objective-000000/traceback.txt").read_text()
    assert found.best_value == 6


def test_an_objective_of_optunas_is_told_what_it_is_called_with():
    found = tuner.optimize(lambda trial: trial.suggest_float("x", 0, 1), {"x": Float(0.0, 1.0)}, trials=1, **QUIET)
    assert found.trials[0].outcome.error.endswith("the objective is called with a dict: config['x']")
    found = tuner.optimize(lambda config: config.nothing, {"x": Float(0.0, 1.0)}, trials=1, **QUIET)
    assert found.trials[0].outcome.error == "AttributeError: 'dict' object has no attribute 'nothing'"


def test_a_space_of_hyperopt_is_searched_and_its_objective_called_as_hyperopt_would():
    space = {
        "rate": hp.loguniform("rate", -5, 0),
        "model": hp.choice("model", [{"type": "line"}, {"type": "net", "units": hp.uniformint("units", 4, 64)}]),
        "size": hp.choice("size", [16, 32]),
    }
    seen = []

    def objective(config):
        seen.append(config)
        return {
            "loss": config["rate"] + config["model"].get("units", 99) + config["size"],
            "status": hyperopt.STATUS_OK,
        }

    found = tuner.optimize(objective, space, sampler="hyperopt.tpe", trials=15, seed=1, **QUIET)
    assert {config["model"]["type"] for config in seen} == {"line", "net"}
    assert {config["size"] for config in seen} == {16, 32}
    assert all(isinstance(config["model"].get("units", 5), int) for config in seen)
    assert found.best_config in seen
    assert min(objective(config)["loss"] for config in list(seen)) == found.best_value


def test_plots_and_tables_show_it():
    found = tuner.optimize(bowl, SPACE, trials=8, metric="distance", **QUIET)
    for plot in (plots.history, plots.parallel_coordinates, plots.parameter_importances):
        assert plot(found).data
    assert list(found.leaderboard()["distance"].dropna()) == sorted(trial.value for trial in found.complete)
    optuna.visualization.plot_optimization_history(found.to_optuna())


@pytest.mark.slow
def test_mlflow_shows_a_run_a_trial(tmp_path):
    from mlflow import MlflowClient

    tuner.optimize(bowl, SPACE, trials=3, folder=tmp_path / "bowl", progress=False)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("bowl").experiment_id])
    assert len(runs) == 4
    assert sorted(run.data.metrics["value"] for run in runs if "value" in run.data.metrics)[0] < 1.01


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"space": {"x": hp.lognormal("x", 0, 1)}}, r"hp.loguniform\('x', -3, 3\) has"),
        ({"space": {"x": hp.pchoice("x", [(0.1, 1), (0.9, 2)])}}, "use hp.choice"),
        ({"space": {"x": 3}}, "nothing to search"),
        ({"space": {"x": (0, 1)}}, r"a range is Float\(0, 1\)"),
        (
            {"space": {"x": optuna.distributions.FloatDistribution(0, 1)}},
            r"x: .*got FloatD.*a range is Float\(0, 1\)",
        ),
        ({"direction": "maximise"}, "did you mean 'maximize'"),
        ({"objective": 3}, "must be a function"),
        ({"start": [{"y": 1.0}]}, "unknown name 'y'"),
    ],
)
def test_what_cannot_be_searched_is_refused_first(tmp_path, given, complaint):
    with pytest.raises(ValueError, match=complaint):
        tuner.optimize(**{"objective": bowl, "space": SPACE, "folder": tmp_path / "none", **QUIET, **given})
    assert not (tmp_path / "none").exists()
