"""The training loop gives the numbers of `model.fit` on the same batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.prediction import predict
from spaces.engines.keras.training import Trainer
from spaces.engines.keras.xla import compiling_pays

COLUMNS, CLASSES, BATCH, EPOCHS = 6, 3, 32, 3
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def arrays(rows: int, *, weighted: bool = False, seed: int = 0) -> TrainingArrays:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    y = (x[:, 0] + 0.5 * x[:, 1] ** 2 + rng.normal(size=rows) * 0.3 > 0.3).astype(np.int32) + (x[:, 2] > 1)
    weight = rng.uniform(0.2, 2.0, size=rows).astype(np.float32) if weighted else None
    return TrainingArrays(x, y.astype(np.int32), weight)


TRAIN, INNER = arrays(150), arrays(45, seed=1)  # 150 rows: the last batch has 22


def adam() -> keras.Optimizer:
    return keras.optimizers.Adam(0.01, clipnorm=0.5)


def sgd() -> keras.Optimizer:
    return keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)


class Counting(keras.Model):
    """Counts how often its steps are traced: a traced step runs its Python code no more."""

    traced = 0

    def train_step(self, data: Any) -> Any:
        type(self).traced += 1
        return super().train_step(data)

    def test_step(self, data: Any) -> Any:
        type(self).traced += 1
        return super().test_step(data)


def build(
    optimizer: Callable[[], keras.Optimizer] = adam, *, seed: int = 0, kind: type[keras.Model] = keras.Model
) -> keras.Model:
    """A model with everything that has a state or adds to the loss."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((COLUMNS,))
    x = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-2))(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dense(CLASSES, activation="softmax")(x)
    model = kind(inputs, x)
    model.compile(optimizer(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(
    model: keras.Model, train: TrainingArrays, epochs: int = EPOCHS, callbacks: Any = ()
) -> dict[str, list[float]]:
    history = model.fit(
        train.x,
        train.y,
        sample_weight=train.weight,
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        validation_data=(INNER.x, INNER.y),
        callbacks=list(callbacks),
        verbose=0,
    )
    return history.history


def trained(
    trainer: Trainer, train: TrainingArrays, epochs: int = EPOCHS, callbacks: Any = (), **options: Any
) -> dict[str, list[float]]:
    return trainer.train(train, INNER, epochs=epochs, batch_size=BATCH, callbacks=callbacks, **options)


def assert_same_curves(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    assert set(ours) == set(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], err_msg=name, **CLOSE)


def assert_same_weights(ours: keras.Model, theirs: keras.Model) -> None:
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, **CLOSE)


class Recorder(keras.callbacks.Callback):
    """Writes down when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen.append("train begins")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(("epoch begins", epoch))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(("epoch ends", epoch, sorted(logs)))

    def on_train_end(self, logs: Any = None) -> None:
        self.seen.append("train ends")


class ByFit(NamedTuple):
    curves: dict[str, list[float]]
    model: keras.Model
    seen: list[Any]


@pytest.fixture(scope="module")
def by_fit() -> ByFit:
    """The plain case, trained by `model.fit`."""
    model, recorder = build(), Recorder()
    return ByFit(fitted(model, TRAIN, callbacks=[recorder]), model, recorder.seen)


@pytest.fixture(scope="module")
def traced() -> Trainer:
    """A trainer to be reset by each test, as tracing takes most of the time."""
    return Trainer(build(seed=99))


def test_training_equals_fit_in_the_plain_case(by_fit):
    ours, recorder = build(), Recorder()
    before = ours.get_weights()
    assert_same_curves(trained(Trainer(ours), TRAIN, callbacks=[recorder]), by_fit.curves)
    assert_same_weights(ours, by_fit.model)
    assert not np.allclose(before[0], ours.get_weights()[0])
    assert recorder.seen == by_fit.seen


@pytest.mark.slow
def test_training_equals_fit_with_momentum():
    theirs, ours = build(sgd), build(sgd)
    expected = fitted(theirs, TRAIN)
    assert_same_curves(trained(Trainer(ours), TRAIN), expected)
    assert_same_weights(ours, theirs)


@pytest.mark.slow
def test_training_with_averaged_weights_equals_fit():
    """The averaged weights are evaluated and kept, the others are trained on."""

    def optimizer() -> keras.Optimizer:
        return keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8)

    def callbacks() -> list[keras.callbacks.Callback]:
        stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
        return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), stop]

    theirs, ours = build(optimizer), build(optimizer)
    expected = fitted(theirs, TRAIN, 8, callbacks())
    assert_same_curves(trained(Trainer(ours), TRAIN, 8, callbacks()), expected)
    assert_same_weights(ours, theirs)


def test_training_with_weights_equals_fit_resident_or_read_batch_by_batch():
    train = arrays(150, weighted=True)
    theirs, resident, streamed = build(), build(), build()
    expected = fitted(theirs, train)
    assert_same_curves(trained(Trainer(resident), train), expected)
    assert_same_weights(resident, theirs)
    assert_same_curves(trained(Trainer(streamed, resident_bytes=0), train), expected)
    assert_same_weights(streamed, theirs)


def test_rows_are_trained_in_the_order_given(by_fit, traced):
    """The inverse order over shuffled rows is the plain case."""
    shuffle = np.random.default_rng(3).permutation(len(TRAIN.y))
    moved = TrainingArrays(TRAIN.x[shuffle], TRAIN.y[shuffle])
    traced.begin_again(build())
    assert_same_curves(trained(traced, moved, order=lambda epoch: np.argsort(shuffle)), by_fit.curves)
    assert_same_weights(traced.model, by_fit.model)


def test_every_epoch_has_its_own_order(by_fit, traced):
    seen: list[int] = []

    def order(epoch: int) -> np.ndarray:
        seen.append(epoch)
        return np.random.default_rng(epoch).permutation(len(TRAIN.y))

    traced.begin_again(build())
    assert trained(traced, TRAIN, order=order)["loss"] != by_fit.curves["loss"]
    assert seen == list(range(EPOCHS))


def test_without_inner_rows_there_are_no_validation_curves(by_fit, traced):
    traced.begin_again(build())
    curves = traced.train(TRAIN, None, epochs=EPOCHS, batch_size=BATCH)
    assert set(curves) == {"loss", "accuracy"}
    np.testing.assert_allclose(curves["loss"], by_fit.curves["loss"], **CLOSE)


def test_callbacks_stop_lower_and_restore_as_in_fit(traced):
    def eager() -> keras.Model:
        model = build()
        model.optimizer.learning_rate = 0.2
        return model

    def callbacks() -> list[keras.callbacks.Callback]:
        return [
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1),
            keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True),
        ]

    theirs = eager()
    expected = fitted(theirs, TRAIN, 40, callbacks())
    traced.begin_again(eager())
    got = trained(traced, TRAIN, 40, callbacks())
    rates = expected["learning_rate"]
    best = int(np.argmin(expected["val_loss"]))
    assert 0 < best < len(rates) - 1 < 39  # it went past the best epoch and stopped early
    assert rates[-1] < rates[0]  # and the rate did fall
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, err_msg=name, rtol=1e-4)
    assert float(traced.model.optimizer.learning_rate) == pytest.approx(float(theirs.optimizer.learning_rate))
    assert_same_weights(traced.model, theirs)
    assert len(trained(traced, TRAIN, 2)["loss"]) == 2  # what was stopped can train again


def test_a_reset_trainer_equals_a_fresh_one_and_is_not_traced_again():
    """Folds differ in their number of rows; one trace serves all."""
    first, second = arrays(150), arrays(171, seed=5)
    trainer = Trainer(build(seed=1, kind=Counting))
    trained(trainer, first)
    before = Counting.traced
    assert before >= 2
    trainer.model.optimizer.learning_rate = 1e-9  # as a callback may have left it
    trainer.begin_again(build(seed=2, kind=Counting))
    curves = trained(trainer, second)
    assert Counting.traced - before <= 1  # one eager step on a single row makes the variables of metrics
    fresh = Trainer(build(seed=2))
    assert_same_curves(curves, trained(fresh, second))
    assert_same_weights(trainer.model, fresh.model)


def test_recurrent_steps_that_xla_compiles_equal_fit(monkeypatch):
    """Series of several lengths, in full batches and a smaller one, read in both directions."""
    monkeypatch.setattr("spaces.engines.keras.xla._FEWEST_STEPS", 1)
    rng = np.random.default_rng(0)
    x = rng.integers(1, 20, size=(75, 9)).astype(np.int32)
    x[::2, 5:] = 0
    train = TrainingArrays(
        x, rng.normal(size=(75, 1)).astype(np.float32), rng.uniform(0.5, 2, size=75).astype(np.float32)
    )
    plain, mine = recurrent(), recurrent()
    mine.set_weights(plain.get_weights())
    history = plain.fit(
        train.x, train.y, sample_weight=train.weight, batch_size=BATCH, epochs=2, shuffle=False, verbose=0
    )
    trainer = Trainer(mine)
    ours = trainer.train(train, None, epochs=2, batch_size=BATCH)
    np.testing.assert_allclose(ours["loss"], history.history["loss"], rtol=1e-4)
    for one, other in zip(mine.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert list(trainer._traced) == [f"epoch of {BATCH}"]


def recurrent(*, convolution: bool = False) -> keras.Model:
    inputs = keras.Input((9,), dtype="int32")
    x = keras.layers.Embedding(20, 8, mask_zero=not convolution)(inputs)
    x = keras.layers.Conv1D(8, 3)(x) if convolution else x
    x = keras.layers.Bidirectional(keras.layers.LSTM(4))(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(adam(), loss="mse")
    return model


def test_xla_compiles_many_steps_of_recurrent_layers_alone():
    rows = TrainingArrays(np.ones((4, 9), dtype=np.int32), np.ones((4, 1), dtype=np.float32))
    assert compiling_pays(recurrent(), rows, steps=10_000)
    assert compiling_pays(keras.Sequential([recurrent()]), rows, steps=10_000)
    assert not compiling_pays(recurrent(), rows, steps=20)
    assert not compiling_pays(recurrent(convolution=True), rows, steps=10_000)
    assert not compiling_pays(build(), TRAIN, steps=10_000)
    assert not compiling_pays(build(kind=Counting), TRAIN, steps=10_000)


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_prediction_equals_the_models_own_for_any_number_of_rows(by_fit, rows):
    x = np.random.default_rng(0).normal(size=(rows, COLUMNS)).astype(np.float32)
    outputs = predict(by_fit.model, x)
    assert outputs.shape == (rows, CLASSES)
    assert outputs.dtype == np.float32
    if rows:
        np.testing.assert_allclose(outputs, by_fit.model.predict(x, verbose=0), **CLOSE)
