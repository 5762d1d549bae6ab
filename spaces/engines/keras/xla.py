"""Whether XLA compiles the steps of a training: on a CPU this pays for recurrent layers alone."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import tensorflow as tf

from spaces.engines.keras.device import TrainingArrays

_FEWEST_STEPS = 1_000


def compiling_pays(model: keras.Model, train: TrainingArrays, *, steps: int) -> bool:
    """Return whether steps of full batches are to be compiled.

    Compiling takes some seconds once, and a step of a recurrent layer a half to a third of its time afterwards. A
    convolution takes several times as long. What layers of others do is not known.

    Args:
        model: The network.
        train: Its training rows: texts cannot be compiled.
        steps: How many full batches there are at most, in all epochs.
    """
    layers = list(_layers(model))
    return (
        steps >= _FEWEST_STEPS
        and any(isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional) for layer in layers)
        and not any("conv" in type(layer).__module__ for layer in layers)
        and all(type(layer).__module__.startswith(("keras.", "spaces.")) for layer in layers)
        and all(array.dtype != object for array in tf.nest.flatten(tuple(train)) if array is not None)
    )


def _layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    yield layer
    for one in getattr(layer, "layers", ()):
        yield from _layers(one)
