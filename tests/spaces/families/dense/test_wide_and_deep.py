"""Crosses, and the network that is linear in them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest

from spaces import Fold, Input, Rows, Signature, Target, defaults
from spaces.families.catalog import FAMILIES
from spaces.families.dense.network import build_wide_and_deep
from spaces.families.dense.space import wide_and_deep_space
from spaces.inputs.table.crosses import HashedCrosses
from spaces.inputs.table.matrix import Recipe, training_matrix
from spaces.rows.signature import TableColumns
from spaces.rows.table import Table
from spaces.store import load_fitted

SIGNATURE = Signature((Input("table", "table", (10,)),), (Target("y", "binary", (0, 1), "log_loss"),), rows=400)
CONFIG = defaults(wide_and_deep_space(SIGNATURE)) | {"crosses": 4, "depth": 2, "units": 32}


def test_equal_pairs_fall_into_equal_columns_and_every_pair_is_counted():
    x = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 3.0], [1.0, 0.0, 2.0]])
    counts = HashedCrosses(64).fit(x, np.array([0, 1, 0, 1])).transform(x)
    assert counts.shape == (4, 64)
    np.testing.assert_array_equal(counts.sum(axis=1), 3)  # three pairs of three columns
    np.testing.assert_array_equal(counts[0], counts[1])
    assert np.abs(counts[0] - counts[2]).sum() == 4  # the pair of the first two stays
    assert np.abs(counts[0] - counts[3]).sum() == 6  # a pair is not its mirror image


def test_a_row_is_crossed_alone_and_numbers_by_their_bins():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=200), rng.integers(0, 3, 200)])
    crosses = HashedCrosses(256, n_numbers=1).fit(x, rng.integers(0, 2, 200))
    new = np.array([[0.0, 1.0], [1e-3, 1.0], [5.0, 1.0], [np.nan, 1.0], [0.0, -1.0], [0.0, -2.0]])
    together = crosses.transform(new)
    np.testing.assert_array_equal(together, np.vstack([crosses.transform(row[None]) for row in new]))
    np.testing.assert_array_equal(together[0], together[1])  # the same bin
    columns = together.argmax(axis=1)
    assert len({int(column) for column in columns[[0, 2, 3, 4, 5]]}) == 5  # missing and unseen are values too


def test_the_most_telling_columns_are_crossed():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, size=(500, 12)).astype(np.float64)
    y = ((codes[:, 3] > 1) ^ (rng.random(500) < 0.1)).astype(np.int64)
    y = np.where(rng.random(500) < 0.3, codes[:, 7] == 2, y).astype(np.int64)
    assert set(HashedCrosses(64, most=2).fit(codes, y).chosen_) == {3, 7}
    assert HashedCrosses(64, most=1).fit(codes, codes[:, 5] * 1.5).chosen_.tolist() == [5]
    constant = HashedCrosses(64, most=2).fit(codes, np.zeros(500))
    assert constant.chosen_.tolist() == [0, 1]


def test_crosses_come_first_whatever_the_width_of_the_rest():
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(60, 2)), rng.integers(0, 3, (60, 1)).astype(np.int32))
    y = rng.integers(0, 2, 60)
    _, plain = training_matrix(Recipe("standard", "onehot", (3,)), table, y, target_kind="binary")
    _, crossed = training_matrix(Recipe("standard", "onehot", (3,), crosses=16), table, y, target_kind="binary")
    np.testing.assert_array_equal(crossed[:, 16:], plain)
    np.testing.assert_array_equal(crossed[:, :16].sum(axis=1), 3)


def test_the_linear_part_sees_everything_and_the_deep_part_all_but_the_crosses():
    model = build_wide_and_deep(CONFIG, SIGNATURE)
    assert model.get_layer("wide").kernel.shape == (10, 1)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense) and layer.name != "wide")
    assert first.kernel.shape == (6, 32)
    np.testing.assert_array_equal(model.get_layer("wide").kernel, 0)


def test_each_part_has_its_own_optimizer():
    config = CONFIG | {
        "wide": {"learning_rate": 0.25, "l1": 0.125},
        "deep": {"learning_rate": 0.5, "weight_decay": 1.5},
    }
    model = build_wide_and_deep(config, SIGNATURE)
    by_variable = {v.path: model.optimizer._optimizer_map(v) for v in model.trainable_variables}
    for path, optimizer in by_variable.items():
        assert isinstance(optimizer, keras.optimizers.Ftrl if path.startswith("wide/") else keras.optimizers.AdamW)
    ftrl, adamw = by_variable["wide/kernel"], by_variable["deep/kernel"]
    assert float(ftrl.learning_rate) == 0.25
    assert ftrl.l1_regularization_strength == 0.125
    assert float(adamw.learning_rate) == 0.5
    assert adamw.weight_decay == 1.5


def planted(rows: int) -> tuple[Table, Any]:
    """A label that depends on which two of thirty categories meet, in no order that a smooth function would find."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 30, size=(rows, 2)).astype(np.int32)
    meets = np.random.default_rng(1).random((30, 30)) < 0.5
    return Table(np.zeros((rows, 0)), codes), meets[codes[:, 0], codes[:, 1]].astype(np.int64)


@pytest.mark.slow
def test_crosses_solve_what_columns_alone_cannot():
    table, y = planted(9000)
    signature = Signature(
        (Input("table", "table", (2,), details=TableColumns(cardinalities=(30, 30))),),
        (Target("y", "binary", (0, 1), "log_loss"),),
        rows=6000,
    )
    cut = {"train": slice(0, 5400), "inner": slice(5400, 6000), "full": slice(0, 6000), "new": slice(6000, 9000)}
    rows = {name: Rows(table.take(np.arange(9000)[part]), y[part]) for name, part in cut.items()}
    fold = Fold(rows["full"], rows["train"], rows["inner"], seed=0)

    def accuracy(crosses: int) -> float:
        config = defaults(wide_and_deep_space(signature)) | {
            "crosses": crosses, "depth": 1, "units": 16, "epochs": 30, "wide": {"learning_rate": 0.3, "l1": 1e-6},
        }  # fmt: skip
        (fitted,) = FAMILIES["wide_and_deep"].build(config, signature).fit([fold], lambda *shown: None)
        return float(np.mean(fitted.predict(rows["new"].table).argmax(axis=1) == rows["new"].target))

    with_crosses, without = accuracy(4096), accuracy(0)
    error = np.sqrt(0.25 / 3000)
    assert with_crosses > without + 2 * error
    assert with_crosses > max(np.mean(y), 1 - np.mean(y)) + 0.2


@pytest.mark.slow
def test_a_stronger_penalty_leaves_fewer_columns():
    table, y = planted(2000)
    signature = replace(
        SIGNATURE, inputs=(Input("table", "table", (2,), details=TableColumns(cardinalities=(30, 30))),)
    )
    rows = Rows(table, y)
    zeros = []
    for l1 in (1e-6, 1e-2, 1.0):
        config = defaults(wide_and_deep_space(signature)) | {
            "crosses": 64, "depth": 1, "units": 4, "epochs": 3, "wide": {"learning_rate": 0.1, "l1": l1},
        }  # fmt: skip
        (fitted,) = (
            FAMILIES["wide_and_deep"]
            .build(config, signature)
            .fit([Fold(rows, rows, rows, seed=0)], lambda *shown: None)
        )
        zeros.append(float(np.mean(np.asarray(fitted.model.get_layer("wide").kernel) == 0)))
    assert all(few <= more for few, more in pairwise(zeros))
    assert zeros[-1] > zeros[0]


def test_texts_are_read_as_n_grams_by_the_wide_part_and_as_words_by_the_deep_one(data, tmp_path):
    d = data("binary", "text")
    family = FAMILIES["wide_and_deep"]
    assert not family.unfit(d.signature)
    changes = {"epochs": 6, "depth": 1, "units": 8, "crosses": [64], "text.embedding.embedding.units": 8}
    config = defaults(family.narrowed(d.signature, {**changes, "deep.learning_rate": 5e-3, "wide.learning_rate": 0.2}))
    (fitted,) = family.build(config, d.signature).fit(d.folds[:1], lambda *a: None)
    ids = [one.name for one in fitted.model.inputs]
    assert ids == ["table", "bag_0_ids", "bag_0_weights", "bag_1_ids", "bag_1_weights", "words_0", "words_1"]
    by_layer = {layer.name: layer for layer in fitted.model.layers}
    assert all(np.abs(by_layer[name].get_weights()[0]).max() > 0 for name in ("wide", "wide_0", "deep"))
    model = build_wide_and_deep(config, d.signature.with_widths([7]))
    of = {one.path: type(model.optimizer._optimizer_map(one)).__name__ for one in model.trainable_variables}
    assert {path for path, kind in of.items() if kind == "Ftrl"} == {path for path in of if path.startswith("wide")}
    said = fitted.predict(d.new)
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), said, rtol=1e-5, atol=1e-6)
