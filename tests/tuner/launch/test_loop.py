"""When the loop ends."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from spaces import Float
from tuner.search.early_end import is_beaten, stands_still
from tuner.search.ledger import Ledger


def a_line():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=80)})
    target = 2 * frame["a"] + 0.1 * rng.normal(size=80)
    return tuner.Task(frame.assign(y=target), "y", split={"kind": "kfold", "folds": 2})


@pytest.mark.slow
@pytest.mark.parametrize(("limits", "ended"), [({"time": "5m"}, True), ({"trials": 12}, False)])
def test_a_study_with_a_time_ends_where_nothing_is_gained_and_says_so(
    tmp_path, monkeypatch, capsys, limits, ended
) -> None:
    monkeypatch.setattr("tuner.search.early_end._PATIENCE", 3)
    monkeypatch.setattr("tuner.search.early_end._A_FAMILY", 3)
    study = tuner.tune(a_line(), ["linear"], **limits, workers=0, folder=tmp_path / "s", tracking=None)
    said = capsys.readouterr()
    assert ("trials gained nothing for the ensemble" in said.out + said.err) is ended
    gains = [trial.outcome.gain for trial in sorted(study.trials, key=lambda trial: trial.turn.number)][1:]
    still = [stands_still(gains[:count], rows=80, families=1) > 0 for count in range(len(gains) + 1)]
    assert still.index(True) < 12  # so that both could end there
    assert len(gains) == (still.index(True) if ended else 12)


def test_where_trials_are_limited_too_turns_are_charged_their_share_of_the_time(tmp_path) -> None:
    study = tuner.tune(a_line(), ["linear"], trials=3, time="10m", workers=0, folder=tmp_path / "s", tracking=None)
    (second, third) = (trial.turn.why for trial in study.trials if "for a gain" in trial.turn.why)
    assert 250 < float(second.split()[0]) < 300  # half of ten minutes, for an ensemble some seconds less
    assert float(third.split()[0]) > 500


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


def build_shifted(config, signature):
    inputs = keras.Input(signature.input.shape)
    values = keras.layers.Dense(1, kernel_initializer="zeros")(inputs)
    return keras.Model(inputs, keras.layers.Rescaling(1.0, offset=config["shift"])(values))


@pytest.mark.slow
def test_what_is_worse_than_the_baseline_on_its_first_fold_trains_no_further_one(tmp_path):
    shifted = tuner.family(
        build_shifted, {"shift": Float(0.0, 1e3), "learning_rate": 1e-6, "epochs": 2}, name="shifted"
    )
    start = [{"family": "shifted", "shift": shift} for shift in (0.0, 900.0)]
    study = tuner.tune(
        a_line(), [shifted], trials=2, start=start,
        workers=0, folder=tmp_path / "s", tracking=None, progress=False,
    )  # fmt: skip
    first, second = (trial for trial in study.trials if trial.family == "shifted")
    assert [first.state, second.state] == ["complete", "pruned"]


def test_a_trial_is_held_against_as_many_folds_as_it_has(tmp_path, task, monkeypatch):
    asked = []

    def noted(value, trials, *, folds, **more):
        asked.append(folds)
        return is_beaten(value, trials, folds=folds, **more)

    monkeypatch.setattr("tuner.launch.loop.is_beaten", noted)
    settings = {"workers": 0, "folder": tmp_path / "s", "tracking": None, "pruner": "none", "progress": False}
    tuner.tune(task, {"xgboost": SMALL_XGBOOST}, trials=2, **settings)
    assert asked == [*range(1, len(task.folds))] * 2
