"""Predicting with networks: in chunks, in one traced function for several, or step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.engines.keras.device import rows_at_once

_EAGER_CHUNKS = 16


def predict(model: keras.Model, x: NDArray[Any] | tuple[NDArray[Any], ...]) -> NDArray[np.float32]:
    """Return a model's outputs `(rows, outputs)`, in chunks, without `model.predict`'s fixed cost of 50-95 ms.

    With many chunks the model is traced first; a few are computed layer by layer.
    """
    arrays = x if isinstance(x, tuple) else (x,)
    if len(arrays[0]) > _EAGER_CHUNKS * rows_at_once(arrays):
        return fuse([model])([x])[0]
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
        parts, size = [], rows_at_once(x)
        for start in range(0, len(wanted), size):
            chunk = tf.nest.map_structure(lambda array: tf.constant(array[start : start + size]), x)
            parts.append(traced[0](chunk).numpy()[wanted[start : start + size]])
        return np.concatenate(parts)

    return run


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
    rows, size = len(arrays[0]), rows_at_once(arrays)
    chunks = [
        [
            output.numpy()
            for output in function([tf.constant(np.asarray(array[start : start + size])) for array in arrays])
        ]
        for start in range(0, max(rows, 1), size)
    ]
    joined = [np.concatenate(parts) if len(chunks) > 1 else parts[0] for parts in zip(*chunks, strict=True)]
    return [outputs if outputs.ndim == 2 else outputs.reshape(rows, -1) for outputs in joined]
