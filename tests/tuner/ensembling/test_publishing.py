"""A published ensemble is a model of MLflow that predicts as the ensemble does."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from small import SMALL_XGBOOST, make_frame

import tuner
from tuner.tracking.client import open_client

PREDICT = """
import json, sys
import mlflow, pandas
model = mlflow.pyfunc.load_model("models:/churn@champion")
frame = pandas.read_parquet(sys.argv[1])
print(json.dumps(model.predict(frame).to_dict("list")))
try:
    model.predict(frame.drop(columns="colour"))
except Exception as error:
    print(error)
import ensembles
print(ensembles.__file__)
"""


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
    shown = {metric.key: metric.value for metric in model.metrics}
    assert shown["ensemble_log_loss"] == pytest.approx(made.scores["ensemble"]["cross_fitted"], rel=1e-5)
    (parent,) = client.search_runs([model.experiment_id], "params.metric = 'log_loss'")
    assert version.run_id == parent.info.run_id


@pytest.mark.slow
def test_it_predicts_elsewhere_with_the_code_that_it_holds(made, tmp_path):
    made.publish("churn", alias="champion")
    frame = make_frame(20).drop(columns="label")
    frame.to_parquet(tmp_path / "rows.parquet")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "MLFLOW_TRACKING_URI": f"sqlite:///{made.study.folder.parent / 'mlflow.db'}",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(tmp_path / "rows.parquet")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, refused, where = done.stdout.splitlines()[-3:]
    found = json.loads(said)
    assert found["prediction"] == made.predict(frame).tolist()
    assert found["probability_yes"] == pytest.approx(made.predict_proba(frame)[:, 1].tolist(), abs=1e-6)
    assert "colour" in refused
    assert "/code/" in where
