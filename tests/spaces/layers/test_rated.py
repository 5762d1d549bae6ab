"""Weights that learn at rates of their own, and start as training rows ask for."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.layers.rated import BlendedActivation, FrontScale, RatedDense

ROWS = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32) * [1, 10, 100, 0]


def weights(layer):
    return [np.asarray(one) for one in layer.get_weights()]


def outputs(layer, rows=ROWS):
    return np.asarray(layer(rows.astype(np.float32)))


@pytest.mark.parametrize(("given", "root"), [({}, 2.0), ({"divisor": 9}, 3.0)])
def test_a_dense_layer_divides_by_the_root_of_its_columns_or_of_a_given_number(given, root):
    layer = RatedDense(3, rate=0.5, bias_rate=0.1, **given)
    found = outputs(layer)
    kernel, bias = weights(layer)
    np.testing.assert_allclose(found, ROWS @ (0.5 * kernel) / root + 0.1 * bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("given", [{}, {"divisor": 9}, {"rate": 0.3}])
def test_a_dense_layer_begins_alike_whatever_its_rate_and_divisor(given):
    keras.utils.set_random_seed(0)
    layer = RatedDense(2000, **given)
    layer.build((None, 4))
    columns = np.vstack([outputs(layer, np.eye(4)), outputs(layer, np.zeros((1, 4)))])
    assert (columns[:4] - columns[4]).std() == pytest.approx(0.5, rel=0.05)  # the root of a quarter
    assert columns[4].std() == pytest.approx(1.0, rel=0.05)


def test_the_last_layer_begins_with_zeros():
    assert not np.any(outputs(RatedDense(3, start="zeros")))


def test_units_start_with_a_deviation_of_one_and_are_zero_among_five_rows():
    layer = RatedDense(50, start="rows", rate=0.5)
    layer.build((None, 4))
    layer.start_from(ROWS.astype(np.float32), np.random.default_rng(1))
    found = outputs(layer)
    np.testing.assert_allclose(found.std(axis=0), 1.0, rtol=1e-4)
    assert (found.min(axis=0) < 0).all()
    assert (found.max(axis=0) > 0).all()
    assert np.abs(np.median(found, axis=0)).max() > 0.3  # a point of its own for each unit


def test_a_layer_of_constant_columns_starts_with_finite_weights():
    layer = RatedDense(3, start="rows")
    layer.build((None, 2))
    layer.start_from(np.zeros((9, 2), np.float32), np.random.default_rng(1))
    assert np.isfinite(outputs(layer, np.ones((1, 2)))).all()


@pytest.mark.parametrize("rate", [0.1, 6.0])
@pytest.mark.parametrize("kind", [FrontScale, lambda rate: RatedDense(1, rate=rate, divisor=1, bias_rate=rate)])
def test_a_step_of_adam_is_as_long_as_the_rate(kind, rate):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, kind(rate=rate)(inputs))
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    unit = np.eye(4, dtype=np.float32)
    before = model(np.vstack([unit, 0 * unit[:1]])).numpy()
    model.train_on_batch(unit, before[:4] - 100)
    moved = model(np.vstack([unit, 0 * unit[:1]])).numpy() - before
    ours = moved[:4] - moved[4]
    np.testing.assert_allclose(np.abs(ours[ours != 0]), 0.01 * rate, rtol=1e-2)


def test_an_activation_is_blended_with_what_it_reads():
    layer = BlendedActivation("relu", rate=0.5)
    rows = np.array([[-2.0, -2.0, 3.0]], np.float32)
    assert outputs(layer, rows).tolist() == [[0.0, 0.0, 3.0]]
    layer.less_one.assign([0.0, -1.0, -1.0])
    assert outputs(layer, rows).tolist() == [[0.0, -1.0, 3.0]]


@pytest.mark.parametrize(
    "layer",
    [
        RatedDense(3, divisor=9, rate=0.5, bias_rate=0.2, start="rows", name="a"),
        FrontScale(3.0, name="b"),
        BlendedActivation("mish", rate=0.3, name="c"),
    ],
)
def test_a_layer_is_made_again_of_its_config(layer):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
