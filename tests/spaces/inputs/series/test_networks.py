"""Each choice of how a series is read by convolutions changes the network as it says."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.engines.curves import Curve
from spaces.families.branches.network import build_functional
from spaces.rows.table import Table

CLASSES = Target("y", "multiclass", ("a", "b", "c"), "log_loss")


def a_signature(shape=(40, 2), rows=100, target=CLASSES):
    return Signature((Input("series", "series", shape),), (target,), rows)


def config_of(changes, signature, family="series_conv"):
    return defaults(narrow(FAMILIES[family].space(signature), changes))


def built(changes: dict[str, Any], **given: Any) -> keras.Model:
    signature = a_signature(**given)
    changes = {f"series.conv.{name}": value for name, value in changes.items()}
    return build_functional(config_of(changes, signature), signature)


def layers(model, kind):
    found = []
    for layer in model.layers:
        found += layers(layer, kind) if isinstance(layer, keras.Model) else [layer] * isinstance(layer, kind)
    return found


def sizes(model):
    return [(one.filters, one.kernel_size[0]) for one in layers(model, keras.layers.Conv1D)]


def test_the_default_for_classes_is_the_residual_network():
    model = built({}, shape=(150, 1))
    blocks = [(width, size) for width in (32, 64, 64) for size in (8, 5, 3, 1)]
    assert sorted(sizes(model)) == sorted(blocks)
    assert len(layers(model, keras.layers.BatchNormalization)) == 12
    assert len(layers(model, keras.layers.Add)) == 3
    assert layers(model, keras.layers.GlobalAveragePooling1D)
    assert {one.strides for one in layers(model, keras.layers.Conv1D)} == {(1,)}  # TensorFlow's fault, see the blocks


@pytest.mark.parametrize(
    ("changes", "convolutions"),
    [
        ({"blocks.residual.depth": 1}, 4),
        ({"blocks": ["inception"], "blocks.inception.depth": 1}, 5),
        ({"blocks": ["inception"], "blocks.inception.depth": 3}, 16),
        ({"blocks": ["plain"], "blocks.plain.depth": 2}, 2),
    ],
)
def test_blocks_are_as_many_as_asked_for(changes, convolutions):
    assert len(sizes(built(changes))) == convolutions


def test_inception_blocks_read_parallel_kernels_of_three_lengths():
    changes = {"blocks": ["inception"], "blocks.inception.kernel_size": 40, "blocks.inception.depth": 3}
    model = built({**changes, "blocks.inception.filters": 8}, shape=(100, 2))
    assert {size for _, size in sizes(model)} == {1, 10, 20, 40}
    assert len(layers(model, keras.layers.Add)) == 1  # a shortcut around three
    assert not layers(built({**changes, "blocks.inception.depth": 2}, shape=(100, 2)), keras.layers.Add)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blocks.residual.filters", 8),
        ("blocks.residual.kernel_size", 16),
        ("blocks.residual.dropout", 0.4),
        ("pooling", "max"),
        ("pooling", "attention"),
        ("scaled", "by_series"),
    ],
)
def test_every_parameter_changes_the_network(name, value):
    plain, changed = (built(changes).get_config() for changes in ({}, {name: value}))
    assert str(plain) != str(changed)


def test_a_series_that_is_scaled_by_itself_loses_its_level_and_its_width():
    series = np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32)
    moved = series * np.array([0.5, 3], np.float32) + np.array([-2, 7], np.float32)
    by_series, by_channel = (built({"scaled": name}) for name in ("by_series", "by_channel"))
    np.testing.assert_allclose(by_series(series), by_series(moved), atol=1e-4)
    assert np.abs(by_channel(series) - by_channel(moved)).max() > 1e-3
    assert np.isfinite(by_series(np.ones((1, 40, 2), np.float32))).all()


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (24, 1)])
@pytest.mark.parametrize("blocks", ["residual", "inception", "plain"])
def test_series_of_any_length_are_read(blocks, shape):
    assert built({"blocks": [blocks]}, shape=shape)(np.zeros((2, *shape), np.float32)).shape == (2, 3)


def test_more_steps_have_fewer_filters_and_epochs_and_a_forecast_reads_its_place():
    few, many = (config_of({}, a_signature((150, 1), rows)) for rows in (50, 5_000))
    assert (
        few["series"]["conv"]["blocks"]["residual"]["filters"]
        > 2 * many["series"]["conv"]["blocks"]["residual"]["filters"]
    )
    assert few["epochs"] > many["epochs"]
    values = config_of({}, a_signature((150, 1), 50, Target("y", "regression")))
    assert list(values["series"]["conv"]["blocks"]) == ["plain"]


@pytest.mark.parametrize("family", ["series_recurrent", "series_conv_recurrent"])
def test_recurrent_layers_begin_small_where_there_are_many_steps(family):
    few, many = (config_of({}, a_signature((48, 7), rows), family) for rows in (200, 5_000))
    its = [one["series"][family.removeprefix("series_")]["recurrent"] for one in (few, many)]
    assert its[1]["units"] < its[0]["units"]
    assert [one["direction"] for one in its] == ["bidirectional", "forward"]
    assert many["batch_size"] > 3 * few["batch_size"]
    assert many["epochs"] < few["epochs"]


def test_with_few_rows_training_uses_all_of_them_and_stops_on_their_loss():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 20)
    series = (rng.normal(size=(60, 12, 1)) + codes[:, None, None]).astype(np.float32)
    table = Table(np.empty((60, 0)), np.empty((60, 0), np.int32), arrays=(series,))
    signature = a_signature((12, 1), 60)
    one_class = codes == 0  # which only the inner rows have
    rows = [Rows(table.take(np.flatnonzero(kept)), codes[kept]) for kept in (codes >= 0, ~one_class, one_class)]
    fold = Fold(*rows, seed=1)
    asked = []

    def watch(step, steps, curves, predict, /):
        asked.append((step + 1) / steps)

    few = {"epochs": 25, "series.conv.blocks.residual.filters": 8, "series.conv.blocks.residual.depth": 1}
    model = FAMILIES["series_conv"].build(config_of(few, signature), signature)
    assert not model.stops_early
    (fitted,) = model.fit([fold], watch)
    assert not [curve for curve in fitted.curves if curve.part == "validation"]
    assert len(asked) == len(fitted.curves[Curve("loss")])
    assert max(asked) < 1e-6  # no rung is ever reached
    assert (fitted.predict(table).argmax(axis=1)[:20] == 0).mean() > 0.8
    many = a_signature((12, 1), 5_000)
    assert FAMILIES["series_conv"].build(config_of({}, many), many).stops_early
