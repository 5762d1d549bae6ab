"""Files of trials that a loss of power tore, or that somebody copied: the same call goes on."""

from __future__ import annotations

import shutil

import pytest

import tuner
from tuner.archive.study_folder import StudyError
from tuner.search.ledger import Ledger
from tuner.trials.outcome import attempts


def launch(task, folder, trials):
    return tuner.tune(task, ["linear"], trials=trials, workers=0, folder=folder, tracking=None, progress=False)


@pytest.mark.parametrize("left", [0, 300])
def test_torn_predictions_cost_their_trial_its_place_in_ensembles_and_nothing_else(task, tmp_path, caplog, left):
    before = launch(task, tmp_path / "s", 2)
    torn = before.attempt_folder(before.best) / "held_out.npz"
    torn.write_bytes(torn.read_bytes()[:left])
    study = launch(task, tmp_path / "s", 3)
    assert [trial.name for trial in study.trials][:3] == [trial.name for trial in before.trials]
    assert len(study.complete) == 4
    members = [member.trial for member in study.ensemble("greedy").members]
    assert members
    assert before.best.name not in members
    assert f"{before.best.name} is left out, as what it predicted cannot be read: {torn} is damaged" in caplog.text
    with pytest.raises(StudyError, match=f"{before.best.name} is left out"):
        study.model(before.best.name)


def test_a_copy_beside_an_attempt_is_no_attempt(task, tmp_path, monkeypatch):
    def cut_off(*_):
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "tell", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            launch(task, tmp_path / "s", 1)
    trial = tmp_path / "s" / "trials" / "baseline-000000"
    for name in ("1 copy", "2.bak", "3²"):
        shutil.copytree(trial / "1", trial / name)
    assert attempts(trial) == [1]
    study = launch(task, tmp_path / "s", 1)
    assert [trial.state for trial in study.trials] == ["complete", "complete"]
    assert study.trials[0].outcome.attempt == 1
