"""Functions that are called after each trial."""

from __future__ import annotations

import logging

import pytest
from small import make_frame

import tuner


@pytest.fixture(scope="module")
def task():
    return tuner.Task(make_frame(90), "label", split={"kind": "holdout"})


def run(task, folder, on_trial, **given):
    arguments = {"trials": 6, "workers": 0, "tracking": None, "progress": False, **given}
    return tuner.tune(task, ["linear"], folder=folder, on_trial=on_trial, **arguments)


def test_each_trial_is_told_once_and_what_raises_loses_nothing(task, tmp_path, caplog):
    told = []

    def fails(study, trial):
        raise RuntimeError("no disk for notes")

    def notes(study, trial):
        assert trial in study.trials  # in the ledger already
        told.append(trial.name)

    with caplog.at_level(logging.ERROR, logger="tuner"):
        study = run(task, tmp_path / "study", [fails, notes], trials=2)
    assert sorted(told) == sorted(trial.name for trial in study.trials)
    assert "fails raised after baseline-000000" in caplog.text
    assert "RuntimeError: no disk for notes" in caplog.text


def test_it_may_stop_the_study_which_the_same_call_continues(task, tmp_path):
    def enough(study, trial):
        if trial.name == "linear-000001":
            study.stop()

    study = run(task, tmp_path / "study", enough)
    assert [trial.name for trial in study.trials] == ["baseline-000000", "linear-000000", "linear-000001"]
    assert len(run(task, tmp_path / "study", None, trials=3).trials) == 4


@pytest.mark.parametrize("wrong", [lambda trial: None, 3, [print, "stop"]])
def test_what_cannot_be_called_so_is_refused_at_once(task, tmp_path, wrong):
    with pytest.raises(ValueError, match="must be a function of the study and the trial"):
        run(task, tmp_path / "study", wrong)
    assert not (tmp_path / "study").exists()
