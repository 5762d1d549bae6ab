"""Hyperopt's and Optuna's engines over the same space: members always, and Hyperopt's own proposals exactly."""

from __future__ import annotations

import json
import math
from typing import Any

import hyperopt
import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState
from scipy import stats
from strategies import spaces

from spaces import Choice, Float, Int, configure, flatten, suggest
from tuner.search.hyperopt_sampler import HyperoptSampler
from tuner.search.samplers import SAMPLERS, sampler_maker

optuna.logging.set_verbosity(optuna.logging.WARNING)

ALGORITHMS = ("tpe", "anneal", "random")
NATIVE = (int, float, str, bool, type(None))
# Everything that can be compiled, once; `NATIVE_SPACE` is the same space as a user of Hyperopt would write it.
SPACE = {
    "rate": Float(1e-4, 1e-1, log=True),
    "dropout": Float(0.0, 0.6),
    "fraction": Float(0.1, 0.5, step=0.1),
    "units": Int(8, 256, log=True),
    "depth": Int(1, 5),
    "kernel": Int(1, 9, step=4),
    "activation": Choice(["relu", "selu", None]),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.95), "nesterov": Choice([True, False])}}),
    "epochs": 10,
}
NATIVE_SPACE = {
    "rate": hyperopt.hp.loguniform("rate", math.log(1e-4), math.log(1e-1)),
    "dropout": hyperopt.hp.uniform("dropout", 0.0, 0.6),
    "fraction": hyperopt.hp.quniform("fraction", -0.5, 4.5, 1),
    "units": hyperopt.hp.qloguniform("units", math.log(7.5), math.log(256.5), 1),
    "depth": hyperopt.hp.quniform("depth", -0.5, 4.5, 1),
    "kernel": hyperopt.hp.quniform("kernel", -0.5, 2.5, 1),
    "activation": hyperopt.hp.choice("activation", [0, 1, 2]),
    "optimizer": hyperopt.hp.choice(
        "optimizer",
        [
            {},
            {
                "momentum": hyperopt.hp.uniform("optimizer.sgd.momentum", 0.0, 0.95),
                "nesterov": hyperopt.hp.choice("optimizer.sgd.nesterov", [0, 1]),
            },
        ],
    ),
    "epochs": 10,
}


def objective(config: dict[str, Any]) -> float:
    """A smooth valley with a conditional slope."""
    loss = (math.log10(config["rate"]) + 2.5) ** 2 + abs(config["depth"] - 3) + (config["units"] - 64) ** 2 / 1e4
    loss += config["dropout"] + config["fraction"] + 0.1 * config["kernel"] + (config["activation"] is None)
    sgd = config["optimizer"].get("sgd")
    return loss + (0.5 if sgd is None else 1.0 - sgd["momentum"])


def decoded(values: dict[str, list[Any]]) -> dict[str, Any]:
    """The params that Hyperopt's answer for NATIVE_SPACE stands for."""
    first = {name: found[0] for name, found in values.items() if found}
    params = {
        "rate": first["rate"],
        "dropout": first["dropout"],
        "fraction": [0.1, 0.2, 0.3, 0.4, 0.5][round(first["fraction"])],
        "units": round(first["units"]),
        "depth": [1, 2, 3, 4, 5][round(first["depth"])],
        "kernel": [1, 5, 9][round(first["kernel"])],
        "activation": ["relu", "selu", None][first["activation"]],
        "optimizer": ["adam", "sgd"][first["optimizer"]],
    }
    if params["optimizer"] == "sgd":
        params["optimizer.sgd.momentum"] = first["optimizer.sgd.momentum"]
        params["optimizer.sgd.nesterov"] = [True, False][first["optimizer.sgd.nesterov"]]
    return params


def assert_same(params: dict[str, Any], expected: dict[str, Any]) -> None:
    assert list(params) == list(expected)
    for name, value in expected.items():
        assert params[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name


def native_suggest(algorithm: str, domain: Any, trials: hyperopt.Trials, number: int, seed: int) -> dict[str, Any]:
    match algorithm:
        case "tpe":
            documents = hyperopt.tpe.suggest([number], domain, trials, seed, n_startup_jobs=5, verbose=False)
        case "anneal":
            documents = hyperopt.anneal.suggest([number], domain, trials, seed)
        case _:
            documents = hyperopt.rand.suggest([number], domain, trials, seed)
    return documents[0]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_proposals_equal_hyperopts_own_for_the_same_history_and_seeds(algorithm, direction):
    sign = 1.0 if direction == "minimize" else -1.0
    study = optuna.create_study(
        direction=direction, sampler=HyperoptSampler(SPACE, algorithm, seed=3, n_startup_trials=5)
    )
    domain, trials = hyperopt.base.Domain(objective, NATIVE_SPACE), hyperopt.Trials()
    for number in range(30):
        trial = study.ask()
        config = suggest(SPACE, trial)
        document = native_suggest(algorithm, domain, trials, number, seed=3 + number)
        assert_same(trial.params, decoded(document["misc"]["vals"]))
        document["state"] = hyperopt.JOB_STATE_DONE
        if number % 7 == 4:  # a pruned trial is a failure of which Hyperopt learns
            study.tell(trial, state=TrialState.PRUNED)
            document["result"] = {"status": hyperopt.STATUS_FAIL}
        else:
            study.tell(trial, sign * objective(config))
            document["result"] = {"status": hyperopt.STATUS_OK, "loss": objective(config)}
        trials.insert_trial_docs([document])
        trials.refresh()


@settings(max_examples=15)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(space=spaces(), seed=st.integers(0, 2**31 - 1), data=st.data())
def test_every_proposal_of_hyperopt_is_a_member(algorithm, space, seed, data):
    study = optuna.create_study(sampler=HyperoptSampler(space, algorithm, seed, n_startup_trials=2))
    for _ in range(6):
        trial = study.ask()
        config = suggest(space, trial)
        params = flatten(space, config)
        assert trial.params == params
        assert all(type(value) in NATIVE for value in params.values())
        assert configure(space, params) == config
        value = data.draw(st.none() | st.floats(-1e9, 1e9), "value")
        study.tell(trial, value, state=TrialState.PRUNED if value is None else None)


@settings(max_examples=4)
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "optuna.gp"])
@given(space=spaces(), seed=st.integers(0, 2**31 - 20))
def test_every_sampler_by_name_proposes_members_and_repeats_them(name, space, seed):
    """As studies use samplers: one made anew for each trial from its own seed, the history kept."""

    def run() -> list[dict[str, Any]]:
        make, study, configs = sampler_maker(name, space), optuna.create_study(), []
        for number in range(8):
            study.sampler = make(seed + number)
            trial = study.ask()
            configs.append(suggest(space, trial))
            study.tell(trial, float(number % 5))
        return configs

    configs = run()
    assert [configure(space, flatten(space, config)) for config in configs] == configs
    assert run() == configs


def test_ends_of_whole_and_stepped_ranges_are_as_likely_as_the_rest():
    space = {
        "n": Int(1, 6),
        "even": Int(10, 30, step=10),
        "s": Float(0.1, 0.5, step=0.1),
        "log": Int(1, 8, log=True),
        "c": Choice(["a", "b", "c"]),
    }
    study = optuna.create_study(sampler=HyperoptSampler(space, "random", seed=11))
    drawn = [suggest(space, study.ask()) for _ in range(600)]
    shares = {
        "n": dict.fromkeys(range(1, 7), 1 / 6),
        "even": dict.fromkeys((10, 20, 30), 1 / 3),
        "s": dict.fromkeys((0.1, 0.2, 0.3, 0.4, 0.5), 1 / 5),
        "log": {k: math.log((k + 0.5) / (k - 0.5)) / math.log(17) for k in range(1, 9)},
        "c": dict.fromkeys("abc", 1 / 3),
    }
    for name, expected in shares.items():
        counts = [sum(config[name] == value for config in drawn) for value in expected]
        assert stats.chisquare(counts, [len(drawn) * share for share in expected.values()]).pvalue > 1e-4


@pytest.mark.parametrize("wanted", [1, 10])
def test_tpe_moves_to_an_end_of_a_range_where_that_is_best(wanted):
    space = {"n": Int(1, 10)}
    study = optuna.create_study(sampler=HyperoptSampler(space, "tpe", seed=0, n_startup_trials=5))
    study.optimize(lambda trial: abs(suggest(space, trial)["n"] - wanted), n_trials=40)
    late = [trial.params["n"] for trial in study.trials[20:]]
    assert late.count(wanted) > len(late) / 10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_several_trials_can_be_open_at_once(algorithm):
    study = optuna.create_study(sampler=HyperoptSampler(SPACE, algorithm, seed=5, n_startup_trials=2))
    for _ in range(3):
        trials = [study.ask() for _ in range(3)]
        configs = [suggest(SPACE, trial) for trial in trials]
        assert [configure(SPACE, trial.params) for trial in trials] == configs
        assert configs[0] != configs[1] != configs[2]
        for trial, config in zip(trials, configs, strict=True):
            study.tell(trial, objective(config))


def test_a_resumed_study_proposes_what_the_uninterrupted_one_would_have():
    def extended(study: optuna.Study, n_trials: int) -> optuna.Study:
        study.sampler = HyperoptSampler(SPACE, "tpe", seed=2, n_startup_trials=4)
        study.optimize(lambda trial: objective(suggest(SPACE, trial)), n_trials=n_trials)
        return study

    whole = extended(optuna.create_study(), 12)
    halves = extended(extended(optuna.create_study(), 6), 6)
    assert [trial.params for trial in halves.trials] == [trial.params for trial in whole.trials]


def test_a_violated_constraint_counts_as_a_failure():
    """A trial that failed late may have reported a very good value: it must not attract proposals."""

    def share_of_sgd(punish: bool) -> float:
        space = {"optimizer": Choice(["adam", "sgd"]), "x": Float(0.0, 1.0)}
        study = optuna.create_study(sampler=HyperoptSampler(space, "tpe", seed=0, n_startup_trials=10))
        for _ in range(40):
            trial = study.ask()
            config = suggest(space, trial)
            if config["optimizer"] == "sgd":
                trial.report(-100.0, 0)
                if punish:
                    trial.set_constraint("failed", 1.0)
                    study.tell(trial, state=TrialState.PRUNED)
                else:
                    study.tell(trial, -100.0)
            else:
                study.tell(trial, config["x"])
        return float(np.mean([trial.params["optimizer"] == "sgd" for trial in study.trials[20:]]))

    assert share_of_sgd(punish=True) < 0.4 < 0.6 < share_of_sgd(punish=False)


def test_a_parameter_outside_the_samplers_space_is_refused_by_name():
    study = optuna.create_study(sampler=HyperoptSampler({"x": Float(0.0, 1.0)}))
    with pytest.raises(ValueError, match="parameter 'y' is not in the sampler's space: x"):
        study.ask().suggest_float("y", 0.0, 1.0)


def test_an_unknown_algorithm_is_refused_with_the_right_names():
    with pytest.raises(ValueError, match="one of 'tpe', 'anneal', 'random', got 'grid'"):
        HyperoptSampler(SPACE, "grid")
    with pytest.raises(ValueError, match=r"unknown name 'hyperopt.tp', did you mean 'hyperopt.tpe'\?"):
        sampler_maker("hyperopt.tp", SPACE)


def test_proposals_can_be_stored_as_json():
    study = optuna.create_study(sampler=HyperoptSampler(SPACE, "tpe", seed=0, n_startup_trials=1))
    study.optimize(lambda trial: objective(suggest(SPACE, trial)), n_trials=5)
    for trial in study.trials:
        assert json.loads(json.dumps(trial.params)) == trial.params
