"""Numbers as waves or by pieces of their range, and categories as vectors."""

from __future__ import annotations

import numpy as np

from spaces.inputs.table.piecewise import PiecewiseLinear
from spaces.layers.each_column import CategoryVectors, Periodic, Pieces


def test_each_number_becomes_its_mixed_waves_and_itself():
    layer = Periodic(5, units=2, sigma=0.7, rate=0.2)
    rows = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    found = np.asarray(layer(rows))
    speeds, phases, mixture, levels = (0.2 * np.asarray(one) for one in layer.get_weights())
    waves = np.cos(2 * np.pi * rows[:, :, None] * speeds + phases)
    mixed = np.stack([waves[:, i] @ mixture[i] + levels[i] for i in range(3)], axis=1)
    expected = np.concatenate([mixed, rows[:, :, None]], axis=2).reshape(6, 9)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_waves_begin_in_the_published_ranges():
    layer = Periodic(16, units=3, sigma=0.1, rate=0.1)
    layer.build((None, 400))
    speeds, phases, mixture, levels = (0.1 * np.asarray(one) for one in layer.get_weights())
    assert abs(speeds.std() - 0.1) < 0.005
    assert 3.0 < np.abs(phases).max() <= np.pi * 1.0001
    for one in (mixture, levels):
        assert 0.24 < np.abs(one).max() <= 0.2501


def test_each_number_becomes_a_vector_by_how_far_it_is_through_its_pieces():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(size=300), rng.integers(0, 3, 300), np.full(300, 0.5)], axis=1).astype(np.float32)
    layer = Pieces(4, 2, numbers=3)
    layer(rows)
    layer.begin(rows)
    layer.kernels.assign(rng.normal(size=layer.kernels.shape))
    kernels, slopes, levels = (np.asarray(one) for one in (layer.kernels, layer.slopes, layer.levels))
    for new in (rows[:20], rows[:20] - 10, rows[:20] + 10):  # a constant column has no piece, three values have two
        expected = new[:, :, None] * slopes + levels
        for column, pieces in ((0, 4), (1, 2)):
            through = PiecewiseLinear(pieces).fit(rows[:, [column]]).transform(new[:, [column]])
            expected[:, column] += through @ kernels[column, :pieces]
        np.testing.assert_allclose(np.asarray(layer(new)), expected.reshape(20, 6), rtol=1e-4, atol=1e-4)


def test_numbers_too_small_for_arithmetic_are_no_trouble():
    """TensorFlow takes them for zero, and a piece between two of them has no length."""
    rows = np.array([[0.0], [1e-40], [2e-40], [1.0]], np.float32)
    layer = Pieces(4, 2, numbers=1)
    layer(rows)
    layer.begin(rows)
    layer.kernels.assign(np.ones(layer.kernels.shape))
    assert np.isfinite(np.asarray(layer(rows))).all()


def test_columns_that_are_no_numbers_stand_behind_the_vectors():
    rows = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    layer, alone = Pieces(4, 2, numbers=3), Pieces(4, 2, numbers=3)
    assert layer(rows).shape == (20, 3 * 2 + 2)
    alone(rows[:, :3])
    layer.begin(rows[:, :3])
    alone.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(rows)[:, :6], alone(rows[:, :3]))
    np.testing.assert_array_equal(layer(rows)[:, 6:], rows[:, 3:])


def test_before_it_learns_only_the_number_itself_counts():
    layer, rows = Pieces(4, 2, numbers=1), np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32)
    layer(rows)
    layer.begin(rows)
    said = np.asarray(layer(rows))
    np.testing.assert_allclose(
        np.diff(said[:, 0]) / np.diff(rows[:, 0]), float(np.asarray(layer.slopes)[0, 0]), rtol=1e-2
    )


def test_each_category_of_each_column_has_a_vector_and_an_unknown_one_zeros():
    layer = CategoryVectors([3, 2], 4)
    found = np.asarray(layer(np.array([[0, 0], [2, 1], [-1, 1]], np.float32)))
    (vectors,) = map(np.asarray, layer.get_weights())
    assert vectors.shape == (5, 4)
    np.testing.assert_array_equal(found[0], np.concatenate([vectors[0], vectors[3]]))
    np.testing.assert_array_equal(found[1], np.concatenate([vectors[2], vectors[4]]))
    np.testing.assert_array_equal(found[2], np.concatenate([np.zeros(4), vectors[4]]))


def test_layers_are_made_again_of_their_configs():
    for layer in (Periodic(5, units=2, sigma=0.7, rate=0.2), CategoryVectors([3, 2], 4), Pieces(8, 3, numbers=2)):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
