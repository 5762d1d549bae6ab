"""What a person sees in the browser: the pages of a study in MLflow, opened in Chromium without a window."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from small import SMALL_XGBOOST

import tuner
from tuner.tracking.addresses import leaderboard_page, run_page
from tuner.tracking.client import open_client
from tuner.tracking.server import PortTaken, check_port

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def study(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "study"
    families = {"linear": {}, "xgboost": SMALL_XGBOOST}
    made = tuner.tune(task, families, folder=folder, trials=4, workers=0, seed=1, progress=False)
    made.ensemble("uniform").publish("browsed", alias="champion")
    return made


@pytest.fixture(scope="module")
def address(study):
    """The address that `tuner ui` prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tuner", "ui", str(study.folder), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    yield server.stderr.readline().split()[-1]
    server.terminate()
    server.communicate(timeout=30)
    until = time.monotonic() + 30
    while True:  # the server ends with the command
        try:
            return check_port(port)
        except PortTaken:
            assert time.monotonic() < until
            time.sleep(0.2)


def seen(page: str, *, drawn: str = "") -> str:
    """Return what a page holds once it is drawn: a server that has just begun answers late, and a person waits."""
    until = time.monotonic() + 90
    while drawn not in (held := _held(page)) and time.monotonic() < until:
        pass
    return held


def _held(page: str) -> str:
    """Return what a page holds after half a minute of its own time."""
    command = [
        str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=3000,1400",
        "--virtual-time-budget=30000", "--dump-dom", page,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_link_opens_the_leaderboard_best_first(study, address):
    client = open_client(f"sqlite:///{study.folder.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("study").experiment_id
    assert address == leaderboard_page(address.partition("/#")[0], experiment)
    page = seen(address)
    assert "Sort: log_loss" in page
    for column in ("log_loss_std", "train_log_loss", "seconds", "family"):
        assert column in page
    assert "better than one model" in re.sub(r"<[^>]*>", "", page)  # what stands above it
    page = page.partition("Sort: log_loss")[2]
    places = [page.index(f"{trial.name}") for trial in study.complete]
    assert places == sorted(places)


def test_the_study_s_run_says_what_is_best_and_what_the_ensemble_gains(study, address):
    client = open_client(f"sqlite:///{study.folder.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("study").experiment_id
    (parent,) = client.search_runs([experiment], "params.metric = 'log_loss'")
    page = seen(f"{address.partition('/#')[0]}/{run_page(experiment, parent.info.run_id)}")
    assert f"best log_loss {study.best.value:.5g} by {study.best.name}" in page
    assert "ensemble of 2 models" in page
    for metric in ("best_log_loss", "ensemble_log_loss", "ensemble_minus_one_model_standard_error"):
        assert metric in page


def test_a_trial_s_page_has_its_curves(study, address):
    client = open_client(f"sqlite:///{study.folder.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("study").experiment_id
    (run,) = client.search_runs([experiment], "tags.`tuner.trial` = 'xgboost-000000'")
    where = run_page(experiment, run.info.run_id).replace("?", "/model-metrics?")
    page = seen(f"{address.partition('/#')[0]}/{where}")
    assert "xgboost-000000" in page
    text = re.sub(r"<[^>]*>", " ", page)
    assert re.search(r"log_loss\s*\(\s*2\s*\)", text), "the curves on training and on inner rows are one group"


def test_the_view_of_charts_has_both_curves_of_a_metric_in_one(study, address):
    text = re.sub(r"<[^>]*>", " ", seen(f"{address}&compareRunsMode=CHART", drawn="log_loss/train"))
    for metric in ("log_loss", "roc_auc", "accuracy"):
        assert f"{metric}/train vs {metric}/validation" in text


def test_the_model_s_page_says_how_good_it_is_and_how_to_predict(study, address):
    page = seen(f"{address.partition('/#')[0]}/#/models/browsed/versions/1?workflowType=machine_learning")
    text = re.sub(r"<[^>]*>", " ", page)
    assert "champion" in text
    assert "cross-fitted" in text
    assert "mlflow.pyfunc.load_model" in text
    for trial in study.best_of_each_family[:2]:
        assert trial.name in text


def test_the_report_draws_its_plots_without_a_server(study):
    page = seen(study.report().resolve().as_uri())
    text = re.sub(r"<[^>]*>", " ", page.partition("<body>")[2])
    assert "of the ensemble, cross-fitted" in text
    assert study.best.name in text
    drawn = page.count('class="main-svg"')
    assert drawn >= page.count("js-plotly-plot")
    assert drawn > 4
