"""The training loop: a whole epoch in one traced function over arrays that stay on the device.

A model stays an ordinary compiled Keras model: every step is its own `train_step`, with its optimizer, losses,
metrics, gradient clipping and weights of samples, so the numbers are those of `model.fit` on the same batches.
Callbacks see the beginnings and ends of training, epochs and tests; batches are never left to Python.
This and `adversarial.py` are the only files that know TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.arrays import Stretches

RESIDENT_BYTES = 2 * 1024**3
_EVALUATION_BATCH, _EVALUATION_STEPS = 4096, 2**17


class Arrays(NamedTuple):
    """Rows to train or evaluate on; `weight` holds sample weights (class weights multiplied in), or None."""

    x: Any
    y: NDArray[Any]
    weight: NDArray[np.float32] | None = None


class Trainer:
    """Trains one compiled model, on several data sets in turn, with one trace.

    Args:
        model: The compiled model, with its weights made.
        resident_bytes: Arrays above this size are read batch by batch through `tf.data`.
    """

    def __init__(self, model: keras.Model, *, resident_bytes: int = RESIDENT_BYTES) -> None:
        self.model = model
        self._resident_bytes = resident_bytes
        self._traced: dict[str, Callable[..., None]] = {}
        self._step = tf.function(self._one_step, autograph=False, reduce_retracing=True)

    def train(
        self,
        train: Arrays,
        inner: Arrays | None,
        *,
        epochs: int,
        batch_size: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        order: Callable[[int], NDArray[np.int64]] | None = None,
    ) -> dict[str, list[float]]:
        """Train for some epochs, the last smaller batch included.

        Args:
            train: The training rows.
            inner: Rows evaluated after every epoch, or None.
            epochs: At most this many.
            batch_size: Rows a step.
            callbacks: Ordinary Keras callbacks; only their train, epoch and test methods are called.
            order: Gives the order of rows of an epoch (0, 1, ...); as they stand when left out.

        Returns:
            One number an epoch for `loss` and each metric, and `val_...` for the inner rows.
        """
        self._build_state(train)
        step = self._steps(train, batch_size)
        evaluate = None if inner is None else self._evaluation(inner)
        order = order or (lambda epoch: np.arange(len(train.y)))
        history = keras.callbacks.History()  # last, so that it sees what other callbacks add, as in fit
        listeners = keras.callbacks.CallbackList([*callbacks, history], model=self.model, epochs=epochs, verbose=0)
        self.model.stop_training = False
        listeners.on_train_begin()
        for epoch in range(epochs):
            listeners.on_epoch_begin(epoch)
            self.model.reset_metrics()
            step(order(epoch))
            logs = self._logs("")
            if evaluate is not None:
                self.model.reset_metrics()
                listeners.on_test_begin()
                evaluate()
                listeners.on_test_end()
                logs |= self._logs("val_")
            listeners.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                break
        listeners.on_train_end()
        return {name: [float(value) for value in values] for name, values in history.history.items()}

    def reset(self, fresh: keras.Model) -> None:
        """Take over weights, optimizer slots and seeds of a freshly built and compiled model of the same structure."""
        fresh.optimizer.build(fresh.trainable_variables)
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        pairs = [(_state(self.model), _state(fresh)), (self.model.optimizer.variables, fresh.optimizer.variables)]
        for mine, theirs in pairs:
            for variable, initial in zip(mine, theirs, strict=True):
                variable.assign(initial)
        self.model.reset_metrics()

    def _build_state(self, train: Arrays) -> None:
        """Make optimizer slots and metric variables outside the traced functions, which may not make any."""
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        first = _each(lambda array: tf.constant(np.asarray(array[:1])), tuple(train))
        self.model.test_step(first)
        self.model.reset_metrics()

    def _steps(self, train: Arrays, batch_size: int) -> Callable[[NDArray[np.int64]], None]:
        size = tf.constant(batch_size, dtype=tf.int64)
        if sum(array.nbytes for array in tf.nest.flatten(tuple(train)) if array is not None) > self._resident_bytes:
            return lambda order: self._epoch_over_dataset(_dataset(train, order, batch_size))
        arrays = _resident(train)
        epoch = self._trace("epoch", self._epoch_over_arrays, arrays, tf.TensorSpec([None], tf.int64), size)
        return lambda order: epoch(arrays, tf.constant(order, dtype=tf.int64), size)

    def _evaluation(self, inner: Arrays) -> Callable[[], None]:
        arrays, rows = _resident(inner), tf.constant(len(inner.y), dtype=tf.int64)
        test = self._trace("test", self._test_over_arrays, arrays, rows)
        return lambda: test(arrays, rows)

    def _trace(self, name: str, function: Callable[..., None], arrays: Any, *others: Any) -> Callable[..., None]:
        """Trace once for any number of rows, as folds differ by a row or two."""
        if name not in self._traced:
            specs = _each(_spec, arrays)
            self._traced[name] = tf.function(function, autograph=False).get_concrete_function(specs, *others)
        return self._traced[name]

    def _epoch_over_arrays(self, arrays: Any, order: tf.Tensor, batch_size: tf.Tensor) -> None:
        rows = tf.shape(order, out_type=tf.int64)[0]

        def step(start: tf.Tensor) -> tf.Tensor:
            index = order[start : tf.minimum(start + batch_size, rows)]
            self.model.train_step(_each(lambda array: _taken(array, index), arrays))
            return start + batch_size

        _while_below(rows, step)

    def _epoch_over_dataset(self, dataset: tf.data.Dataset) -> None:
        for batch in dataset:
            self._step(batch)

    def _one_step(self, batch: Any) -> None:
        self.model.train_step(batch)

    def _test_over_arrays(self, arrays: Any, rows: tf.Tensor) -> None:
        size = _rows_at_once(arrays[0])

        def step(start: tf.Tensor) -> tf.Tensor:
            stop = tf.minimum(start + size, rows)
            self.model.test_step(_each(lambda array: _sliced(array, start, stop), arrays))
            return stop

        _while_below(rows, step)

    def _logs(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}{name}": float(value) for name, value in self.model.get_metrics_result().items()}


def predict(model: keras.Model, x: NDArray[Any] | tuple[NDArray[Any], ...]) -> NDArray[np.float32]:
    """Return a model's outputs `(rows, outputs)`, in chunks, without `model.predict`'s fixed cost of 50-95 ms."""
    arrays = x if isinstance(x, tuple) else (x,)
    return _in_chunks(arrays, lambda parts: [model(_as(isinstance(x, tuple), parts), training=False)])[0]


def undisturbed(model: keras.Model, function: Callable[[], Any]) -> Any:
    """Call a function that predicts with a model in training, and leave the model's seeds as they were.

    Recurrent layers draw masks for dropout even to predict (Keras 3.15): whoever looked would change what follows.
    """
    seeds = [variable for variable in model.variables if "seed_generator" in variable.path]
    before = [seed.numpy() for seed in seeds]
    try:
        return function()
    finally:
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)


def step_function(model: keras.Model) -> Callable[[Any, NDArray[np.bool_]], NDArray[np.float32]]:
    """Return a function of what a model of windows reads, and of the steps `(windows, length)` that are wanted.

    It returns the outputs of these steps, `(wanted steps, outputs)`, from a few windows at a time.
    """
    traced: list[Callable[..., Any]] = []

    def run(x: Any, wanted: NDArray[np.bool_]) -> NDArray[np.float32]:
        if not traced:
            specs = tf.nest.map_structure(lambda array: tf.TensorSpec([None, *array.shape[1:]], array.dtype), x)
            function = tf.function(lambda given: model(given, training=False), autograph=False)
            traced.append(function.get_concrete_function(specs))
        parts, size = [], _rows_at_once(x)
        for start in range(0, len(wanted), size):
            chunk = tf.nest.map_structure(lambda array: tf.constant(array[start : start + size]), x)
            parts.append(traced[0](chunk).numpy()[wanted[start : start + size]])
        return np.concatenate(parts)

    return run


def write_scalars(folder: Path, curves: Mapping[str, Iterable[float]]) -> None:
    """Write curves into a folder for TensorBoard, one number a step; TensorBoard itself need not be installed."""
    folder.mkdir(parents=True, exist_ok=True)
    event = tf.compat.v1.Event
    with tf.io.TFRecordWriter(str(folder / "events.out.tfevents.0")) as file:
        file.write(event(file_version="brain.Event:2").SerializeToString())
        for name, values in curves.items():
            for step, value in enumerate(values):
                one = tf.compat.v1.Summary.Value(tag=name, simple_value=value)
                file.write(event(step=step, summary=tf.compat.v1.Summary(value=[one])).SerializeToString())


def fuse(models: Sequence[keras.Model]) -> Callable[[list[Any]], list[NDArray[np.float32]]]:
    """Return one traced function of several models.

    It takes for each of them an array `(rows, ...)` or a tuple of such arrays, and returns as many outputs. Arrays that
    are the same object are handed over once.
    """
    traced: dict[tuple[tuple[int, ...], ...], Callable[..., Any]] = {}

    def run(read: list[Any]) -> list[NDArray[np.float32]]:
        arrays = [x if isinstance(x, tuple) else (x,) for x in read]
        several = [isinstance(x, tuple) for x in read]
        distinct = {id(array): array for one in arrays for array in one}
        places = {key: place for place, key in enumerate(distinct)}
        reads = tuple(tuple(places[id(array)] for array in one) for one in arrays)
        if reads not in traced:
            specs = [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in distinct.values()]
            traced[reads] = tf.function(
                lambda *inputs: [
                    model(_as(many, [inputs[i] for i in chosen]), training=False)
                    for model, many, chosen in zip(models, several, reads, strict=True)
                ],
                autograph=False,
            ).get_concrete_function(*specs)
        return _in_chunks(list(distinct.values()), lambda parts: traced[reads](*parts))

    return run


def _as(several: bool, parts: Sequence[Any]) -> Any:
    """Return what a model reads: a tuple of several inputs, or the only one."""
    return tuple(parts) if several else parts[0]


def _in_chunks(
    arrays: Sequence[NDArray[Any]], function: Callable[[list[tf.Tensor]], list[tf.Tensor]]
) -> list[NDArray[np.float32]]:
    """Apply a function to some rows at a time, and return its outputs as `(rows, outputs)`."""
    rows, size = len(arrays[0]), _rows_at_once(arrays)
    chunks = [
        [
            output.numpy()
            for output in function([tf.constant(np.asarray(array[start : start + size])) for array in arrays])
        ]
        for start in range(0, max(rows, 1), size)
    ]
    joined = [np.concatenate(parts) if len(chunks) > 1 else parts[0] for parts in zip(*chunks, strict=True)]
    return [outputs if outputs.ndim == 2 else outputs.reshape(rows, -1) for outputs in joined]


def _rows_at_once(arrays: Any) -> int:
    """Return how many rows to evaluate at once: fewer where a row has many steps or pixels, as each layer then has."""
    one = isinstance(arrays, _Gathered) or not isinstance(arrays, tuple | list)
    return max(32, min(_EVALUATION_BATCH, _EVALUATION_STEPS // max(1, *map(_places, [arrays] if one else arrays))))


def _places(array: Any) -> int:
    """Return how many steps or pixels a row has."""
    if isinstance(array, _Gathered):
        return int(array.steps.shape[0])
    if len(array.shape) == 2:
        return int(array.shape[1]) if array.dtype == "int32" else 1  # tokens
    return math.prod(int(size) for size in array.shape[1:-1])


def use_threads(count: int) -> None:
    """Limit TensorFlow to some threads and make its operations deterministic; before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def _while_below(rows: tf.Tensor, step: Callable[[tf.Tensor], tf.Tensor]) -> None:
    """Take steps from 0 until all rows are behind; a plain loop would need AutoGraph, which Keras does without."""
    tf.while_loop(lambda start: start < rows, lambda start: [step(start)], [tf.constant(0, tf.int64)])


def _each(function: Callable[[Any], Any], arrays: Any) -> Any:
    """Apply a function to every array of a nested structure, leaving None (no weights) as it is."""
    if isinstance(arrays, tuple) and not isinstance(arrays, _Gathered):
        return tuple(_each(function, array) for array in arrays)
    return None if arrays is None else function(arrays)


def _state(model: keras.Model) -> list[Any]:
    """List weights and seed states, without the variables of metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics]


def _resident(arrays: Arrays) -> Any:
    return _each(_placed, tuple(arrays))


class _Gathered(NamedTuple):
    """Stretches of a series on the device: a batch of them is gathered when it is needed.

    Attributes:
        base: The series, `(steps, channels)`.
        starts: Where each stretch begins.
        steps: 0, 1, ... up to the length of a stretch.
    """

    base: Any
    starts: Any
    steps: Any

    def written(self, starts: tf.Tensor) -> tf.Tensor:
        """Return the stretches that begin there, `(rows, length, channels)`."""
        return tf.gather(self.base, starts[:, None] + self.steps)


def _placed(array: Any) -> Any:
    if isinstance(array, Stretches):
        return _Gathered(tf.constant(array.base), tf.constant(array.starts), tf.range(array.length, dtype=tf.int64))
    return tf.constant(np.asarray(array))


def _spec(array: Any) -> Any:
    """Return the type of any number of such rows."""
    if isinstance(array, _Gathered):
        return _Gathered(_spec(array.base), _spec(array.starts), tf.TensorSpec(array.steps.shape, tf.int64))
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)


def _taken(array: Any, index: tf.Tensor) -> tf.Tensor:
    if isinstance(array, _Gathered):
        return array.written(tf.gather(array.starts, index))
    return tf.gather(array, index)


def _sliced(array: Any, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    return array.written(array.starts[start:stop]) if isinstance(array, _Gathered) else array[start:stop]


def _dataset(train: Arrays, order: NDArray[np.int64], batch_size: int) -> tf.data.Dataset:
    leaves = [array for array in tf.nest.flatten(tuple(train)) if array is not None]

    def read(index: NDArray[np.int64]) -> list[NDArray[Any]]:
        return [np.asarray(leaf[index]) for leaf in leaves]

    def batch(index: tf.Tensor) -> Any:
        parts = tf.numpy_function(read, [index], [leaf.dtype for leaf in leaves])
        for part, leaf in zip(parts, leaves, strict=True):
            part.set_shape((None, *leaf.shape[1:]))
        left = iter(parts)
        return _each(lambda array: next(left), tuple(train))

    indices = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return indices.map(batch, num_parallel_calls=1).prefetch(2)
