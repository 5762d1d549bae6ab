"""Rows that are steps of sequences: windows, what a step may depend on, and the tasks only order can solve."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.families.sequences.network import build_steps
from spaces.families.sequences.windows import PreparedWindows, prepare_windows
from spaces.inputs.border import encode, learn_schema
from spaces.rows.columns import MISSING, UNSEEN, TableError
from spaces.rows.signature import TableColumns
from spaces.rows.table import Table
from spaces.store import load_fitted

LABELS = Target("y", "binary", ("no", "yes"), "log_loss")
FAST = {"epochs": 12, "patience": 12, "batch_size": 8, "optimizer": ["adam"], "optimizer.adam.learning_rate": 1e-2}


def table(lengths: list[int], numbers: int = 1) -> Table:
    rows = sum(lengths)
    sequence = np.repeat(np.arange(len(lengths)), lengths).astype(np.int32)
    values = np.arange(rows * numbers, dtype=float).reshape(rows, numbers)
    return Table(values, (np.arange(rows) % 3).astype(np.int32)[:, None], None, None, sequence)


@given(st.lists(st.integers(1, 13), min_size=1, max_size=5), st.integers(2, 6), st.data())
def test_every_row_is_asked_for_once_and_context_is_of_its_own_sequence(lengths, length, data):
    overlap = data.draw(st.integers(0, length - 1))
    rows = table(lengths)
    windows = PreparedWindows(None, ((0, 1, 2),), 0, length, overlap).matrix(rows)
    assert sorted(windows.rows[windows.fresh].tolist()) == list(range(len(rows)))
    assert rows.sequence is not None
    for row, fresh in zip(windows.rows, windows.fresh, strict=True):
        inside = row[row >= 0]
        assert np.unique(rows.sequence[inside]).size == 1
        assert (np.diff(inside) == 1).all()
        assert not fresh[row < 0].any()
        first_of_sequence = inside[0] == 0 or rows.sequence[inside[0] - 1] != rows.sequence[inside[0]]
        assert first_of_sequence or not fresh[:overlap].any()


def test_numbers_are_scaled_by_training_rows():
    train, new = table([6], numbers=2), table([2, 3], numbers=2)
    prepared = prepare_windows("standard", train, np.zeros(6), target_kind="regression", length=4, overlap=0)
    windows = prepared.matrix(new)
    expected = (new.numbers - train.numbers.mean(axis=0)) / train.numbers.std(axis=0)
    np.testing.assert_allclose(windows.numbers[0, :2], expected[:2], rtol=1e-6)
    np.testing.assert_allclose(windows.numbers[1, :3], expected[2:], rtol=1e-6)
    assert (windows.numbers[0, 2:] == 0).all()


def test_a_category_that_training_rows_hold_once_or_never_is_unseen():
    codes = np.array([0, 0, 1, 2, 2, MISSING], dtype=np.int32)[:, None]
    train = Table(np.empty((6, 0)), codes, None, None, np.zeros(6, np.int32))
    prepared = prepare_windows("standard", train, np.zeros(6), target_kind="regression", length=8, overlap=0)
    new = np.array([0, 1, 2, 3, UNSEEN, MISSING], dtype=np.int32)[:, None]
    (read,) = prepared.matrix(Table(np.empty((6, 0)), new, None, None, np.zeros(6, np.int32))).codes
    assert read[:, 0].tolist() == [3, 1, 5, 1, 1, 2, 0, 0]


def test_folds_may_differ_in_what_is_missing(tmp_path):
    """Where a number is missing, an indicator stands beside it: the matrices differ in width."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(240, 1))
    values[5] = np.nan
    target = rng.normal(size=240)
    rows = Table(values, np.empty((240, 0), np.int32), None, None, np.repeat(np.arange(20), 12).astype(np.int32))
    given = Signature((Input("table", "table", (1,)),), (Target("y", "regression"),), rows=120, steps=12)
    config = defaults(narrow(FAMILIES["sequence_labels"].space(given), {**FAST, "epochs": 1, "layers": ["conv"]}))
    halves = [Rows(rows.take(np.arange(*ends)), target[slice(*ends)]) for ends in ((0, 120), (120, 240))]
    folds = [Fold(half, half, half, 1) for half in halves]
    for i, fitted in enumerate(FAMILIES["sequence_labels"].build(config, given).fit(folds, lambda *_: None)):
        said = fitted.predict(rows)
        (tmp_path / str(i)).mkdir()
        fitted.save(tmp_path / str(i))
        np.testing.assert_allclose(load_fitted(tmp_path / str(i)).predict(rows), said, atol=1e-5)
    assert i == 1


def signature(steps: int = 12, width: int = 0) -> Signature:
    return Signature(
        (Input("table", "table", (1 + width,), details=TableColumns(cardinalities=(3,))),),
        (LABELS,),
        rows=800,
        steps=steps,
    )


def built(family: str, changes: dict[str, Any]) -> keras.Model:
    space = FAMILIES[family].space(signature())
    keras.utils.set_random_seed(1)
    return build_steps(defaults(narrow(space, changes)), signature(), 0)


@pytest.mark.parametrize("layers", ["recurrent", "conv"])
@pytest.mark.parametrize(("family", "sees_the_future"), [("language_model", False), ("sequence_labels", True)])
def test_a_language_model_does_not_see_the_future(family, layers, sees_the_future):
    model = built(family, {"layers": [layers], f"layers.{layers}.depth": 2})
    codes = np.random.default_rng(0).integers(3, 6, (1, 12, 1)).astype(np.int32)
    other = codes.copy()
    other[0, 8] = 3 + (codes[0, 8] - 2) % 3
    changed = np.abs(np.asarray(model(codes)) - np.asarray(model(other)))[0, :, 0] > 1e-7
    assert changed[8]
    assert changed[:8].any() == sees_the_future


@pytest.mark.parametrize(
    ("changes", "layer"),
    [
        ({"layers": ["recurrent"], "layers.recurrent.cell": "gru"}, "GRU"),
        ({"layers": ["recurrent"], "layers.recurrent.cell": "lstm"}, "LSTM"),
        ({"layers": ["recurrent"], "layers.recurrent.cell": "simple"}, "SimpleRNN"),
        ({"layers": ["conv"]}, "Conv1D"),
        ({"layers": ["recurrent"], "layers.recurrent.depth": 2, "layers.recurrent.residual": True}, "Add"),
    ],
)
def test_layers_are_those_of_the_config(changes, layer):
    assert layer in [type(one).__name__ for one in built("language_model", changes).layers]


def steps_of(kind: str) -> tuple[Table, NDArray[np.int64]]:
    """Draw sequences of 12 steps: the label repeats the code of two steps before, or tells of the next step."""
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 2, (120, 12))
    if kind == "past":
        target = np.pad(codes, ((0, 0), (2, 0)))[:, :-2]
    else:
        target = np.pad(codes, ((0, 0), (0, 1)))[:, 1:]
    flat = codes.reshape(-1, 1).astype(np.int32)
    sequence = np.repeat(np.arange(120), 12).astype(np.int32)
    return Table(np.empty((len(flat), 0)), flat, None, None, sequence), target.ravel()


@pytest.mark.parametrize(
    ("family", "kind", "layers"),
    [
        ("language_model", "past", "recurrent"),
        pytest.param("language_model", "past", "conv", marks=pytest.mark.slow),
        pytest.param("sequence_labels", "future", "recurrent", marks=pytest.mark.slow),
        ("sequence_labels", "future", "conv"),
    ],
)
def test_each_family_learns_what_a_single_row_does_not_say(tmp_path, family, kind, layers):
    rows, target = steps_of(kind)
    given = Signature(
        (Input("table", "table", (1,), details=TableColumns(cardinalities=(2,))),), (LABELS,), rows=1200, steps=12
    )
    parts = {"full": range(1200), "train": range(1080), "inner": range(1080, 1200), "held_out": range(1200, 1440)}
    index = {name: np.array(part) for name, part in parts.items()}
    full, train, inner = (Rows(rows.take(index[name]), target[index[name]]) for name in ("full", "train", "inner"))
    config = defaults(narrow(FAMILIES[family].space(given), {**FAST, "layers": [layers]}))
    seen: list[tuple[int, ...]] = []
    model = FAMILIES[family].build(config, given)
    (fitted,) = model.fit([Fold(full, train, inner, 4)], lambda *shown: seen.append(shown[3]().shape))
    held_out, true = rows.take(index["held_out"]), target[index["held_out"]]
    said = fitted.predict(held_out)
    assert said.shape == (240, 2)
    assert set(seen) == {(120, 2)}
    gain = np.log(np.clip(said[np.arange(240), true], 1e-9, 1)) - np.log(0.5)
    assert gain.mean() > 2 * gain.std() / np.sqrt(240)
    assert gain.mean() > 0.3
    (tmp_path / "fold").mkdir()
    fitted.save(tmp_path / "fold")
    np.testing.assert_allclose(load_fitted(tmp_path / "fold").predict(held_out), said, atol=1e-6)
    some = np.array([*range(24, 36), *range(12)])  # whole sequences in another order
    np.testing.assert_allclose(fitted.predict(held_out.take(some)), said[some], atol=1e-5)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model():
    rows, target = steps_of("past")
    given = Signature(
        (Input("table", "table", (1,), details=TableColumns(cardinalities=(2,))),), (LABELS,), rows=1200, steps=12
    )
    changes = {**FAST, "epochs": 2, "layers": ["recurrent"], "layers.recurrent.recurrent_dropout": 0.3}
    config = defaults(narrow(FAMILIES["language_model"].space(given), changes))
    part = Rows(rows.take(np.arange(600)), target[:600])
    folds = [Fold(part, part, part, seed) for seed in (1, 1, 2)]
    looks: list[Any] = []

    def watch(step: int, steps: int, curves: Any, predict: Any) -> None:
        if len(looks) < 2:  # whether somebody looks makes no difference
            looks.append(predict())

    said = [fitted.predict(rows) for fitted in FAMILIES["language_model"].build(config, given).fit(folds, watch)]
    np.testing.assert_array_equal(said[0], said[1])
    assert not np.allclose(said[0], said[2])


def test_a_number_can_be_told_of_every_step():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(720, 1))
    target = np.concatenate([[0], values[:-1, 0]]) * 10 + 100
    sequence = np.repeat(np.arange(60), 12).astype(np.int32)
    rows = Table(values, np.empty((720, 0), np.int32), None, None, sequence)
    given = Signature((Input("table", "table", (1,)),), (Target("y", "regression"),), rows=600, steps=12)
    config = defaults(narrow(FAMILIES["sequence_labels"].space(given), {**FAST, "layers": ["conv"]}))
    part = [Rows(rows.take(np.arange(*ends)), target[slice(*ends)]) for ends in ((0, 600), (0, 540), (540, 600))]
    (fitted,) = FAMILIES["sequence_labels"].build(config, given).fit([Fold(*part, 4)], lambda *_: None)
    inside = np.arange(720) % 12 > 0  # what was before the first step of a sequence is not there
    error = (fitted.predict(rows)[:, 0] - target)[600:][inside[600:]]
    assert np.mean(error**2) < 0.5 * np.var(target)


def test_rows_of_a_sequence_must_stand_together():
    frame = pd.DataFrame({"sentence": ["a", "b", "a"], "word": ["x", "y", "z"]})
    schema = learn_schema(frame, sequence="sentence")
    assert schema.sequence == "sentence"
    with pytest.raises(TableError, match="rows of the sequence 'a' do not stand together: sort the rows"):
        encode(schema, frame)
    with pytest.raises(TableError, match="'sentence' says which sequence a row is of: it cannot be missing"):
        encode(schema, pd.DataFrame({"sentence": ["a", None], "word": ["x", "y"]}))
