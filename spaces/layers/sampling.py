"""A layer class of ours: a random code, registered so that Keras can load it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("spaces")
class Sampling(keras.layers.Layer):
    """Draws from a normal distribution with given mean and logarithm of variance; while predicting, always the same."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._seeds = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return `mean + deviation * noise`."""
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self._seeds if training else 0)
        return mean + ops.exp(0.5 * log_variance) * noise

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the mean."""
        return input_shape[0]
