"""What goes wrong in MLflow is said as what it is, and stops nothing."""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tuner import database_url
from tuner.search.ledger import Trial, Turn
from tuner.tracking.client import open_client, study_run
from tuner.tracking.complaints import Unusable
from tuner.tracking.ensembles import NotShown, show_ensemble
from tuner.tracking.moved import follow_the_folder
from tuner.tracking.server import PortTaken, check_port, tracked_at
from tuner.tracking.tracker import Tracker
from tuner.trials.outcome import Outcome


@dataclass
class Page:
    """A study of a few made-up trials."""

    folder: Path
    trials: list[Trial] = field(default_factory=list)
    name: str = "oil"
    id: str = "id-of-oil"
    metric: str = "log_loss"
    sign: int = 1
    params: dict[str, Any] = field(default_factory=lambda: {"seed": 0})
    columns: tuple[list[str], list[str]] = (["seconds"], ["family"])
    curve_names: tuple[str, ...] = ("loss",)

    @property
    def artifacts(self):
        return str(self.folder / "mlartifacts")

    @property
    def dataset(self):
        return {"name": "oil", "digest": "abc", "source": "data", "schema": {"mlflow_colspec": []}, "profile": {}}

    def note(self, pages):
        return f"{len(pages)} trials"

    def finished(self):
        return self.trials

    def curves(self, trial):
        return []

    def use(self, trial):
        return f"tuner show oil {trial.name}"

    def traceback(self, trial):
        return "" if trial.value is not None else 'Traceback:\n  File "mine.py", line 7, in build\n'

    def files(self):
        return {"leaderboard.csv": "trial\n"}

    def add(self, **params):
        number = len(self.trials)
        outcome = Outcome("complete", 1 / (1 + number), (0.1, 0.2), seconds=1.0, started=1e9 + number)
        self.trials.append(Trial("linear", number, "complete", params, outcome, Turn(number, "")))
        return self.trials[-1]


class Study:
    """A page, the database beside it, and what was complained of."""

    def __init__(self, folder):
        self.page, self.said = Page(folder), []
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"

    def start(self, trials="all"):
        return Tracker(self.uri, self.page, curves="mean", trials=trials, complain=self.said.append)

    @property
    def runs(self):
        client = open_client(self.uri)
        experiment = client.get_experiment_by_name("oil")
        found = client.search_runs([experiment.experiment_id]) if experiment else []
        return {run.data.tags.get("tuner.trial", "parent"): run for run in found}

    def send(self, count=2):
        tracker = self.start()
        for _ in range(count):
            tracker.told(self.page.add(penalty=0.5))
        assert tracker.close("FINISHED", 300) == 0
        return self.runs


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """MLflow's tables, which take seconds to make."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path


@pytest.fixture
def study(tmp_path, empty):
    shutil.copy(empty, tmp_path)
    return Study(tmp_path)


def test_the_study_has_numbers_a_description_and_files_of_its_own(study):
    runs = study.send(3)
    parent = runs["parent"]
    assert parent.data.metrics["best_log_loss"] == pytest.approx(1 / 3, rel=1e-5)
    assert parent.data.metrics["trials_complete"] == 3
    history = open_client(study.uri).get_metric_history(parent.info.run_id, "best_log_loss")
    assert [(point.step, point.value) for point in history] == [(0, 1.0), (1, 0.5), (2, pytest.approx(0.333333))]
    assert parent.data.tags["mlflow.note.content"] == "3 trials"
    assert [file.path for file in open_client(study.uri).list_artifacts(parent.info.run_id)] == ["leaderboard.csv"]
    child = runs["linear-000001"]
    assert (child.info.start_time, child.info.end_time) == (1_000_000_001_000, 1_000_000_002_000)
    assert child.info.run_name == "linear-000001 penalty=0.5"


def test_a_trial_that_raised_says_where(study):
    outcome = Outcome("failed", error="ValueError: no such layer", reason="error", seconds=1.0, started=1e9)
    study.page.trials.append(Trial("mine", 0, "failed", {}, outcome, Turn(0, "")))
    run = study.send(1)["mine-000000"]
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("ValueError: no such layer\n\n```\nTraceback:")
    assert 'File "mine.py", line 7, in build' in note
    assert run.info.status == "FAILED"
    assert study.runs["linear-000001"].data.tags["mlflow.note.content"] == "tuner show oil linear-000001"


def test_a_run_that_was_cut_off_before_its_data_were_logged_has_them_later_and_once(study):
    client = open_client(study.uri)
    experiment = client.create_experiment("oil", artifact_location=study.page.artifacts)
    client.create_run(experiment, tags={"tuner.study": "id-of-oil"})
    for _ in range(2):
        (data,) = study.send()["parent"].inputs.dataset_inputs
        assert data.dataset.digest == "abc"


def test_an_ensemble_stands_on_the_study_s_run(study):
    study.send()
    numbers = {"ensemble_log_loss": 0.1}
    ask = {"experiment": "oil", "numbers": numbers, "note": lambda pages: " ".join(sorted(pages))}
    ask["files"] = {"report.html": "<p>oil</p>"}
    show_ensemble(study.uri, study="id-of-oil", **ask)
    parent = study.runs["parent"]
    assert parent.data.metrics["ensemble_log_loss"] == 0.1
    assert parent.data.tags["mlflow.note.content"] == "linear-000000 linear-000001"
    files = open_client(study.uri).list_artifacts(parent.info.run_id)
    assert [file.path for file in files] == ["leaderboard.csv", "report.html"]
    with pytest.raises(NotShown, match="no run of oil"):
        show_ensemble(study.uri, study="another", **ask)
    with pytest.raises(NotShown, match="does not answer"):
        show_ensemble("postgresql://ann@127.0.0.1:9/mlflow", study="id-of-oil", **ask)


@pytest.mark.slow  # MLflow tries twice
def test_a_database_that_never_answers_is_told_after_a_limit(monkeypatch):
    monkeypatch.setattr(database_url, "_SECONDS", 2)  # the least that the driver takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}/mlflow"
        with pytest.raises(Unusable, match=rf"postgresql://ann:\*\*\*@{address} "):
            open_client(f"postgresql://ann:s3cret@{address}")


@pytest.mark.parametrize(("how", "count"), [("top", 20), ("none", 0)])
def test_a_study_of_many_trials_shows_a_run_of_the_best_or_of_none(study, how, count):
    for _ in range(25):
        study.page.add()
    tracker = study.start(how)
    tracker.started(Trial("linear", 99, "running", {}, None, Turn(99, "")), 1)
    assert tracker.close("FINISHED", 300) == 0
    assert study.runs.keys() == {"parent"} | {f"linear-{number:06d}" for number in range(25 - count, 25)}
    assert study.runs["parent"].data.metrics["trials_complete"] == 25


def test_parameters_that_mlflow_takes_for_one_are_two(study):
    tracker = study.start()
    tracker.told(study.page.add(**{"rate(a)": 1, "rate[a]": 2, "lift//top": 3}))
    tracker.told(study.page.add(units=4))
    assert tracker.close("FINISHED", 300) == 0
    runs = study.runs
    assert {runs[name].info.status for name in ("linear-000000", "linear-000001")} == {"FINISHED"}
    assert sorted(runs["linear-000000"].data.params.values()) == ["1", "2", "3", "linear"]
    assert study.said == []


def test_a_metric_of_a_name_that_mlflow_refuses_leaves_no_run_open(study):
    study.page.metric = "lift//top"
    runs = study.send()
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    (key,) = [key for key in runs["linear-000000"].data.metrics if key.startswith("lift__top_") and "std" not in key]
    assert runs["linear-000000"].data.metrics[key] == 1.0
    assert study.said == []


def test_a_deleted_parent_is_restored_and_nothing_comes_twice(study):
    before = study.send()
    open_client(study.uri).delete_run(before["parent"].info.run_id)
    after = study.send(1)
    assert after.keys() == {"parent", "linear-000000", "linear-000001", "linear-000002"}
    assert all(after[name].info.run_id == run.info.run_id for name, run in before.items())
    assert study.said == ["the run of oil was deleted in MLflow: it is restored, as the study goes on"]


def test_a_deleted_experiment_is_said_to_be_deleted(study):
    study.send()
    client = open_client(study.uri)
    number = client.get_experiment_by_name("oil").experiment_id
    client.delete_experiment(number)
    tracker = study.start()
    tracker.told(study.page.add())
    assert tracker.close("FINISHED", 300) == 1
    (said,) = study.said
    assert "the experiment 'oil' was deleted" in said
    assert f"MLFLOW_TRACKING_URI={study.uri} mlflow experiments restore --experiment-id {number}" in said
    with pytest.raises(NotShown, match="the experiment 'oil' was deleted"):
        show_ensemble(study.uri, experiment="oil", study="id-of-oil", numbers={}, note=str, files={})
    with pytest.raises(Unusable, match="the experiment 'oil' was deleted"):
        study_run(study.uri, "oil", "id-of-oil", artifacts=study.page.folder)


def test_a_file_that_is_no_database_is_said_to_be_none(study, tmp_path):
    (tmp_path / "mlflow.db").write_text("no database, but a text that is long enough to be one" * 20)
    tracker = study.start()
    tracker.told(study.page.add())
    assert tracker.close("FINISHED", 300) == 1
    assert "mlflow.db is no database of MLflow (file is not a database): move it away" in study.said[0]


def test_a_database_deleted_in_mid_run_is_made_again_with_everything(study, tmp_path):
    tracker = study.start()
    tracker.told(study.page.add())
    until = time.monotonic() + 60
    while "linear-000000" not in study.runs:
        assert time.monotonic() < until
        time.sleep(0.2)
    (tmp_path / "mlflow.db").unlink()
    tracker.told(study.page.add())
    assert tracker.close("FINISHED", 300) == 0
    assert study.runs.keys() == {"parent", "linear-000000", "linear-000001"}


def test_a_run_deleted_while_it_trains_does_not_keep_the_others_away(study):
    tracker = study.start()
    running = study.page.add()
    tracker.started(Trial("linear", 0, "running", {}, None, Turn(0, "")), 1)
    until = time.monotonic() + 60
    while not tracker._runs:
        assert time.monotonic() < until
        time.sleep(0.1)
    open_client(study.uri).delete_run(tracker._runs[running.name])
    tracker.told(running)
    tracker.told(study.page.add())
    assert tracker.close("FINISHED", 300) == 0
    assert study.runs["linear-000001"].info.status == "FINISHED"
    (said,) = study.said
    assert "MLflow refuses linear-000000" in said


@pytest.mark.parametrize("kind", ["http", "postgresql"])
def test_passwords_are_cut_out_of_complaints(study, kind):
    study.uri = f"{kind}://ann:s3cret@127.0.0.1:9"
    tracker = study.start()
    tracker.told(study.page.add())
    assert tracker.close("FINISHED", 300) == 1
    assert f"{kind}://ann:***@127.0.0.1:9 does not answer" in study.said[0]
    assert "s3cret" not in " ".join(study.said)


def test_a_moved_folder_is_followed(study, tmp_path):
    study.send()
    there = tmp_path / "elsewhere"
    there.mkdir()
    for name in ("mlflow.db", "mlartifacts"):
        (tmp_path / name).rename(there / name)
    moved = f"sqlite:///{there / 'mlflow.db'}"
    assert follow_the_folder(moved) == tmp_path.as_posix()
    assert follow_the_folder(moved) is None
    client = open_client(moved)
    parent = next(run for run in client.search_runs(["1"]) if "tuner.study" in run.data.tags)
    assert parent.info.artifact_uri.startswith((there / "mlartifacts").as_posix())
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["leaderboard.csv"]


def test_places_of_a_study_elsewhere_are_left_where_they_are(study, tmp_path):
    study.page.folder = tmp_path / "other"
    study.send()
    client = open_client(study.uri)
    bucket = client.create_experiment("on a server", artifact_location="s3://bucket/mlartifacts")
    (tmp_path / "mlartifacts").mkdir()
    client.create_experiment("here", artifact_location=str(tmp_path / "mlartifacts"))
    assert follow_the_folder(study.uri) is None
    assert client.get_experiment(bucket).artifact_location == "s3://bucket/mlartifacts"
    parent = study.runs["parent"].info.run_id
    assert [file.path for file in client.list_artifacts(parent)] == ["leaderboard.csv"]


def test_a_taken_port_is_refused_with_a_free_one():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} is in use by another program: --port \d+ is free"):
            check_port(port)
    check_port(port)


def test_a_study_tracked_elsewhere_says_where(tmp_path):
    with pytest.raises(ValueError, match="is not tracked"):
        tracked_at(tmp_path)
    (tmp_path / "tracking.json").write_text('{"uri": "http://127.0.0.1:9"}')
    with pytest.raises(ValueError, match=r"is tracked at http://127\.0\.0\.1:9"):
        tracked_at(tmp_path)
