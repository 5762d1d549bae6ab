"""Narrowing a family's space: names are checked, types kept, and nothing else changes."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NETWORK, spaces

from spaces import Choice, Float, Int, digest, flatten, narrow, sample
from spaces.language.optional import none_or
from spaces.language.space import leaves

SEEDS = st.integers(0, 2**32)


@given(spaces())
def test_narrowing_nothing_changes_nothing(space):
    assert narrow(space, {}) == space


@given(spaces(), SEEDS)
def test_fixing_every_parameter_leaves_one_config(space, seed):
    """Fix the leaves from the outside in, by dotted name; those of branches that were cut away are left out."""
    config = sample(space, np.random.default_rng(seed))
    params = flatten(space, config)
    fixed = space
    for name in params:
        leaf = leaves(fixed)[name]
        if isinstance(leaf, Choice):
            value = leaf.unlabel(params[name])
            fixed = narrow(fixed, {name: [value]})
        else:
            fixed = narrow(fixed, {name: params[name]})
    assert sample(fixed, np.random.default_rng(seed + 1)) == config
    assert flatten(space, sample(fixed, np.random.default_rng(seed + 1))) == params


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"units": 64}, "units", 64),
        ({"units": 8}, "units", 8),
        ({"dropout": 0.85}, "dropout", 0.85),
        ({"units": {"low": 32, "high": 64}}, "units", Int(32, 64, log=True)),
        ({"units": {"low": 32}}, "units", Int(32, 512, log=True, default=128)),
        ({"units": {"log": False}}, "units", Int(16, 512, default=128)),
        ({"units": Int(20, 30)}, "units", Int(20, 30)),
        ({"dropout": 0}, "dropout", 0.0),
        ({"dropout": {"high": 0.3}}, "dropout", Float(0.0, 0.3, step=0.1)),
        ({"kernel": [[5, 5]]}, "kernel", Choice([[5, 5]])),
        ({"epochs": 20}, "epochs", 20),
        ({"epochs": Int(10, 50)}, "epochs", Int(10, 50)),
    ],
)
def test_narrow_changes_what_is_named_and_keeps_its_type(changes, name, expected):
    narrowed = narrow(NETWORK, changes)
    assert narrowed[name] == expected
    assert type(narrowed[name]) is type(expected)
    assert {key: narrowed[key] for key in NETWORK if key != name} == {k: v for k, v in NETWORK.items() if k != name}


def test_narrow_reaches_inside_an_option_by_nested_and_by_dotted_name():
    nested = narrow(NETWORK, {"optimizer": {"sgd": {"momentum": {"high": 0.5}}}})
    dotted = narrow(NETWORK, {"optimizer.sgd.momentum": {"high": 0.5}})
    assert nested == dotted
    assert nested["optimizer"].options["sgd"]["momentum"] == Float(0.0, 0.5)
    assert nested["optimizer"].options["adam"] == NETWORK["optimizer"].options["adam"]


def test_narrow_takes_nested_and_dotted_names_together_and_leaves_its_argument_alone():
    changes = {"optimizer": {"adam": {"learning_rate": 0.01}}, "optimizer.sgd.momentum": 0.9}
    before = json.dumps(changes)
    for given_order in (changes, dict(reversed(changes.items()))):
        options = narrow(NETWORK, given_order)["optimizer"].options
        assert options["adam"]["learning_rate"] == 0.01
        assert options["sgd"]["momentum"] == 0.9
    assert json.dumps(changes) == before


def test_narrow_leaves_the_space_alone():
    before = digest(NETWORK)
    narrow(NETWORK, {"units": 64, "optimizer.sgd.momentum": 0.5, "kernel": [[3, 3]], "epochs": 5})
    assert digest(NETWORK) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": 64}, r"unknown name 'unit', did you mean 'units'\? \(right names: units, dropout, optimizer"),
        (
            {"optimizer.sgd.momentun": 0.5},
            r"did you mean 'optimizer.sgd.momentum'\? \(right names: optimizer.sgd.learning_rate, optimizer.sgd.mom",
        ),
        ({"optimizer": ["adamw"]}, r"optimizer must be one of \['adam', 'sgd'\], got 'adamw'"),
        ({"optimizer": []}, r"optimizer must keep at least one of \['adam', 'sgd'\]"),
        ({"optimizer": Choice(["adam"])}, "optimizer: a Choice of sub-spaces is needed here"),
        ({"optimizer": Float(0.0, 1.0)}, r"optimizer is a Choice of \['adam', 'sgd'\], got Float"),
        ({"kernel": Choice({"a": {}})}, "kernel: a Choice of values is needed here"),
        ({"kernel": [[4, 4]]}, r"kernel must be one of .*; a value that is not among them is written Choice\(\[\[4, 4"),
        ({"units": 0}, "units must be above 0, got 0"),
        ({"dropout": -0.1}, "dropout must not be negative, got -0.1"),
        ({"dropout": 1.1}, "dropout is a share and must be between 0 and 1, got 1.1"),
        ({"units": {1: 32, 2: 64}}, "units cannot differ by layer, as no depth stands beside it"),
        ({"units": 64.5}, "units must be a whole number, got 64.5"),
        ({"units": "many"}, "units must be a number, got 'many'"),
        ({"units": {"low": 64, "high": 32}}, "units: Int needs low < high, got low=64, high=32"),
        ({"units": {"low": 0}}, "units: Int with log=True needs low > 0, got low=0"),
        ({"units": {"lo": 32}}, "units: unknown name 'lo', did you mean 'low'"),
        ({"units": {"default": 1000}}, "units: default must be between 16 and 512, got 1000"),
        ({"units": Float(16.0, 512.0)}, "units is of type Int, so its new range must be too, got Float"),
        ({"dropout": Int(0, 1)}, "dropout is of type Float"),
        ({"dropout": {"high": 0.25}}, "dropout: Float.* never reaches 0.25"),
        ({"epochs": "ten"}, "epochs is the constant 10: give another int, got 'ten'"),
        ({"epochs": True}, "epochs is the constant 10: give another int, got True"),
        ({"epochs": Float(1.0, 10.0)}, "epochs is the constant 10: give another int"),
        ({"optimizer.sgd": 1}, "optimizer.sgd holds learning_rate, momentum: name one of them, got 1"),
        ({"units.low.high": 1}, re.escape("units")),
    ],
)
def test_a_change_that_does_not_fit_is_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        narrow(NETWORK, changes)


@pytest.mark.parametrize("kept", ["adam", ["adam"]])
@pytest.mark.parametrize("first", [True, False])
def test_options_are_kept_and_changed_inside_at_once(kept, first):
    space = {"optimizer": Choice({"adam": {"rate": Float(0.1, 1.0)}, "sgd": {"rate": Float(0.1, 1.0)}})}
    both = {"optimizer": kept, "optimizer.adam.rate": 0.5}
    changed = narrow(space, both if first else dict(reversed(both.items())))
    assert changed["optimizer"].options == {"adam": {"rate": 0.5}}
    with pytest.raises(ValueError, match=r"unknown name 'optimizer\.sgd', .*optimizer\.adam"):
        narrow(space, {"optimizer": kept, "optimizer.sgd.rate": 0.5})


def test_only_options_can_be_kept_and_changed_inside():
    with pytest.raises(ValueError, match="rate is changed twice, as 'x' and inside"):
        narrow({"rate": Float(0.1, 1.0)}, {"rate": "x", "rate.low": 0.5})


@pytest.mark.parametrize(
    "changes",
    [
        {"a.c": ["p"], "a": {"c": {"p": {"r": 0.5}}}},
        {"a": {"c": {"p": {"r": 0.5}}}, "a.c": ["p"]},
    ],
)
def test_dotted_and_nested_names_mean_the_same(changes):
    space = {"a": {"c": Choice({"p": {"r": Float(0.1, 1.0)}, "q": {}})}}
    assert narrow(space, changes)["a"]["c"].options == {"p": {"r": 0.5}}
    with pytest.raises(ValueError, match="changed twice"):
        narrow(space, {"a.c.p.r": 0.5, "a": {"c": {"p": {"r": 0.7}}}})


@pytest.mark.parametrize(("change", "kept"), [(0.2, {"some": 0.2}), (0, {"none": 0.0})])
def test_a_number_that_can_be_nothing_is_fixed_by_a_number(change, kept):
    assert narrow({"dropout": none_or(Float(0.01, 0.7))}, {"dropout": change})["dropout"].options == kept
    with pytest.raises(ValueError, match=r"dropout must be one of \['none', 'some'\], got 1.2"):
        narrow({"dropout": none_or(Float(0.01, 0.7))}, {"dropout": 1.2})
