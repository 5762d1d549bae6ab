"""Parts that are there or not: counts and parameters are named as if they stood beside the part."""

from __future__ import annotations

import numpy as np
import pytest

from spaces import Choice, Float, Int, defaults, flatten, narrow, sample
from spaces.language.parts import counted, layers_of

INNER = {"units": Int(8, 64, log=True), "dropout": Float(0.0, 0.5)}
SPACE = {
    "depth": counted("depth", Int(0, 2, default=0), INNER),
    "table": {"depth": counted("depth", Int(0, 3, default=1), INNER)},
    "body": Choice({"dense": {"width": Int(1, 9)}, "conv": {"width": Int(1, 9), "depth": Int(1, 3), "pool": 2}}),
    "averaging": Choice({"none": {}, "ema": {"steps": Int(1, 9)}}),
}


def depths(changes):
    """Return the depths of a part that come of changes."""
    space = narrow({"depth": SPACE["depth"]}, changes)
    drawn = (layers_of(sample(space, np.random.default_rng(seed))["depth"]) for seed in range(40))
    return {0 if layers is None else layers["depth"] for layers in drawn}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (0, {0}),
        (2, {2}),
        (4, {4}),
        ({"low": 1}, {1, 2}),
        ({"high": 1}, {0, 1}),
        ({"low": 0, "high": 0}, {0}),
        (Int(1, 3), {1, 2, 3}),
        ("none", {0}),
        (["layers"], {1, 2}),
    ],
)
def test_a_count_is_a_number(change, expected):
    assert depths({}) == {0, 1, 2}
    assert depths({"depth": change}) == expected


def test_the_default_of_a_count_says_whether_the_part_is_there():
    assert defaults(SPACE)["depth"] == {"none": {}}
    assert defaults(SPACE)["table"]["depth"]["layers"]["depth"] == 1
    assert defaults(narrow(SPACE, {"depth": {"default": 2}}))["depth"]["layers"]["depth"] == 2
    assert defaults(narrow(SPACE, {"table.depth": {"default": 0}}))["table"]["depth"] == {"none": {}}


def test_what_is_not_there_has_no_parameters():
    assert flatten(SPACE, defaults(SPACE))["depth"] == "none"
    assert not any(name.startswith("depth.") for name in flatten(SPACE, defaults(SPACE)))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"units": 16}, {"depth.layers.units": 16}),
        ({"units": {"high": 32}, "depth": 1}, {"depth.layers.units": {"high": 32}, "depth.layers.depth": 1}),
        ({"table.units": 16}, {"table.depth.layers.units": 16}),
        ({"table": {"depth.units": 16}}, {"table.depth.layers.units": 16}),
        ({"steps": 3}, {"averaging.ema.steps": 3}),
        ({"body": ["conv"], "width": 3}, {"body": ["conv"], "body.conv.width": 3}),
    ],
)
def test_parameters_of_a_part_are_named_without_it(changes, same):
    expected = narrow(SPACE, same)
    if changes.get("depth"):
        expected["depth"] = Choice({"layers": expected["depth"].options["layers"]})
    assert narrow(SPACE, changes) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 0, "units": 16}, "depth is 'none', so units would change nothing"),
        ({"depth": -1}, "depth needs whole numbers with 0 <= low <= high, got low=-1"),
        ({"depth": {"low": 3}}, "depth needs whole numbers with 0 <= low <= high, got low=3, high=2"),
        (
            {"unit": 16},
            r"unknown name 'unit', did you mean 'units'\? \(right names: depth, table, body, ",
        ),
        ({"width": 3}, "unknown name 'width'"),
        ({"table.steps": 3}, "unknown name 'table.steps'"),
        ({"body.conv.pool": {1: 5, 2: 1}}, "body.conv.pool is given for the layers 1, 2, and there are up to 3"),
    ],
)
def test_a_change_of_a_part_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        narrow(SPACE, changes)


def test_what_stands_beside_a_depth_may_differ_by_layer():
    changes = {"depth": 2, "units": {1: 32, 2: {"low": 16}}, "body.conv": {"depth": 2, "pool": {"1": 5, "2": 1}}}
    changed = narrow(SPACE, changes)
    assert changed["depth"].options["layers"]["units"] == {"1": 32, "2": Int(16, 64, log=True)}
    assert changed["body"].options["conv"]["pool"] == {"1": 5, "2": 1}
