"""The sampler that grows a model first, on losses that are written down."""

from __future__ import annotations

import optuna
import pytest

from spaces import Choice, Float, Int
from spaces.language.space import defaults, flatten, suggest
from tuner.search.capacity_first import STEPS
from tuner.search.samplers import sampler_maker

SPACE = {
    "units": Int(16, 256, log=True),
    "depth": Int(1, 5),
    "dropout": Float(0.0, 0.5, default=0.2),
    "batch_normalization": Choice([True, False]),
    "penalty": Choice({"l2": {"strength": Float(1e-6, 1e-2, log=True)}, "none": {}}),
    "optimizer": Choice({"adam": {"learning_rate": Float(1e-4, 1e-2, log=True), "weight_decay": Float(1e-5, 1.0)}}),
}
OFF = {"dropout": 0.0, "batch_normalization": False, "penalty": "none", "optimizer.adam.weight_decay": 1e-5}


def run(loss, trials, space=SPACE, direction="minimize"):
    """Run as a study does: a sampler of its own for each trial, the first trial with the default values."""
    study = optuna.create_study(direction=direction)
    study.enqueue_trial(flatten(space, defaults(space)))
    make = sampler_maker("capacity_first", space)
    for number in range(trials):
        study.sampler = make(number)
        trial = study.ask()
        study.tell(trial, loss(suggest(space, trial)))
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_grows_unbraked_until_it_overfits_and_then_keeps_that_size(direction):
    sign = 1 if direction == "minimize" else -1
    params = run(lambda config: sign * abs(config["units"] - 64), 12, direction=direction)
    assert [one["units"] for one in params[1:5]] == [16, 32, 64, 128]
    assert [one["depth"] for one in params[1:5]] == [1, 2, 3, 4]
    for one in params[1:5]:
        assert {name: one[name] for name in OFF} == OFF
        assert one["optimizer.adam.learning_rate"] == pytest.approx(1e-3)
    assert {(one["units"], one["depth"]) for one in params[5:]} == {(128, 4)}
    assert len({one["dropout"] for one in params[5:]}) > 3
    assert any(one["penalty"] == "l2" for one in params[5:])


def test_a_model_that_never_overfits_stays_as_large_as_may_be():
    params = run(lambda config: -config["units"], STEPS + 4)
    assert [one["units"] for one in params[1 : STEPS + 1]] == [16, 32, 64, 128, 256]
    assert {one["units"] for one in params[STEPS + 1 :]} == {256}


def test_without_sizes_it_is_tpe():
    space = {"alpha": Float(1e-3, 1.0, log=True)}
    assert len({one["alpha"] for one in run(lambda config: config["alpha"], 10, space)}) == 10
