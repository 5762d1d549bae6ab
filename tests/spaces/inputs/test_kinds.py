"""What every kind of array promises, and a kind of a user's own, which is registered nowhere."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from toys.clouds.kind import CLOUD, Cloud

from spaces import Input, Signature, Target, defaults
from spaces.engines.engine import at
from spaces.families.catalog import FAMILIES, families_for, family_named, fitting
from spaces.inputs.border import encode, learn_schema
from spaces.inputs.image.border import Image
from spaces.inputs.kinds import KINDS, arrays_of, hand_over, kind_named, options_named
from spaces.inputs.series.border import Series
from spaces.language.space import check
from spaces.rows.arrays import pieces, take, write_array
from spaces.rows.columns import Schema, TableError

RNG = np.random.default_rng(0)
POINTS = RNG.normal(3, 2, (40, 5, 2))
POINTS[::7, 3:] = np.nan
GIVEN: dict[str, tuple[Any, Any]] = {
    "series": (Series(periods=(3,)), RNG.normal(size=(40, 6, 2)).astype(np.float32)),
    "image": (Image(), RNG.integers(0, 255, (40, 5, 6, 1)).astype(np.uint8)),
    Cloud.kind: (Cloud(points=4), POINTS),
}
READERS = ("network", "trees", "linear")


@pytest.fixture(params=list(GIVEN))
def kind(request):
    return request.param


def described(kind: str) -> Any:
    said, array = GIVEN[kind]
    return arrays_of(kind).describe("it", array, said)


def stored(kind: str) -> Any:
    return arrays_of(kind).encode(described(kind), GIVEN[kind][1])


def read_by(kind: str, by: Any, train: Any, rows: Any) -> Any:
    arrays = arrays_of(kind)
    how = arrays.how(arrays.received(described(kind)), {}, by)
    return np.asarray(arrays.prepare(how, train, None).read(rows, None))


def test_every_kind_is_tried_here():
    assert {name for name, one in KINDS.items() if one.arrays is not None} == set(GIVEN) - {Cloud.kind}


def test_a_column_comes_back_from_json_and_is_accepted(kind):
    column = described(kind)
    assert Schema.from_json(Schema((column,)).to_json()).columns == (column,)
    assert column.kind == kind
    assert arrays_of(kind).accepts(GIVEN[kind][1])


def test_rows_that_are_stored_come_back_and_are_named_alike(kind, tmp_path):
    arrays, column, kept = arrays_of(kind), described(kind), stored(kind)
    for name, part in arrays.stored(kept).items():
        write_array(tmp_path / f"{name}.npy", tuple(part.shape), part.dtype, some=pieces(part))
    parts = {path.stem: np.load(path, mmap_mode="r") for path in tmp_path.glob("*.npy")}
    loaded = arrays.load(column, parts)
    rows = np.array([3, 0, 21])
    np.testing.assert_array_equal(np.asarray(take(loaded, rows)), np.asarray(take(kept, rows)))
    for name, part in arrays.stored(loaded).items():
        assert b"".join(piece.tobytes() for piece in pieces(part)) == b"".join(
            piece.tobytes() for piece in pieces(arrays.stored(kept)[name])
        )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda array: np.concatenate([array, array], axis=-1), "'it' must"),
        (lambda array: array.astype(str), "'it' must be an array of numbers"),
        (lambda array: np.where(np.arange(len(array)) == 2, np.inf, array.T).T, "'it' (holds|must hold)"),
    ],
)
def test_what_is_no_such_array_is_refused(kind, wrong, message):
    with pytest.raises(TableError, match=message):
        arrays_of(kind).encode(described(kind), wrong(GIVEN[kind][1].astype(np.float64)))


def test_another_number_of_axes_is_refused(kind):
    said, array = GIVEN[kind]
    with pytest.raises(TableError, match=r"'it' must be .*got shape"):
        arrays_of(kind).describe("it", array[..., 0].astype(np.float32), said)


@pytest.mark.parametrize("by", READERS)
def test_what_is_learned_comes_from_training_rows_only(kind, by):
    rows = stored(kind)
    train, other = take(rows, np.arange(20)), take(rows, np.arange(20, 40))
    before = read_by(kind, by, train, other)
    np.testing.assert_allclose(before, read_by(kind, by, train, rows)[20:], rtol=1e-6)


@pytest.mark.parametrize("by", READERS)
def test_a_row_is_read_alike_alone_and_among_others_and_after_loading(kind, by, tmp_path):
    arrays, rows = arrays_of(kind), stored(kind)
    one = arrays.received(described(kind))
    learned = arrays.prepare(arrays.how(one, {}, by), take(rows, np.arange(30)), None)
    every = np.asarray(learned.read(rows, None))
    alone = np.asarray(learned.read(take(rows, np.array([7])), None))
    np.testing.assert_allclose(alone[0], every[7], rtol=1e-6, atol=1e-6)
    again = arrays.learned(tmp_path, learned.save(tmp_path, "array-0"))
    np.testing.assert_array_equal(np.asarray(again.read(rows, None)), every)
    if by == "network":
        assert every.shape[1:] == one.shape
        assert str(every.dtype) == one.dtype
    elif (width := arrays.width(one, by)) is not None:
        assert every.shape == (40, width)
        assert every.dtype == np.float32


def test_each_branch_has_a_space_and_makes_a_vector(kind):
    one = arrays_of(kind).received(described(kind))
    signature = Signature((one,), (Target("y", "regression"),), 100)
    of = kind_named(kind)
    assert of.first in of.branches
    for name, space in of.branches.items():
        check(space(one, signature))
        config = {of.name: {name: defaults(space(one, signature))}}
        model = at(of.build)(config, one, signature, name="branch")
        assert [tuple(given.shape[1:]) for given in model.inputs] == [one.shape]
        assert len(model.outputs[0].shape) == 2


def test_its_families_are_its_branches(kind):
    of, one = kind_named(kind), arrays_of(kind).received(described(kind))
    signature = Signature((one,), (Target("y", "regression"),), 100)
    names = {f"{of.name}_{branch}" for branch in of.branches}
    assert names <= set(fitting(signature))
    table = Signature((Input("table", "table", (2,)),), signature.targets, 100)
    for name in names:
        check(family_named(name, signature).space(signature))
        assert of.plural in family_named(name, signature).unfit(table)
    assert set(families_for(table)) == set(FAMILIES)


def test_a_kind_of_ones_own_is_said_not_guessed():
    assert learn_schema(_nothing(), arrays={"it": POINTS}).columns[0].kind == "series"
    schema = learn_schema(_nothing(), arrays={"it": POINTS}, said={"it": Cloud(points=4)})
    assert schema.columns[0].kind == Cloud.kind
    assert CLOUD.name not in KINDS
    assert encode(schema, _nothing(), {"it": POINTS}).arrays[0].shape == (40, 4, 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("serie", "did you mean 'series'"),
        ("toys.nowhere:KIND", "toys.nowhere:KIND must be called by where it stands"),
        ("toys.clouds.kind:Cloud", "must be an InputKind with arrays and a name of its own"),
    ],
)
def test_a_kind_that_is_not_there_is_refused(name, message):
    with pytest.raises(TableError, match=message):
        hand_over([name])


def test_options_are_checked_by_name():
    assert options_named("image", {"size": [4, 4]}) == Image([4, 4])
    with pytest.raises(TableError, match="did you mean 'size'"):
        options_named("image", {"sise": [4, 4]})


def test_a_stored_name_imports_nothing(tmp_path):
    code = "from spaces.inputs.kinds import kind_named\nkind_named('toys.clouds.kind:CLOUD')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "toys.clouds.kind is not imported here: import it if you trust it" in done.stderr


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(index=range(40))
