"""Rates, dropout and weight decay by how much of a training is done."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest

from spaces.engines.clock import Clock
from spaces.engines.keras.compiling import callbacks
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.schedules import coslog4, flat_cosine, with_fading_decay
from spaces.engines.keras.training import Trainer
from spaces.layers.rated import RatedDense
from spaces.layers.while_training import FadingDropout

HOUR = 3600.0
CONFIG = {"schedule": "coslog4", "fading": "flat_cosine"}


def network(decay=0.5):
    """A network whose loss has no slope: weights change by weight decay alone."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, FadingDropout(0.5)(RatedDense(1, name="dense")(inputs)))
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=decay)
    model.compile(with_fading_decay(optimizer), lambda true, predicted: 0.0 * predicted)
    return model


def told(epochs, clock=None):
    """Train, and return what each epoch was trained with: rate, dropout left, weight decay, and the kernel after it."""
    model, seen, clock = network(), [], clock or Clock()
    dense, dropout = model.get_layer("dense"), model.layers[-1]

    def note(epoch, logs):
        settings = (model.optimizer.learning_rate, dropout.left, model.optimizer.weight_decay)
        seen.append([*map(float, settings), np.asarray(dense.kernel.value).copy()])

    kernel, bias = (np.asarray(one) for one in dense.get_weights())
    rows = TrainingArrays(np.ones((8, 2), np.float32), np.ones((8, 1), np.float32))
    asked = callbacks(CONFIG, epochs, watched=False, clock=clock)
    Trainer(model).train(
        rows, None, epochs=epochs, batch_size=8, callbacks=[*asked, keras.callbacks.LambdaCallback(on_epoch_end=note)]
    )
    np.testing.assert_array_equal(dense.get_weights()[1], bias)
    return seen, kernel


def test_every_epoch_has_the_rate_the_dropout_and_the_decay_of_its_middle():
    seen, kernel = told(6)
    for epoch, (rate, left, decay, after) in enumerate(seen):
        done = (epoch + 0.5) / 6
        assert rate == pytest.approx(0.1 * coslog4(done), abs=1e-6)
        assert left == pytest.approx(flat_cosine(done), abs=1e-6)
        assert decay == pytest.approx(0.5 * flat_cosine(done), abs=1e-6)
        kernel = kernel * (1 - rate * decay)
        np.testing.assert_allclose(after, kernel, rtol=1e-5)
    assert seen[0][1] == 1.0
    assert seen[-1][1] < 0.1


def test_a_repeated_training_goes_through_all_cycles():
    seen, _ = told(9, Clock(most=3))
    assert [one[0] for one in seen][:3] == pytest.approx([0.1 * coslog4((i + 0.5) / 3) for i in range(3)], abs=1e-6)


def test_cycles_fit_the_time_that_there_is():
    clock, model = Clock(time.monotonic() + HOUR), network()
    schedule, fading = callbacks(CONFIG, 256, watched=False, clock=clock)
    for one in (schedule, fading):
        one.set_model(model)
        one.on_train_begin()
        one.on_epoch_begin(0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * coslog4(0.5 / 256), abs=1e-4)
    for spent, lasted in ((0.25, 0.25), (0.75, 0.5)):
        clock.until = time.monotonic() + HOUR * (1 - spent)
        for one in (schedule, fading):
            one.on_epoch_begin(1)
        done = min(1.0, spent + lasted / 2)
        assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * coslog4(done), abs=1e-3)
        assert float(model.layers[-1].left) == pytest.approx(flat_cosine(done), abs=1e-3)


def test_what_has_no_decay_is_left_as_it_is():
    optimizer = keras.optimizers.Adam(0.1)
    assert with_fading_decay(optimizer) is optimizer
    assert optimizer.weight_decay is None
    model = network()
    model.compile(optimizer, "mse")
    _, fading = callbacks(CONFIG, 4, watched=False)
    fading.set_model(model)
    fading.on_train_begin()
    fading.on_epoch_begin(3)
    assert float(model.layers[-1].left) == pytest.approx(flat_cosine(3.5 / 4))
