"""MLflow's server as one process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tuner.tracking.client import open_client
from tuner.tracking.server import experiment_id


@pytest.fixture
def database(tmp_path):
    """A database in which there is an experiment with one run, which has a file."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = open_client(uri)
    experiment = client.create_experiment("adult", artifact_location=str(tmp_path / "mlartifacts"))
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "the best", "report.html")
    return uri, experiment, run


def asked(url: str, *, body: dict | None = None, host: str | None = None) -> bytes:
    """Return what the server answers, as soon as it does."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    if host is not None:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


@pytest.mark.slow
def test_it_shows_the_database_to_this_computer_only(database, tmp_path):
    uri, experiment, run = database
    assert experiment_id(uri, "adult") == experiment
    assert experiment_id(uri, "iris") is None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tuner.tracking.mlflow_app", uri, str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            try:
                asked(f"{address}/health")
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.2)
        found = json.loads(asked(f"{address}/ajax-api/2.0/mlflow/runs/search", body={"experiment_ids": [experiment]}))
        assert [one["info"]["run_id"] for one in found["runs"]] == [run]
        assert asked(f"{address}/get-artifact?path=report.html&run_uuid={run}") == b"the best"
        for stranger in ("10.evil.com", "localhost.evil.com"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                asked(f"{address}/ajax-api/2.0/mlflow/experiments/get?experiment_id={experiment}", host=stranger)
            assert refused.value.code == 403
            refused.value.close()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path):
    (tmp_path / "mlflow.db").write_text("not at all " * 1000)
    with pytest.raises(ValueError, match=r"mlflow\.db is no database of MLflow \(.*\): move it away"):
        experiment_id(f"sqlite:///{tmp_path / 'mlflow.db'}", "adult")
