"""The promises of the space language, over generated spaces."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from strategies import NETWORK, spaces
from strategies import leaves as any_leaf

from spaces import Choice, Float, Int, configure, defaults, digest, flatten, narrow, sample, suggest
from spaces.language.space import Space, check, from_json, leaves, resolve, to_json

optuna.logging.set_verbosity(optuna.logging.WARNING)

NATIVE = (int, float, str, bool, type(None), list)
SEEDS = st.integers(0, 2**32)


def assert_member(space: Space, config: dict[str, Any]) -> None:
    """Check a config without the language's own checks, then with them."""
    values = {}

    def pick(name: str, leaf: Any) -> Any:
        given: Any = config
        for part in name.split("."):
            given = given[part]
        value = next(iter(given)) if isinstance(leaf, Choice) and leaf.conditional else given
        values[name] = value
        assert type(value) in NATIVE
        match leaf:
            case Choice():
                assert any(value == option and type(value) is type(option) for option in leaf.options)
            case Int():
                assert type(value) is int
                assert leaf.low <= value <= leaf.high
                assert (value - leaf.low) % leaf.step == 0
            case Float():
                assert type(value) is float
                assert leaf.low <= value <= leaf.high
                assert leaf.step is None or value in steps(leaf)
        return value

    assert resolve(space, pick) == config
    params = flatten(space, config)
    assert list(params) == list(values)
    assert all(type(value) in NATIVE[:-1] for value in params.values())
    assert configure(space, params) == config


def steps(leaf: Float) -> list[float]:
    """The values of a stepped range, as exact decimals rounded once: 0.3, never 0.30000000000000004."""
    low, step = Decimal(repr(leaf.low)), Decimal(repr(leaf.step))
    return [float(low + k * step) for k in range(round((leaf.high - leaf.low) / leaf.step) + 1)]


@given(spaces(), SEEDS)
def test_every_sample_is_a_member(space, seed):
    assert_member(space, sample(space, np.random.default_rng(seed)))


@given(spaces())
def test_the_defaults_are_a_member(space):
    assert_member(space, defaults(space))


@given(any_leaf())
def test_a_stated_default_is_the_default(leaf):
    if leaf.default is not None:
        assert defaults({"x": leaf}) == {"x": leaf.default}


@given(spaces(), SEEDS)
def test_the_same_seed_draws_the_same_sample(space, seed):
    first, second = (sample(space, np.random.default_rng(seed)) for _ in range(2))
    assert first == second


@given(spaces(), st.integers(0, 2**31))
def test_an_optuna_trial_gives_members_and_records_them_flat(space, seed):
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed)).ask()
    config = suggest(space, trial)
    assert_member(space, config)
    params = flatten(space, config)
    assert list(trial.params) == list(params)
    for name, value in trial.params.items():  # Optuna computes steps in floats and stores 0.15000000000000002
        assert type(params[name]) is type(value)
        assert params[name] == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value)


@given(spaces(), st.integers(0, 2**31))
def test_a_stored_trial_becomes_the_config_that_was_run(space, seed):
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed)).ask()
    config = suggest(space, trial)
    assert configure(space, json.loads(json.dumps(trial.params))) == config


@given(spaces())
def test_json_brings_back_the_same_space_and_digest(space):
    check(space)
    again = from_json(json.loads(json.dumps(to_json(space))))
    assert again == space
    assert digest(again) == digest(space)
    assert [(name, repr(leaf)) for name, leaf in leaves(again).items()] == [
        (name, repr(leaf)) for name, leaf in leaves(space).items()
    ]


def test_the_digest_of_a_space_is_the_same_in_every_version():
    assert digest(NETWORK) == "b09e099dd9dc6a45"


def test_a_fixed_seed_draws_what_it_always_drew():
    assert sample(NETWORK, np.random.default_rng(7)) == {
        "units": 138,
        "dropout": 0.4,
        "optimizer": {
            "sgd": {
                "learning_rate": pytest.approx(0.21235234963662708, rel=1e-12),
                "momentum": pytest.approx(0.21394683049106225, rel=1e-12),
            }
        },
        "kernel": [3, 3],
        "epochs": 10,
    }


@pytest.mark.parametrize(
    "other",
    [
        NETWORK | {"units": Int(16, 513, log=True, default=128)},
        NETWORK | {"units": Int(17, 512, log=True, default=128)},
        NETWORK | {"units": Int(16, 512, default=128)},
        NETWORK | {"units": Int(16, 512, log=True)},
        NETWORK | {"units": Float(16, 512, log=True, default=128)},
        NETWORK | {"dropout": Float(0.0, 0.5, step=0.05)},
        NETWORK | {"dropout": Float(0.0, 0.5)},
        NETWORK | {"optimizer": narrow(NETWORK, {"optimizer": ["sgd"]})["optimizer"]},
        NETWORK | {"optimizer": narrow(NETWORK, {"optimizer.sgd.momentum": 0.9})["optimizer"]},
        NETWORK | {"kernel": Choice([[5, 5], [3, 3]])},
        NETWORK | {"kernel": Choice([[3, 3], [5, 5]], default=[3, 3])},
        NETWORK | {"kernel": Choice(["[3, 3]", "[5, 5]"])},
        NETWORK | {"epochs": 11},
        NETWORK | {"epochs": 10.0},
        NETWORK | {"more": None},
        {name: NETWORK[name] for name in reversed(NETWORK)},
        {"net": NETWORK},
    ],
)
def test_the_digest_changes_with_anything_in_the_space(other):
    assert digest(other) != digest(NETWORK)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2.0, 1.0), "Float needs low < high, got low=2.0, high=1.0"),
        (lambda: Int(3, 3), "write a plain value for a constant"),
        (lambda: Float(0.0, 1.0, log=True), "log=True needs low > 0, got low=0.0"),
        (lambda: Int(-1, 8, log=True), "log=True needs low > 0, got low=-1"),
        (lambda: Float(0.0, 1.0, step=0.3), r"never reaches 1.0: use high=0.9 or another step"),
        (lambda: Int(1, 10, step=4), r"never reaches 10: use high=9 or another step"),
        (lambda: Float(0.0, 1.0, step=0.0), "needs step > 0, got step=0.0"),
        (lambda: Int(0, 10, step=-1), "needs step > 0, got step=-1"),
        (lambda: Int(1, 9, log=True, step=2), "cannot have both log=True and step=2"),
        (lambda: Float(1.0, 2.0, log=True, step=0.5), "cannot have both log=True and step=0.5"),
        (lambda: Float(0.0, float("inf")), "high must be finite, got inf"),
        (lambda: Float(float("nan"), 1.0), "low must be finite, got nan"),
        (lambda: Float("0", 1.0), "low must be a number, got '0'"),
        (lambda: Int(0.5, 3), "low must be a whole number, got 0.5"),
        (lambda: Int(False, True), "low must be a number, got False"),
        (lambda: Float(0.0, 1.0, default=2.0), "default must be between 0.0 and 1.0, got 2.0"),
        (lambda: Float(0.0, 1.0, step=0.25, default=0.3), "default must be 0.0 plus a multiple of 0.25, got 0.3"),
        (lambda: Int(0, 10, step=2, default=3), "default must be 0 plus a multiple of 2, got 3"),
        (lambda: Choice([]), "at least one option"),
        (lambda: Choice({}), "at least one option"),
        (lambda: Choice("relu"), "needs a list of values or a mapping of sub-spaces, got 'relu'"),
        (lambda: Choice(["relu", "selu", "relu"]), "options must differ, got 'relu' and 'relu'"),
        (lambda: Choice([1, True]), "options must differ, got 1 and True"),
        (lambda: Choice([[3, 3], [3, 3]]), "options must differ"),
        (lambda: Choice([float("nan")]), "must be JSON values, got nan"),
        (lambda: Choice([Float(0.0, 1.0)]), "must be JSON values, got Float"),
        (lambda: Choice(["relu"], default="selu"), r"default must be one of \['relu'\], got 'selu'"),
        (lambda: Choice({"a": {}}, default="b"), r"default must be one of \['a'\], got 'b'"),
    ],
)
def test_a_leaf_that_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"a.b": 1}, "strings without dots, got 'a.b'"),
        ({"": 1}, "non-empty strings"),
        ({1: Float(0.0, 1.0)}, "got 1"),
        ({"a": {"b": {"c.d": 1}}}, "got 'c.d' in a.b"),
        ({"a": Choice({"x.y": {}})}, "got 'x.y' in a"),
        ({"a": Choice({"x": {"y": np.float64}})}, "a.x.y: a constant must be a JSON value"),
        ({"a": [Float(0.0, 1.0)]}, "a: a constant must be a JSON value"),
        ({"a": float("inf")}, "a: a constant must be a JSON value, got inf"),
        (Float(0.0, 1.0), "a space is a mapping"),
        ([1, 2], "a space is a mapping"),
    ],
)
def test_what_is_no_space_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        check(space)


def test_options_that_would_share_a_label_are_refused_or_told_apart():
    """Optuna stores scalars only, so a list is stored as its JSON text, which may be an option too."""
    try:
        space = {"kernel": Choice([[3, 3], "[3, 3]"])}
    except ValueError:
        return
    for option in ([3, 3], "[3, 3]"):
        assert configure(space, flatten(space, {"kernel": option})) == {"kernel": option}


def test_tuples_among_values_survive_storage():
    """JSON knows lists only, so a tuple must have become one before it is stored."""
    space = {"kernel": Choice([(3, 3), (5, 5)])}
    assert from_json(json.loads(json.dumps(to_json(space)))) == space
    assert flatten(space, json.loads(json.dumps(defaults(space)))) == {"kernel": "[3, 3]"}


def test_a_config_shares_nothing_with_its_space():
    """A builder may change the lists in its config; the space of the next trial must not notice."""
    space = {"kernel": Choice([[3, 3]]), "layers": [8, 8]}
    before = digest(space)
    for config in (defaults(space), sample(space, np.random.default_rng(0)), configure(space, {"kernel": "[3, 3]"})):
        config["kernel"].append(1)
        config["layers"].append(1)
    assert digest(space) == before


def test_ends_computed_in_floats_are_ends():
    """3 * 0.1 is 0.30000000000000004, which Optuna finds not divisible by 0.1 and warns of."""
    space = {"x": Float(0.0, 3 * 0.1, step=0.1)}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    assert {suggest(space, study.ask())["x"] for _ in range(40)} == {0.0, 0.1, 0.2, 0.3}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"x": 2.0}, "x must be between 0.0 and 1.0, got 2.0"),
        ({"x": float("nan")}, "x must be finite"),
        ({"n": 99}, "n must be between 1 and 9, got 99"),
        ({"n": 4}, "n must be 1 plus a multiple of 2, got 4"),
        ({"n": 3.5}, "n must be a whole number, got 3.5"),
        ({"s": 0.3}, "s must be 0.0 plus a multiple of 0.25, got 0.3"),
        ({"c": "z"}, r"c must be one of \['a', 'b'\], got 'z'"),
        ({"c": ["a"]}, r"c must be one of \['a', 'b'\], got \['a'\]"),
    ],
)
def test_params_outside_their_range_are_refused(params, message):
    space = {"x": Float(0.0, 1.0), "n": Int(1, 9, step=2), "s": Float(0.0, 1.0, step=0.25), "c": Choice(["a", "b"])}
    good = flatten(space, defaults(space))
    assert configure(space, good) == defaults(space)
    with pytest.raises(ValueError, match=message):
        configure(space, good | params)


def test_params_of_a_branch_that_was_not_chosen_are_refused():
    params = flatten(NETWORK, defaults(NETWORK))
    with pytest.raises(ValueError, match=r"unknown or inactive parameter 'optimizer.sgd.momentum'"):
        configure(NETWORK, params | {"optimizer.sgd.momentum": 0.5})
    with pytest.raises(ValueError, match=r"'optimizer.adam.learning_rate' is missing"):
        configure(NETWORK, {name: params[name] for name in params if name != "optimizer.adam.learning_rate"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": 3}, "units must be between 16 and 512, got 3"),
        ({"units": 64.5}, "units must be a whole number, got 64.5"),
        ({"units": True}, "units must be a number, got True"),
        ({"units": "64"}, "units must be a number, got '64'"),
        ({"dropout": 0.25}, "dropout must be 0.0 plus a multiple of 0.1, got 0.25"),
        ({"epochs": 11}, "epochs is the constant 10, got 11"),
        ({"kernel": [4, 4]}, "kernel must be one of"),
        ({"optimizer": "adam"}, r"optimizer must be a mapping of one of \['adam', 'sgd'\], got 'adam'"),
        ({"optimizer": {"adamw": {}}}, r"optimizer must be one of \['adam', 'sgd'\], got 'adamw'"),
        ({"optimizer": {"adam": {}}}, "'optimizer.adam.learning_rate' is missing"),
        ({"unit": 64}, "unknown name 'unit', did you mean 'units'"),
        (
            {"optimizer": {"adam": {"learning_rate": 0.01, "learning_rat": 0.1}}},
            "unknown name 'optimizer.adam.learning_rat', did you mean '[a-z.]*learning_rate'",
        ),
    ],
)
def test_a_config_that_is_no_member_is_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        flatten(NETWORK, defaults(NETWORK) | change)


def test_a_wrong_name_far_down_is_told_its_nearest_right_name():
    space = {"network": {"regularization": {"penalty": {"rate": Float(0.0, 1.0), "kind": "l2"}}}}
    wrong = {"network": {"regularization": {"penalty": {"rat": 0.5, "kind": "l2"}}}}
    for complain in (lambda: flatten(space, wrong), lambda: narrow(space, wrong)):
        with pytest.raises(ValueError, match=r"did you mean '[a-z.]*rate'"):
            complain()


def test_a_sample_follows_the_prior_at_both_ends():
    space = {"n": Int(1, 6), "even": Int(10, 30, step=10), "s": Float(0.0, 1.0, step=0.25), "log": Int(1, 8, log=True)}
    rng = np.random.default_rng(0)
    drawn = [sample(space, rng) for _ in range(4000)]
    whole = np.arange(1, 9)
    expected = {
        "n": dict.fromkeys(range(1, 7), 1 / 6),
        "even": dict.fromkeys((10, 20, 30), 1 / 3),
        "s": dict.fromkeys((0.0, 0.25, 0.5, 0.75, 1.0), 1 / 5),
        "log": dict(zip(whole.tolist(), np.diff(np.log(np.arange(1, 10) - 0.5)) / np.log(17), strict=True)),
    }
    for name, shares in expected.items():
        counts = [sum(config[name] == value for config in drawn) for value in shares]
        assert stats.chisquare(counts, [len(drawn) * share for share in shares.values()]).pvalue > 1e-4
