"""The network of RealMLP: its layers, how it starts, and that each of its tricks changes what is learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import tuner
from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.engines.curves import Curve
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.prediction import predict
from spaces.families.catalog import family_named, fitting
from spaces.families.real_mlp.network import build_real_mlp, start_from_rows
from spaces.families.real_mlp.space import real_mlp_space
from spaces.inputs.table.spaces import numbers_of
from spaces.rows.signature import TableColumns
from spaces.rows.table import Table
from spaces.store import load_fitted
from tuner.task.folds import make_folds

CLASSES = Target("y", "multiclass", ("a", "b", "c"), "log_loss")
SIGNATURE = Signature((Input("table", "table", (10,)),), (Target("y", "regression"),), rows=1000)
MIXED = replace(SIGNATURE, inputs=(Input("table", "table", (12,), details=TableColumns(cardinalities=(9, 10))),))
QUICK = {"epochs": 4, "units": 16, "depth": 2}
SMALL = {
    "periodic": "none",
    "front_scale": "none",
    "start": "normal",
    "blended": False,
    "dropout": "none",
    "optimizer": "adam",
}


def config(signature: Signature, **changes: Any) -> Any:
    return defaults(narrow(real_mlp_space(signature), changes))


def network(signature: Signature = SIGNATURE, *, width: int = 10, **changes: Any) -> keras.Model:
    given = config(signature, **changes)
    return build_real_mlp(given, signature.with_widths([width]), numbers=numbers_of(signature))


def layers(model: keras.Model, kind: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def fitted_on(d: Any, fold: Any = None, **changes: Any) -> Any:
    space = narrow(FAMILIES["real_mlp"].space(d.signature), {**QUICK, **changes})
    model = FAMILIES["real_mlp"].build(defaults(space), d.signature)
    return next(iter(model.fit([fold or d.folds[0]], lambda *_: None)))


def test_it_takes_part_in_a_study_only_where_it_is_named():
    assert not family_named("real_mlp", SIGNATURE).unfit(SIGNATURE)
    assert "dense" in fitting(SIGNATURE)
    assert "real_mlp" not in fitting(SIGNATURE)


def test_parameters_are_those_of_the_layers():
    waves = 10 * (2 * 16 + 16 * 3 + 3)
    columns = 10 * 4
    hidden = (columns * 256 + 256 + 256) + 2 * (256 * 256 + 256 + 256)  # a share of the activation for each unit
    model = network()
    assert sum(int(np.prod(one.shape)) for one in model.trainable_weights) == waves + columns + hidden + 257
    small = network(**SMALL, units=32, depth=1)
    assert sum(int(np.prod(one.shape)) for one in small.trainable_weights) == (10 * 32 + 32) + 33


def test_categories_of_more_than_nine_values_are_embedded_and_stand_first():
    space = real_mlp_space(MIXED)
    assert "categories" in space
    assert "categories" not in real_mlp_space(SIGNATURE)
    model = network(MIXED, width=25)
    (vectors,) = layers(model, "CategoryVectors")
    assert (vectors.sizes, vectors.units) == ([12], 8)
    (waves,) = layers(model, "Periodic")
    assert waves.speeds.shape == (10, 16)
    assert layers(model, "RatedDense")[0].kernel.shape == (10 * 4 + (25 - 1 - 10) + 8, 256)
    onehot = network(MIXED, width=30, categories="onehot")
    assert not layers(onehot, "CategoryVectors")
    assert layers(onehot, "RatedDense")[0].kernel.shape == (10 * 4 + 20, 256)


def test_waves_see_the_numbers_and_no_other_column():
    model = network(MIXED, width=25)
    (waves,) = layers(model, "Periodic")
    columns = np.tile(np.arange(25, dtype=np.float32), (2, 1))
    columns[:, 0] = 3  # a code
    read = predict(keras.Model(model.inputs, waves.input), columns)
    assert read[0].tolist() == list(range(1, 11))


@pytest.mark.parametrize(
    ("target", "activation", "outputs", "clipped"),
    [
        (Target("y", "regression"), "mish", 1, True),
        (Target("y", "binary", (0, 1), "log_loss"), "selu", 1, False),
        (CLASSES, "selu", 3, False),
    ],
)
def test_activation_rate_and_head_follow_the_target(target, activation, outputs, clipped):
    signature = replace(SIGNATURE, targets=(target,))
    model = network(signature)
    assert {layer.activation for layer in layers(model, "BlendedActivation")} == {activation}
    assert model.output_shape == (None, outputs)
    assert bool(layers(model, "WithinRange")) == clipped
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2 if clipped else 0.04)
    assert model.optimizer.beta_2 == 0.95
    assert float(model.optimizer.weight_decay) == pytest.approx(0.02)


def test_each_layer_starts_from_what_the_layers_below_make_of_rows():
    keras.utils.set_random_seed(1)
    model, rows = network(), np.random.default_rng(0).normal(size=(500, 10)).astype(np.float32)
    start_from_rows(model, TrainingArrays(rows, rows[:, :1] * 2), seed=3)
    for layer in layers(model, "RatedDense"):
        units = predict(keras.Model(model.inputs, layer.output), rows)
        np.testing.assert_allclose(units.std(axis=0), 1.0, rtol=1e-3)
    (within,) = layers(model, "WithinRange")
    assert (float(within.low), float(within.high)) == pytest.approx((rows[:, 0].min() * 2, rows[:, 0].max() * 2))


def test_of_a_network_that_starts_with_normal_weights_the_last_layer_is_zero():
    model = network(start="normal")
    assert not predict(model, np.ones((3, 10), np.float32)).any()
    assert [layer.start for layer in layers(model, "RatedDense")] == ["normal"] * 3 + ["zeros"]


SWITCHES: list[dict[str, Any]] = [
    {"scaling": "standard"},
    {"categories": "onehot"},
    {"periodic": "none"},
    {"periodic.pbld.sigma": 2.0},
    {"periodic.pbld.rate": 0.3},
    {"front_scale": "none"},
    {"front_scale.some": 2.0},
    {"parametrisation": "plain"},
    {"start": "normal"},
    {"activation": "selu"},
    {"blended": False},
    {"first_rate": 0.3},
    {"dropout": "none"},
    {"optimizer": "adam"},
    {"optimizer.adamw.beta_2": 0.99},
    {"schedule": "cosine"},
    {"fading": "none"},
    {"clipping": False},
]


@pytest.fixture(scope="module")
def usual(data: Any) -> Any:
    return fitted_on(data("regression"))


@pytest.mark.slow
@pytest.mark.parametrize("switch", SWITCHES, ids=lambda one: next(iter(one)))
def test_each_switch_changes_the_trajectory(data, usual, switch):
    d = data("regression")
    before, after = (one.curves[Curve("loss", "validation")] for one in (usual, fitted_on(d, **switch)))
    if switch == {"clipping": False}:  # which changes no step, but what is predicted
        fold, wild = d.folds[0], {"schedule": "constant", "learning_rate": 0.5}
        said = fitted_on(d, **switch, **wild).predict(fold.full.table)
        assert said.min() < fold.train.target.min() or said.max() > fold.train.target.max()
    else:
        assert not np.allclose(before, after, rtol=1e-4)


def test_the_same_twice_is_the_same(data, usual):
    assert fitted_on(data("regression")).curves == usual.curves


def test_predictions_stay_within_the_targets_of_training_rows(data):
    d = data("regression")
    fold = d.folds[0]
    wild = fitted_on(d, schedule="constant", learning_rate=0.5).predict(fold.full.table)
    low, high = fold.train.target.min(), fold.train.target.max()
    assert low - 1e-3 <= wild.min()
    assert wild.max() <= high + 1e-3


def test_numbers_near_a_hundred_million_are_told_apart(data):
    """The default network on the same targets less a constant predicts the same less a constant."""
    d = data("regression")
    far = [replace(rows, target=rows.target + 1e8) for rows in (d.folds[0].full, d.folds[0].train, d.folds[0].inner)]
    fold = replace(d.folds[0], full=far[0], train=far[1], inner=far[2])
    near, there = fitted_on(d).predict(d.new), fitted_on(d, fold).predict(d.new)
    np.testing.assert_allclose(there - 1e8, near, atol=0.02 * np.std(d.rows.target))


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_it_predicts_the_same_when_loaded(data, kind, tmp_path):
    d = data(kind)
    fitted = fitted_on(d)
    before = fitted.predict(d.new)
    assert before.shape == (25, d.signature.target.outputs)
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), before, rtol=1e-5, atol=1e-6)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".keras", ".skops"}


def test_a_category_that_no_training_row_has_changes_nothing_but_its_own_vector(data):
    """A street that is new is read as zeros, and every known one as its own vector."""
    d = data("regression")
    fitted = fitted_on(d)
    first = fitted.feeds((fitted.prepared.matrix(d.new),))[0][:, 0]
    assert set(first[3:7]) == {-1.0}
    assert min(np.delete(first, [3, 4, 5, 6])) >= 0


def test_a_table_of_categories_alone_and_one_of_numbers_alone():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 12, (300, 2)).astype(np.int32)
    numbers = rng.normal(size=(300, 3))
    for table, cardinalities, target in (
        (Table(np.empty((300, 0)), codes), (12, 12), codes[:, 0] % 2),
        (Table(numbers, np.empty((300, 0), np.int32)), (), (numbers[:, 0] > 0)),
    ):
        columns = table.numbers.shape[1] + len(cardinalities)
        inputs = (Input("table", "table", (columns,), details=TableColumns(cardinalities=cardinalities)),)
        signature = Signature(inputs, (Target("y", "binary", (0, 1), "log_loss"),), rows=300)
        rows = Rows(table, target.astype(np.int64))
        fold = Fold(rows, rows.take(np.arange(250)), rows.take(np.arange(250, 300)), seed=1)
        model = FAMILIES["real_mlp"].build(config(signature, epochs=30, units=32), signature)
        (fitted,) = model.fit([fold], lambda *_: None)
        right = fitted.predict(table).argmax(axis=1) == target
        assert right.mean() > 0.95


def test_each_of_several_targets_has_a_network_of_its_own():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=120), "t": rng.normal(size=120)})
    frame["u"] = np.where(frame["x"] > 0, "up", "down")
    task = tuner.Task(frame, ["t", "u"], split={"folds": 2})
    space = narrow(FAMILIES["real_mlp"].space(task.signature), QUICK)
    fold, held_out = make_folds(task)[0]
    (fitted,) = FAMILIES["real_mlp"].build(defaults(space), task.signature).fit([fold], lambda *_: None)
    found = fitted.predict(held_out.table)
    assert found.shape == (60, 3)
    np.testing.assert_allclose(found[:, 1:].sum(axis=1), 1.0, atol=1e-6)
