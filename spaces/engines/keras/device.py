"""Arrays on the device, and how many rows at a time.

Only this room and `spaces.families.unsupervised.gan` know TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.rows.arrays import Stretches

_EVALUATION_BATCH, _EVALUATION_STEPS = 4096, 2**17


class TrainingArrays(NamedTuple):
    """Rows to train or evaluate on; `weight` holds sample weights (class weights multiplied in), or None."""

    x: Any
    y: NDArray[Any]
    weight: NDArray[np.float32] | None = None


def rows_at_once(arrays: Any) -> int:
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


def while_below(rows: tf.Tensor, step: Callable[[tf.Tensor], tf.Tensor]) -> None:
    """Take steps from 0 until all rows are behind; a plain loop would need AutoGraph, which Keras does without."""
    tf.while_loop(lambda start: start < rows, lambda start: [step(start)], [tf.constant(0, tf.int64)])


def each_array(function: Callable[[Any], Any], arrays: Any) -> Any:
    """Apply a function to every array of a nested structure, leaving None (no weights) as it is."""
    if isinstance(arrays, tuple) and not isinstance(arrays, _Gathered):
        return tuple(each_array(function, array) for array in arrays)
    return None if arrays is None else function(arrays)


def state_of(model: keras.Model) -> list[Any]:
    """List weights and seed states, without the variables of metrics."""
    metrics = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in metrics]


def resident(arrays: TrainingArrays) -> Any:
    """Put arrays on the device."""
    return each_array(_placed, tuple(arrays))


class _Gathered(NamedTuple):
    """Stretches of a series on the device: a batch of them is gathered when it is needed.

    Attributes:
        base: The series, `(steps, channels)`.
        starts: Where each stretch begins.
        steps: Where the steps of a stretch stand behind its start.
    """

    base: Any
    starts: Any
    steps: Any

    def written(self, starts: tf.Tensor) -> tf.Tensor:
        """Return the stretches that begin there, `(rows, length, channels)`."""
        return tf.gather(self.base, starts[:, None] + self.steps)


def _placed(array: Any) -> Any:
    if isinstance(array, Stretches):
        return _Gathered(tf.constant(array.base), tf.constant(array.starts), tf.constant(array.offsets))
    return tf.constant(np.asarray(array))


def spec_of(array: Any) -> Any:
    """Return the type of any number of such rows."""
    if isinstance(array, _Gathered):
        return _Gathered(spec_of(array.base), spec_of(array.starts), tf.TensorSpec(array.steps.shape, tf.int64))
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)


def taken(array: Any, index: tf.Tensor) -> tf.Tensor:
    """Return some rows, by index."""
    if isinstance(array, _Gathered):
        return array.written(tf.gather(array.starts, index))
    return tf.gather(array, index)


def sliced(array: Any, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """Return the rows from start to stop."""
    return array.written(array.starts[start:stop]) if isinstance(array, _Gathered) else array[start:stop]


def dataset(train: TrainingArrays, order: NDArray[np.int64], batch_size: int) -> tf.data.Dataset:
    """Return batches of rows in an order, read one by one, for arrays too large for the device."""
    leaves = [array for array in tf.nest.flatten(tuple(train)) if array is not None]

    def read(index: NDArray[np.int64]) -> list[NDArray[Any]]:
        return [np.asarray(leaf[index]) for leaf in leaves]

    def batch(index: tf.Tensor) -> Any:
        parts = tf.numpy_function(read, [index], [leaf.dtype for leaf in leaves])
        for part, leaf in zip(parts, leaves, strict=True):
            part.set_shape((None, *leaf.shape[1:]))
        left = iter(parts)
        return each_array(lambda array: next(left), tuple(train))

    indices = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return indices.map(batch, num_parallel_calls=1).prefetch(2)
