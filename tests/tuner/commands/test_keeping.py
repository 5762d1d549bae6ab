"""Studies listed, handed on and removed from the terminal."""

from __future__ import annotations

import json
import shutil

import filelock
import hyperopt
import optuna
import pandas as pd
import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from tuner.cli import main
from tuner.tracking.client import open_client


def call(*arguments, said=None):
    return CliRunner().invoke(main, list(map(str, arguments)), input=said)


@pytest.fixture
def folder(study, tmp_path):
    return shutil.copytree(study.folder, tmp_path / "runs" / "deep" / "adult")


def test_list_names_each_study_below_a_folder(folder, study):
    (folder.parents[1] / "mlartifacts").mkdir()
    shutil.copy(folder / "study.json", folder.parents[1] / "mlartifacts")  # MLflow shows it on the study's run
    listed = call("list", folder.parents[1], "--format", "json")
    assert listed.exit_code == 0, listed.output
    (row,) = json.loads(listed.stdout)
    assert (row["study"], row["target"], row["trials"]) == ("deep/adult", "label", len(study.trials))
    assert row["best"].endswith(f"by {study.best.name}")
    with filelock.FileLock(folder / ".lock"):
        assert json.loads(call("list", folder.parents[1], "--format", "json").stdout)[0]["ended"] == "running"
    (folder.parent / "empty").mkdir()
    assert "no study below" in call("list", folder.parent / "empty").stderr
    assert "no folder" in call("list", folder.parent / "nothing").stderr


def test_export_is_read_by_others_and_writes_over_nothing(folder, study, tmp_path):
    done = call("export", folder, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "out" / "trials.csv")["trial"].tolist() == study.leaderboard()["trial"].tolist()
    read = optuna.load_study(study_name="xgboost", storage=f"sqlite:///{tmp_path / 'out' / 'optuna.db'}")
    assert [(one.params, one.value) for one in read.trials] == [
        (one.params, one.value) for one in study.to_optuna("xgboost").trials
    ]
    documents = json.loads((tmp_path / "out" / "hyperopt-xgboost.json").read_text())
    trials = hyperopt.trials_from_docs(documents)
    assert trials.losses() == study.to_hyperopt("xgboost").losses()
    assert trials.best_trial["misc"]["vals"] == study.to_hyperopt("xgboost").best_trial["misc"]["vals"]
    assert call("export", folder, "-o", tmp_path / "out").exit_code == 2


def test_rm_asks_and_removes_a_study_that_does_not_run_and_nothing_else(folder):
    (folder.parent / "other").mkdir()
    assert "in " in call("rm", folder.parent / "other", "--yes").stderr
    assert call("rm", folder, said="n\n").exit_code == 0
    assert folder.exists()
    with filelock.FileLock(folder / ".lock"):
        assert "is running" in call("rm", folder, "--yes").stderr
    assert call("rm", folder, said="y\n").exit_code == 0
    assert not folder.exists()
    assert (folder.parent / "other").exists()


@pytest.mark.slow
def test_rm_deletes_the_runs_of_the_study_alone(tmp_path):
    task = tuner.Task(make_frame(90), "label", split={"kind": "holdout"})
    for name in ("one", "two"):
        tuner.tune(task, ["linear"], trials=1, workers=0, folder=tmp_path / name, progress=False)
    done = call("rm", tmp_path / "one", "--yes")
    assert "and 3 runs in MLflow" in done.stderr, done.output
    client = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")
    left = {name: client.search_runs([client.get_experiment_by_name(name).experiment_id]) for name in ("one", "two")}
    assert (len(left["one"]), len(left["two"])) == (0, 3)
