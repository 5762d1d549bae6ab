"""Every stored start is a point of its family's space, whatever the task."""

from __future__ import annotations

import pytest

from spaces import FAMILIES, Choice, Float, Input, Int, Signature, Target, defaults, flatten, narrow
from spaces.families.catalog import STARTS
from spaces.families.starts import MOST, starting_points
from spaces.inputs.text.words import Words
from spaces.language.points import nearest_point, point
from spaces.language.space import configure, leaves
from spaces.rows.signature import TableColumns

CLASSES = Target("y", "multiclass", tuple(f"c{i}" for i in range(300)), "log_loss")
SIGNATURES = {
    "small": Signature((Input("table", "table", (3,)),), (Target("y", "regression"),), rows=60),
    "large": Signature(
        (Input("table", "table", (200,), details=TableColumns(cardinalities=(40,))),), (CLASSES,), rows=900_000
    ),
    "texts": Signature(
        (Input("table", "table", (3,)), Input("text", "text", (50,), "int32", Words(9_000))),
        (Target("y", "regression"), CLASSES),
        rows=5_000,
    ),
}
IMAGES = {
    "small": Signature((Input("image", "image", (8, 8, 1)),), (Target("y", "regression"),), rows=60),
    "large": Signature((Input("image", "image", (224, 224, 3)),), (CLASSES,), rows=900_000),
    "usual": Signature((Input("image", "image", (32, 32, 3)),), (Target("y", "regression"),), rows=4_000),
}
SPACE = {
    "depth": Int(1, 5),
    "rate": Float(0.1, 1.0, default=0.5),
    "kind": Choice({"plain": {}, "rich": {"width": Int(1, 9, default=3)}, "fixed": 0.0}),
    "steps": 10,
}


@pytest.mark.parametrize("size", SIGNATURES)
@pytest.mark.parametrize("name", STARTS)
def test_every_start_is_a_point_of_its_familys_space(name, size):
    family = FAMILIES[name]
    assert family.starts == tuple(STARTS[name].values())[:MOST]
    signature = (IMAGES if name.startswith("image") else SIGNATURES).get(size)
    if signature is None or family.unfit(signature):
        return
    space = family.space(signature)
    points = starting_points(space, tuple(STARTS[name].values()))
    assert points[0] == flatten(space, defaults(space))
    assert all(flatten(space, configure(space, one)) == one for one in points)
    assert len({str(one) for one in points}) == len(points) > 1


@pytest.mark.parametrize("name", STARTS)
def test_a_start_says_names_of_the_space_and_at_a_usual_task_its_own_values(name):
    usual = Signature((Input("table", "table", (12,)),), (Target("y", "regression"),), rows=4_000)
    space = FAMILIES[name].space(IMAGES["usual"] if name.startswith("image") else usual)
    for start in STARTS[name].values():
        known = leaves(space)
        assert set(start) <= set(known)
        found = nearest_point(space, start)
        moved = {key for key, value in start.items() if found.get(key) != value}
        assert moved <= {"batch_size"}


def test_how_numbers_are_scaled_says_nothing_of_texts():
    text = Signature((Input("text", "text", (50,), "int32", Words(9_000)),), (CLASSES,), rows=5_000)
    space = FAMILIES["linear"].space(text)
    assert starting_points(space, FAMILIES["linear"].starts) == [flatten(space, defaults(space))]


def test_what_a_narrowed_space_lacks_is_left_out():
    space = narrow(
        FAMILIES["dense"].space(SIGNATURES["small"]), {"optimizer": ["adam"], "depth": 1, "units": {"high": 64}}
    )
    points = starting_points(space, FAMILIES["dense"].starts)
    assert max(one["units"] for one in points) == 64
    assert {one["optimizer"] for one in points} == {"adam"}


def test_a_point_may_be_said_in_part_nested_or_dotted():
    params = {"depth": 3, "rate": 0.5, "kind": "rich", "kind.rich.width": 4}
    assert point(SPACE, {"kind": {"rich": {"width": 4}}}) == params
    assert point(SPACE, {"kind": "rich", "kind.rich.width": 4}) == params
    assert point(SPACE, {"kind": {"fixed": 0.0}}) == {"depth": 3, "rate": 0.5, "kind": "fixed"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"dept": 2}, r"unknown name 'dept', did you mean 'depth'\?"),
        ({"depth": 9}, "depth must be between 1 and 5, got 9"),
        ({"kind": "rihc"}, "kind must be one of"),
        (
            {"kind": "plain", "kind.rich.width": 4},
            "kind.rich.width belongs to an option that is not chosen; .*kind = plain",
        ),
        ({"kind": {"rich": {"width": 99}}}, "kind.rich.width must be between"),
        ({"steps": 20}, "unknown name 'steps'"),
    ],
)
def test_what_is_no_point_is_refused(said, message):
    with pytest.raises(ValueError, match=message):
        point(SPACE, said)
