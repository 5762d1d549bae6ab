"""Failed trials are tried once more."""

from __future__ import annotations

import json
from types import SimpleNamespace

import filelock
import pytest
from click.testing import CliRunner
from small import make_frame

import tuner
from spaces import FAMILIES, Family
from spaces.engines.engine import SKLEARN
from tuner.cli import main
from tuner.launch.retry import retry_failed
from tuner.tracking.client import open_client

LINEAR = FAMILIES["linear"]
START = [{"mine": {"alpha": alpha}} for alpha in (20.0, 0.5, 30.0, 0.25, 40.0)]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.cluster])])
def failing(request, tmp_path):
    """A study whose trials fail, while a file is there, where alpha is above 1; three of its five starts were tried."""
    task = tuner.Task(make_frame(), "label", split={"kind": "holdout"})
    (broken := tmp_path / "broken").touch()

    def build(config, signature):
        if config["alpha"] > 1 and broken.exists():
            raise OSError("a file of mine is not there")
        return LINEAR.build(config, signature)

    mine = Family("mine", LINEAR.space, build, (SKLEARN,))
    folder = tmp_path / "s"
    ledger = request.getfixturevalue("database") if request.param == "postgres" else None

    def launch(trials, tracking=None):
        return tuner.tune(
            task, [mine], trials=trials, workers=0, start=START, folder=folder, tracking=tracking, progress=False,
            ledger=ledger,
        )  # fmt: skip

    return SimpleNamespace(launch=launch, broken=broken, folder=folder)


def tried(study):
    return [(one.params["alpha"], one.state) for one in study.ledger.trials("mine")]


def test_failed_trials_end_under_their_numbers_and_the_starts_that_are_left_follow(failing):
    first = failing.launch(3)
    assert tried(first) == [(20.0, "failed"), (0.5, "complete"), (30.0, "failed")]
    for folder in (failing.folder / "trials").glob("mine-*/1"):
        for attempt in ("01", "1"):  # as if each had ended the driver's process twice
            (folder.parent / attempt).mkdir(exist_ok=True)
            (folder.parent / attempt / "in_driver").write_text("0")
    assert (
        CliRunner()
        .invoke(main, ["retry", str(failing.folder)])
        .stderr.startswith("2 trials will be tried once more: mine-000000, mine-000002.")
    )
    waiting = tuner.load_study(failing.folder)
    assert tried(waiting) == [(20.0, "running"), (0.5, "complete"), (30.0, "running")]
    assert waiting.ledger.trials("mine")[1] == first.ledger.trials("mine")[1]
    failing.broken.unlink()
    again = failing.launch(4)
    assert tried(again) == [(alpha, "complete") for alpha in (20.0, 0.5, 30.0, 0.25)]
    assert [one.outcome.attempt for one in again.ledger.trials("mine")] == [2, 1, 2, 1]
    assert not [one for one in again.to_optuna("mine").trials if one.constraints]
    assert retry_failed(failing.folder) == []
    assert "nothing to try again" in CliRunner().invoke(main, ["retry", str(failing.folder)]).stderr


def test_what_fails_again_is_failed_and_a_study_that_runs_or_is_none_is_refused(failing):
    failing.launch(1)
    assert retry_failed(failing.folder) == ["mine-000000"]
    assert tried(failing.launch(2)) == [(20.0, "failed"), (0.5, "complete")]
    about = (failing.folder / "study.json").read_text()
    with filelock.FileLock(failing.folder / ".lock"), pytest.raises(ValueError, match="in use by another process"):
        retry_failed(failing.folder)
    assert (failing.folder / "study.json").read_text() == about
    assert json.loads(about)["families"]["mine"]["changes"] == [1]
    with pytest.raises(ValueError, match="holds no study"):
        retry_failed(failing.folder.parent / "none")
    assert not (failing.folder.parent / "none").exists()


@pytest.mark.slow
def test_mlflow_shows_how_the_trial_ended_at_last(failing, tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    failing.launch(2, tracking=uri)
    retry_failed(failing.folder)
    failing.broken.unlink()
    failing.launch(2, tracking=uri)
    client = open_client(uri)
    runs = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    shown = {run.data.tags.get("tuner.trial"): run.info.status for run in runs}
    assert len(runs) == len(shown) == 4  # the study's own, the baseline's and two
    assert shown["mine-000000"] == "FINISHED"
