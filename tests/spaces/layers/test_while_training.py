"""What acts only while a network is trained, and what only when it predicts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.layers.while_training import FadingDropout, WithinRange

ONES = np.ones((200, 50), np.float32)


@pytest.mark.parametrize(("left", "dropped"), [(1.0, 0.4), (0.5, 0.2), (0.0, 0.0)])
def test_dropout_fades_with_what_is_left_of_it(left, dropped):
    keras.utils.set_random_seed(0)
    layer = FadingDropout(0.4)
    layer.build(ONES.shape)
    layer.left.assign(left)
    trained = np.asarray(layer(ONES, training=True))
    assert np.mean(trained == 0) == pytest.approx(dropped, abs=0.02)
    assert trained[trained > 0] == pytest.approx(1 / (1 - dropped))
    assert np.array_equal(layer(ONES, training=False), ONES)


def test_each_step_drops_other_units():
    layer = FadingDropout(0.4)
    assert not np.array_equal(layer(ONES, training=True), layer(ONES, training=True))


def test_predictions_stay_within_a_range_that_training_does_not_know():
    layer, rows = WithinRange(), np.array([[-9.0], [0.5], [9.0]], np.float32)
    assert np.array_equal(layer(rows), rows)
    layer.limit(-1.0, 2.0)
    assert np.asarray(layer(rows)).ravel().tolist() == [-1.0, 0.5, 2.0]
    assert np.array_equal(layer(rows, training=True), rows)
