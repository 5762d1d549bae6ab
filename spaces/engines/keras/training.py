"""The training loop of every network: a whole epoch in one traced function over arrays that stay on the device.

A model stays an ordinary compiled Keras model: every step is its own `train_step`, with its optimizer, losses,
metrics, gradient clipping and weights of samples, so the numbers are those of `model.fit` on the same batches.
Callbacks see the beginnings and ends of training, epochs and tests; batches are never left to Python.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.engines.clock import Clock
from spaces.engines.keras.device import (
    TrainingArrays,
    dataset,
    each_array,
    resident,
    rows_at_once,
    sliced,
    spec_of,
    state_of,
    taken,
    while_below,
)
from spaces.engines.keras.prediction import undisturbed
from spaces.engines.keras.xla import compiling_pays

_PIECE_SECONDS, _PIECE_GROWTH = 1.0, 8.0
RESIDENT_BYTES = 2 * 1024**3


class Trainer:
    """Trains one compiled model, on several data sets in turn, with one trace.

    Args:
        model: The compiled model, with its weights made.
        resident_bytes: Arrays above this size are read batch by batch through `tf.data`.
    """

    def __init__(self, model: keras.Model, *, resident_bytes: int = RESIDENT_BYTES) -> None:
        self.model = model
        self._resident_bytes = resident_bytes
        self._piece = 1  # batches
        self._traced: dict[str, Callable[..., None]] = {}
        self._step = tf.function(self._one_step, autograph=False, reduce_retracing=True)
        self._compiled_step = tf.function(self._one_step, autograph=False, jit_compile=True)

    def train(
        self,
        train: TrainingArrays,
        inner: TrainingArrays | None,
        *,
        epochs: int,
        batch_size: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        order: Callable[[int], NDArray[np.int64]] | None = None,
        clock: Clock | None = None,
    ) -> dict[str, list[float]]:
        """Train for some epochs, the last smaller batch included.

        Args:
            train: The training rows.
            inner: Rows evaluated after every epoch, or None.
            epochs: At most this many.
            batch_size: Rows a step.
            callbacks: Ordinary Keras callbacks; only their train, epoch and test methods are called.
            order: Gives the order of rows of an epoch (0, 1, ...); as they stand when left out.
            clock: Ends training when it is over, also within a long epoch, whose numbers are then of the part that ran.

        Returns:
            One number an epoch for `loss` and each metric, and `val_...` for the inner rows.
        """
        order, clock = order or (lambda epoch: np.arange(len(train.y))), clock or Clock()
        began, traced = time.monotonic(), len(self._traced)
        self._build_state(train)
        step = self._steps(train, batch_size, epochs=epochs)
        evaluate = None if inner is None else self._evaluation(inner)
        if len(self._traced) > traced:
            clock.once(time.monotonic() - began)
        history = keras.callbacks.History()  # last, so that it sees what other callbacks add, as in fit
        listeners = keras.callbacks.CallbackList([*callbacks, history], model=self.model, epochs=epochs, verbose=0)
        self.model.stop_training = False
        listeners.on_train_begin()
        for epoch in range(epochs):
            listeners.on_epoch_begin(epoch)
            self.model.reset_metrics()
            self._train_pieces(step, order(epoch), batch_size, clock=clock)
            logs = self._logs("")
            if evaluate is not None:
                self.model.reset_metrics()
                listeners.on_test_begin()
                evaluate()
                listeners.on_test_end()
                logs |= self._logs("val_")
            listeners.on_epoch_end(epoch, logs)
            if self.model.stop_training or clock.over(epoch + 1):
                break
        listeners.on_train_end()
        return {name: [float(value) for value in values] for name, values in history.history.items()}

    def _train_pieces(
        self, step: Callable[[NDArray[np.int64]], None], order: NDArray[np.int64], batch_size: int, *, clock: Clock
    ) -> None:
        """Train an epoch. Where time is limited, train it in pieces of whole batches, about a second each."""
        if math.isinf(clock.left):
            step(order)
            return
        done = 0
        while done == 0 or (done < len(order) and clock.left > 0):
            began, piece = time.monotonic(), order[done : done + self._piece * batch_size]
            step(piece)
            done += len(piece)
            if len(piece) == self._piece * batch_size:
                spent = max(time.monotonic() - began, 1e-4)
                self._piece = max(1, int(self._piece * min(_PIECE_SECONDS / spent, _PIECE_GROWTH)))

    def begin_again(self, fresh: keras.Model) -> keras.Model:
        """Take over weights, optimizer slots and seeds of a freshly built and compiled model of the same structure.

        Returns:
            The fresh model, which holds what was trained so far: it is nobody's but the caller's from now on.
        """
        fresh.optimizer.build(fresh.trainable_variables)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        for mine, theirs in zip(state_of(self.model), state_of(fresh), strict=True):
            trained = mine.numpy()
            mine.assign(theirs)
            theirs.assign(trained)
        for mine, theirs in zip(self.model.optimizer.variables, fresh.optimizer.variables, strict=True):
            mine.assign(theirs)
        self.model.reset_metrics()
        return fresh

    def _build_state(self, train: TrainingArrays) -> None:
        """Make optimizer slots and metric variables outside the traced functions, which may not make any."""
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        if not self._traced:
            first = each_array(lambda array: tf.constant(np.asarray(array[:1])), tuple(train))
            undisturbed(self.model, lambda: self.model.test_step(first))
            self.model.reset_metrics()

    def _steps(self, train: TrainingArrays, batch_size: int, *, epochs: int) -> Callable[[NDArray[np.int64]], None]:
        if sum(array.nbytes for array in tf.nest.flatten(tuple(train)) if array is not None) > self._resident_bytes:
            return lambda order: self._epoch_over_dataset(dataset(train, order, batch_size))
        arrays, order_spec = resident(train), tf.TensorSpec([None], tf.int64)
        if compiling_pays(self.model, train, steps=epochs * (len(train.y) // batch_size)):

            def of_full_batches(arrays: Any, order: tf.Tensor) -> None:
                self._epoch_of_full_batches(arrays, order, batch_size)

            compiled = self._trace(f"epoch of {batch_size}", of_full_batches, arrays, order_spec)
            return lambda order: compiled(arrays, tf.constant(order, dtype=tf.int64))
        size = tf.constant(batch_size, dtype=tf.int64)
        epoch = self._trace("epoch", self._epoch_over_arrays, arrays, order_spec, size)
        return lambda order: epoch(arrays, tf.constant(order, dtype=tf.int64), size)

    def _evaluation(self, inner: TrainingArrays) -> Callable[[], None]:
        arrays, rows = resident(inner), tf.constant(len(inner.y), dtype=tf.int64)
        test = self._trace("test", self._test_over_arrays, arrays, rows)
        return lambda: test(arrays, rows)

    def _trace(self, name: str, function: Callable[..., None], arrays: Any, *others: Any) -> Callable[..., None]:
        """Trace once for any number of rows, as folds differ by a row or two."""
        if name not in self._traced:
            specs = each_array(spec_of, arrays)
            self._traced[name] = tf.function(function, autograph=False).get_concrete_function(specs, *others)
        return self._traced[name]

    def _epoch_over_arrays(self, arrays: Any, order: tf.Tensor, batch_size: tf.Tensor) -> None:
        rows = tf.shape(order, out_type=tf.int64)[0]

        def step(start: tf.Tensor) -> tf.Tensor:
            index = order[start : tf.minimum(start + batch_size, rows)]
            self.model.train_step(each_array(lambda array: taken(array, index), arrays))
            return start + batch_size

        while_below(rows, step)

    def _epoch_of_full_batches(self, arrays: Any, order: tf.Tensor, batch_size: int) -> None:
        """Take full batches by a step that XLA compiles, which needs known shapes, and the remainder as it is."""
        rows = tf.shape(order, out_type=tf.int64)[0]
        full = rows - rows % batch_size

        def step(start: tf.Tensor) -> tf.Tensor:
            index = tf.slice(order, [start], [batch_size])
            self._compiled_step(each_array(lambda array: taken(array, index), arrays))
            return start + batch_size

        def remainder() -> tf.Tensor:
            self.model.train_step(each_array(lambda array: taken(array, order[full:]), arrays))
            return rows

        while_below(full, step)
        tf.cond(full < rows, remainder, lambda: rows)

    def _epoch_over_dataset(self, dataset: tf.data.Dataset) -> None:
        for batch in dataset:
            self._step(batch)

    def _one_step(self, batch: Any) -> None:
        self.model.train_step(batch)

    def _test_over_arrays(self, arrays: Any, rows: tf.Tensor) -> None:
        size = rows_at_once(arrays[0])

        def step(start: tf.Tensor) -> tf.Tensor:
            stop = tf.minimum(start + size, rows)
            self.model.test_step(each_array(lambda array: sliced(array, start, stop), arrays))
            return stop

        while_below(rows, step)

    def _logs(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}{name}": float(value) for name, value in self.model.get_metrics_result().items()}
