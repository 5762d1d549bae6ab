"""A published ensemble is a model of MLflow that predicts as the ensemble does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import venv
from contextlib import contextmanager, suppress
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from small import SMALL_XGBOOST, make_frame

import tuner
from tuner.ensembling.publishing import publish_saved
from tuner.tracking.client import open_client
from tuner.tracking.moved import follow_the_folder


@pytest.fixture(scope="module")
def made(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "study"
    families = {"linear": {}, "xgboost": SMALL_XGBOOST}
    study = tuner.tune(task, families, folder=folder, trials=2, workers=0, seed=1, progress=False)
    return study.ensemble("uniform")


def test_versions_have_scores_tags_and_an_alias(made):
    assert made.publish("leavers") == "1"
    assert made.publish("leavers", alias="champion") == "2"
    client = open_client(f"sqlite:///{made.study.folder.parent / 'mlflow.db'}")
    version = client.get_model_version_by_alias("leavers", "champion")
    assert (str(version.version), version.tags["metric"], version.tags["members"]) == (
        "2",
        "log_loss",
        str(len(made.members)),
    )
    model = client.get_logged_model(version.tags["tuner.model"])
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "leavers", "version": "2"}]
    assert model.model_id in {one.model_id for one in client.get_run(version.run_id).outputs.model_outputs}
    shown = {metric.key: metric.value for metric in model.metrics}
    assert shown["ensemble_log_loss"] == pytest.approx(made.scores["ensemble"]["cross_fitted"], rel=1e-5)
    assert float(version.tags["cross_fitted"]) == pytest.approx(made.scores["ensemble"]["cross_fitted"], rel=1e-4)
    for member in made.members:
        run = version.tags[f"run of {member.trial}"]
        assert client.get_run(run).data.tags["tuner.trial"] == member.trial
        assert f"| [{member.trial}](#/experiments/{model.experiment_id}/runs/{run}?" in version.description
        assert f"{member.trial} {member.weight:.3f}" in version.tags["weights"]
    assert 'load_model("models:/leavers/2")' in version.description
    assert "mlflow models serve -m models:/leavers/2 --env-manager local --port 5001" in version.description
    assert "[model leavers v2](#/models/leavers/versions/2?" in note_of(client, model.experiment_id)
    (parent,) = client.search_runs([model.experiment_id], "params.metric = 'log_loss'")
    assert version.run_id == parent.info.run_id


def note_of(client, experiment):
    return client.get_experiment(experiment).tags["mlflow.note.content"]


def test_the_page_says_how_to_serve_a_row_that_is_there(made):
    made.publish("asked")
    client = open_client(f"sqlite:///{made.study.folder.parent / 'mlflow.db'}")
    said = client.get_model_version("asked", "1").description
    assert f"export MLFLOW_TRACKING_URI=sqlite:///{made.study.folder.parent / 'mlflow.db'}\n" in said
    sent = json.loads(said.partition(" -d '")[2].partition("'")[0])
    assert list(sent["dataframe_records"][0]) == made.ensemble.schema.names


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """An environment that holds the libraries and not this package; only `bin/python` and `bin/uvicorn` are in it."""
    folder = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(folder, symlinks=True)
    places = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(places) / "libraries.pth").write_text(sysconfig.get_path("purelib"))  # no .pth in there is read
    python, server = folder / "bin" / "python", folder / "bin" / "uvicorn"
    server.write_text(f"#!{python}\nfrom uvicorn.main import main\nmain()\n")
    server.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PATH": f"{folder / 'bin'}{os.pathsep}{environment['PATH']}", "VIRTUAL_ENV": str(folder)}
    environment |= {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = subprocess.run(
        [python, "-c", "import ensembles"], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert "No module named 'ensembles'" in found.stderr
    return folder, environment


def mlflow_at(elsewhere, made, *arguments):
    """Return the command of MLflow in that environment, and its environment variables."""
    folder, environment = elsewhere
    uri = f"sqlite:///{made.study.folder.parent / 'mlflow.db'}"
    return [str(folder / "bin" / "python"), "-m", "mlflow", *map(str, arguments)], environment | {
        "MLFLOW_TRACKING_URI": uri
    }


@contextmanager
def served(elsewhere, made, name):
    """Serve a model on a free port of this computer, and yield a function that posts rows."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ("-m", f"models:/{name}@champion", "--env-manager", "local", "-h", "127.0.0.1", "-p", port)
    command, environment = mlflow_at(elsewhere, made, "models", "serve", *where)
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, cwd=elsewhere[0], start_new_session=True
        )

        def post(rows):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", json.dumps(rows).encode(), {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    return json.load(answer)["predictions"]
            except urllib.error.HTTPError as error:
                with error:
                    return json.load(error)["message"]

        try:
            until = time.monotonic() + 240
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                    break
                except OSError:
                    log.seek(0)
                    assert server.poll() is None, log.read()
                    assert time.monotonic() < until
                    time.sleep(0.3)
            yield post
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def records(frame):
    return json.loads(frame.to_json(orient="split"))


@pytest.fixture
def registry(made, monkeypatch):
    """Lets MLflow find the models of a folder of studies, that of the ensemble at first."""
    for state in ("_tracking_service.utils._tracking_uri", "_model_registry.utils._registry_uri"):
        monkeypatch.setattr(f"mlflow.tracking.{state}", None)  # another test may have named one

    def of(folder):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")

    of(made.study.folder.parent)
    return of


def test_a_model_has_an_example_that_it_predicts(made, registry):
    made.publish("shown")
    model = mlflow.pyfunc.load_model("models:/shown/1")
    example = model.input_example
    assert list(example.columns) == made.ensemble.schema.names
    assert set(example["colour"]) <= set(make_frame()["colour"])
    assert model.predict(example)["prediction"].tolist() == made.predict(example).tolist()


def test_what_mlflow_has_loaded_holds_its_models_in_memory(made, registry):
    version = made.publish("held")
    frame = make_frame(5).drop(columns="label")
    model = mlflow.pyfunc.load_model(f"models:/held/{version}")
    client = open_client(f"sqlite:///{made.study.folder.parent / 'mlflow.db'}")
    source = client.get_logged_model(client.get_model_version("held", version).tags["tuner.model"]).artifact_location
    shutil.rmtree(source)
    assert model.predict(frame)["prediction"].tolist() == made.predict(frame).tolist()


def test_one_trial_s_model_is_published_likewise(made, registry):
    single = made.study.model(made.study.best.name)
    version = single.publish("single", alias="champion")
    client = open_client(f"sqlite:///{made.study.folder.parent / 'mlflow.db'}")
    its = client.get_model_version("single", version)
    assert (its.tags["members"], float(its.tags["cross_validated"])) == (
        "1",
        pytest.approx(single.trial.value, rel=1e-4),
    )
    assert client.get_run(its.tags[f"run of {single.name}"]).data.tags["tuner.trial"] == single.name
    (shown,) = client.get_logged_model(its.tags["tuner.model"]).metrics
    assert (shown.key, shown.value) == ("single_log_loss", pytest.approx(single.trial.value, rel=1e-5))
    frame = make_frame(5).drop(columns="label")
    found = mlflow.pyfunc.load_model("models:/single@champion").predict(frame)
    assert found["prediction"].tolist() == single.predict(frame).tolist()


@pytest.mark.parametrize(("name", "alias"), [("a/b", None), ("a.b", None), ("refused", "latest"), ("refused", "v1")])
def test_a_name_that_mlflow_refuses_leaves_nothing_behind(made, name, alias):
    client = open_client(f"sqlite:///{made.study.folder.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(made.study.name).experiment_id
    before = len(client.search_logged_models([experiment]))
    with pytest.raises(ValueError, match=r"mlflow\.db refuses: "):
        made.publish(name, alias=alias)
    assert len(client.search_logged_models([experiment])) == before
    assert not client.search_model_versions(f"name = '{name}'")


def test_a_study_of_a_moved_folder_is_published_where_it_is(made, tmp_path):
    moved, there = tmp_path / "moved", made.study.folder.parent
    shutil.copytree(there, tmp_path / "runs")
    study = tmp_path / "runs" / made.study.folder.name
    (study / "tracking.json").write_text(json.dumps({"uri": f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"}))
    (tmp_path / "runs").rename(moved)
    made.save(moved / study.name / "ensemble")
    publish_saved(moved / study.name, "followed")
    assert not (tmp_path / "runs").exists()
    client = open_client(f"sqlite:///{moved / 'mlflow.db'}")
    (version,) = [one for one in client.search_model_versions("name = 'followed'") if str(moved) in one.source]
    assert str(moved / study.name) in client.get_run(version.run_id).data.tags["mlflow.note.content"]


def test_without_the_password_nothing_is_published_elsewhere(made, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(made.study.folder / "study.json", tmp_path)
    (tmp_path / "tracking.json").write_text('{"uri": "https://ann:***@example.org"}')
    with pytest.raises(ValueError, match=r"tracked at https://ann:\*\*\*@example\.org: set MLFLOW_TRACKING_URI"):
        publish_saved(tmp_path, "elsewhere")


def test_a_folder_of_studies_that_was_moved_still_has_its_report_and_its_models(made, registry, tmp_path):
    made.publish("moved", alias="champion")
    shutil.copytree(made.study.folder.parent, tmp_path / "runs")
    follow_the_folder(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere"
    assert follow_the_folder(f"sqlite:///{moved / 'mlflow.db'}") == (tmp_path / "runs").as_posix()
    registry(moved)
    said = open_client(f"sqlite:///{moved / 'mlflow.db'}").get_model_version("moved", "1").description
    assert f"MLFLOW_TRACKING_URI=sqlite:///{moved / 'mlflow.db'}" in said
    frame = make_frame(5).drop(columns="label")
    model = mlflow.pyfunc.load_model("models:/moved@champion")
    assert model.predict(frame)["prediction"].tolist() == made.predict(frame).tolist()
    study = tuner.load_study(moved / made.study.folder.name)
    assert study.best.name in study.report().read_text()
    client = open_client(f"sqlite:///{moved / 'mlflow.db'}")
    (parent,) = client.search_runs(["1"], "params.metric = 'log_loss'")
    assert "report.html" in {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert study.best.name in Path(client.download_artifacts(parent.info.run_id, "report.html")).read_text()


def test_whole_numbers_are_numbers_and_wrong_columns_are_refused_by_name(made, registry):
    made.publish("whole", alias="champion")
    model = mlflow.pyfunc.load_model("models:/whole@champion")
    frame = make_frame(20).drop(columns="label").assign(x=range(20), y=range(20))
    assert model.predict(frame)["prediction"].tolist() == made.predict(frame).tolist()
    with pytest.raises(MlflowException, match=r"missing inputs \['colour'\].*extra inputs: \['color'\]"):
        model.predict(frame.rename(columns={"colour": "color"}))
    with pytest.raises(MlflowException, match=r"'x'.*high"):
        model.predict(frame.assign(x="high"))


@pytest.mark.slow
def test_it_is_served_elsewhere_with_the_code_that_it_holds(made, elsewhere):
    made.publish("churn", alias="champion")
    frame = make_frame(20).drop(columns="label")
    with served(elsewhere, made, "churn") as post:
        found = pd.DataFrame(post({"dataframe_split": records(frame)}))
        refused = post({"dataframe_split": records(frame.drop(columns="colour"))})
    assert found["prediction"].tolist() == made.predict(frame).tolist()
    assert found["probability_yes"].tolist() == pytest.approx(made.predict_proba(frame)[:, 1].tolist(), abs=1e-6)
    assert "missing inputs ['colour']" in refused


@pytest.mark.slow
def test_mlflow_predicts_a_file_elsewhere(made, elsewhere, tmp_path):
    made.publish("filed", alias="champion")
    frame = make_frame(20).drop(columns="label")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    where = ("-m", "models:/filed@champion", "-i", tmp_path / "rows.csv", "-t", "csv", "-o", tmp_path / "out.json")
    command, environment = mlflow_at(elsewhere, made, "models", "predict", *where, "--env-manager", "local")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.DataFrame(json.loads((tmp_path / "out.json").read_text())["predictions"])
    assert found["prediction"].tolist() == made.predict(frame).tolist()


RNG = np.random.default_rng(0)
WHICH = np.arange(60) % 2
KINDS = {
    "text": ["wonderful film" if one else "awful story" for one in WHICH],
    "series": RNG.normal(size=(60, 6, 2)) + WHICH[:, None, None],
    "image": (RNG.random((60, 8, 8, 3)) * 100 + 100 * WHICH[:, None, None, None]).astype(np.uint8),
}
FAMILIES = {
    "text": {"linear": {"text.ngrams.vocabulary": {"high": 40}}},
    "series": {"xgboost": SMALL_XGBOOST},
    "image": {"image_separable": {"epochs": 1}},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_input_is_served_elsewhere(kind, elsewhere, tmp_path):
    data, told = KINDS[kind], {"split": "holdout"}
    if kind == "text":
        data, target, told = pd.DataFrame({"said": data, "label": WHICH}), "label", {**told, "text": ["said"]}
    else:
        target = WHICH
    task = tuner.Task(data, target, **told)
    study = tuner.tune(task, FAMILIES[kind], folder=tmp_path / "runs" / kind, trials=1, workers=0, progress=False)
    made = study.ensemble("uniform")
    made.publish(kind, alias="champion")
    if kind == "text":
        rows, wrong = data.drop(columns="label").head(5), data.rename(columns={"said": "heard"}).head(5)
        sent, bad = {"dataframe_split": records(rows)}, {"dataframe_split": records(wrong)}
    else:
        rows = data[:5]
        sent, bad = {"inputs": rows.tolist()}, {"inputs": rows[:, :, :1].tolist()}
    with served(elsewhere, made, kind) as post:
        found, refused = pd.DataFrame(post(sent)), post(bad)
    assert found["prediction"].tolist() == made.predict(rows).tolist()
    assert "said" in refused if kind == "text" else "got" in refused
