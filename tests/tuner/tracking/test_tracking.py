"""What MLflow shows, and that nothing depends on it."""

import subprocess
import sys

import mlflow
import pytest
from small import SMALL_XGBOOST

import tuner
from tuner.tracking.client import open_client
from tuner.tracking.shown import worded

CALL = {"families": {"linear": {}, "xgboost": SMALL_XGBOOST}, "trials": 4, "workers": 0, "seed": 1}


@pytest.fixture(scope="module")
def tracked(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    study = tuner.tune(task, folder=folder / "study", progress=False, **CALL)
    return study, mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")


def runs_of(client, name="study"):
    runs = client.search_runs([client.get_experiment_by_name(name).experiment_id], max_results=1000)
    return {run.data.tags.get("tuner.trial", run.info.run_name): run for run in runs}


def test_a_parent_and_a_child_for_each_trial(tracked):
    study, client = tracked
    runs = runs_of(client)
    assert set(runs) == {"study"} | {trial.name for trial in study.trials}
    parent = runs.pop("study")
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith(f"best log_loss {study.best.value:.5g} by {study.best.name}; ")
    page = f"#/experiments/{parent.info.experiment_id}/runs/{runs['linear-000000'].info.run_id}"
    assert f"| [linear-000000]({page}" in note
    assert parent.data.metrics["best_log_loss"] == pytest.approx(study.best.value, rel=1e-5)
    assert parent.data.params["metric"] == "log_loss"
    (dataset,) = parent.inputs.dataset_inputs
    assert dataset.dataset.digest == study.task.digest


@pytest.mark.slow
def test_no_lines_of_mlflow_stand_among_ours(tmp_path):
    """In a fresh process that makes MLflow's tables, logs, shows an ensemble and publishes it."""
    script = (
        "import tuner\n"
        "from sklearn.datasets import load_iris\n"
        "task = tuner.Task(load_iris(as_frame=True).frame, 'target')\n"
        "study = tuner.tune(task, ['linear'], trials=2, workers=0, folder='runs/iris')\n"
        "study.ensemble().publish('iris')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    said = (done.stdout + done.stderr).splitlines()
    assert any("linear-000001" in line for line in said)
    foreign = (
        "alembic",
        "INFO",
        "WARNING",
        "Created version",
        "Successfully registered",
        "View run",
        "View experiment",
    )
    assert [line for line in said if any(word in line for word in foreign)] == []


def test_children_hold_params_curves_and_each_score_once(tracked):
    study, client = tracked
    runs = runs_of(client)
    for trial in study.complete:
        run = runs[trial.name]
        said = run.data.tags["mlflow.note.content"]
        assert f"tuner publish {study.folder} NAME --trial {trial.name}" in said
        assert str(study.folder / "trials" / trial.name / "1") in said
        assert run.data.params == {"family": trial.family} | {k: worded(v) for k, v in trial.params.items()}
        history = client.get_metric_history(run.info.run_id, "log_loss")
        assert [point.value for point in history] == [pytest.approx(trial.value, rel=1e-5)]
        assert 50 < run.data.metrics["memory_mb"] < 10_000
        assert run.data.metrics["roc_auc"] == pytest.approx(trial.outcome.scores["held_out"]["roc_auc"], rel=1e-5)
        assert not {"objective", "score", "objective_by_fold"} & set(run.data.metrics)
    curve = client.get_metric_history(runs["xgboost-000000"].info.run_id, "log_loss/validation")
    steps = [point.step for point in curve]
    assert len(set(steps)) == len(steps) > 3


def test_a_server_that_is_down_stops_nothing_and_is_told_later(task, tmp_path, capfd):
    call = {**CALL, "folder": tmp_path / "study"}
    study = tuner.tune(task, tracking="http://127.0.0.1:9", **call)
    said = capfd.readouterr().err
    assert "does not answer" in said
    assert "5 trials are not in MLflow yet" in said
    assert len(study.complete) == 5
    uri = f"sqlite:///{tmp_path / 'later.db'}"
    tuner.tune(task, tracking=uri, progress=False, **call)
    runs = runs_of(mlflow.MlflowClient(uri))
    assert set(runs) == {"study"} | {trial.name for trial in study.trials}
    assert runs["xgboost-000001"].data.metrics["log_loss"] == pytest.approx(
        next(trial.value for trial in study.complete if trial.name == "xgboost-000001"), rel=1e-5
    )


def test_starting_again_adds_nothing_twice(tracked, task):
    study, client = tracked
    before = {name: run.info.run_id for name, run in runs_of(client).items()}
    tuner.tune(task, folder=study.folder, progress=False, **CALL)
    assert {name: run.info.run_id for name, run in runs_of(client).items()} == before


DIE = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *more):
    if "CREATE TABLE _alembic_tmp_trace_info" in statement:
        os.kill(os.getpid(), signal.SIGKILL)
from tuner.tracking.client import open_client
open_client(sys.argv[1])
"""


@pytest.mark.slow
def test_a_process_killed_while_the_database_is_made_leaves_no_half_of_it(tmp_path):
    """MLflow makes its tables in many steps, and cannot go on where one was cut off."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    killed = subprocess.run([sys.executable, "-c", DIE, uri], check=False)
    assert killed.returncode == -9, "the process was to die in the middle"
    client = open_client(uri)
    assert client.create_experiment("after") in {one.experiment_id for one in client.search_experiments()}
    assert [path.name for path in tmp_path.glob("mlflow.db*") if path.suffix not in (".lock", "")] == ["mlflow.db"]


def test_an_ensemble_is_shown_where_the_study_is(tracked):
    study, client = tracked
    made = study.ensemble("uniform")
    parent = runs_of(client)["study"]
    assert parent.data.metrics["ensemble_log_loss"] == pytest.approx(made.scores["ensemble"]["cross_fitted"], rel=1e-5)
    assert "; ensemble of 2 models " in parent.data.tags["mlflow.note.content"]
    above = client.get_experiment_by_name("study").tags["mlflow.note.content"]
    assert f"/runs/{parent.info.run_id}?" in above
    assert "; ensemble of 2 models " in above
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {"study.json", "leaderboard.csv", "report.html"}


def test_a_study_that_is_not_tracked_shows_no_ensemble_wherever_the_environment_points(task, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", workers=0, tracking=None, progress=False)
    study.ensemble("uniform")
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_wrong_time_for_columns_is_refused_before_anything_is_combined(study):
    with pytest.raises(ValueError, match="column_time"):
        study.ensemble("no such method", column_time="ten")
