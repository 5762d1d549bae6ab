"""When the loop ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from tuner.search.ledger import Ledger


@pytest.mark.slow
@pytest.mark.parametrize(("limits", "ended"), [({"time": "5m"}, True), ({"trials": 9}, False)])
def test_a_study_with_a_time_ends_where_nothing_is_gained_and_says_so(
    tmp_path, monkeypatch, capsys, limits, ended
) -> None:
    monkeypatch.setattr("tuner.search.early_end._PATIENCE", 3)
    monkeypatch.setattr("tuner.search.early_end._A_FAMILY", 3)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80)})
    task = tuner.Task(
        frame.assign(y=2 * frame["a"] + 0.1 * rng.normal(size=80)), "y", split={"kind": "kfold", "folds": 2}
    )
    study = tuner.tune(task, ["linear"], **limits, workers=0, folder=tmp_path / "s", tracking=None)
    said = capsys.readouterr()
    assert ("trials gained nothing for the ensemble" in said.out + said.err) is ended
    assert (len(study.trials) - 1 < 9) is ended


def test_a_duplicate_that_was_cut_off_takes_no_place_of_a_trial(tmp_path, task, monkeypatch):
    def launch(trials):
        few = {"scaling": ["standard", "quantile"], "alpha": 1.0}
        return tuner.tune(
            task, {"xgboost": SMALL_XGBOOST, "linear": few}, trials=trials, sampler="optuna.random", turns="trials",
            workers=0, folder=tmp_path / "s", tracking=None, progress=False,
        )  # fmt: skip

    def run(study):
        ended = [trial for trial in study.trials if trial.outcome is not None and trial.family != "baseline"]
        return [trial for trial in ended if not trial.duplicate]

    def cut_off(*_):
        raise RuntimeError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "tell_duplicate", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            launch(50)
    before = tuner.load_study(tmp_path / "s")
    study = launch(len(run(before)) + 1)
    assert len(run(study)) == len(run(before)) + 1
    assert any(trial.duplicate for trial in study.trials)
