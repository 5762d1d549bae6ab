"""Layers that do one thing while a network is trained and another when it predicts."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("spaces")
class FadingDropout(keras.layers.Layer):
    """Dropout of which a share is left: all of it at first, and then what a schedule sets.

    Args:
        rate: How many units are dropped, of all.
        settings: Those of every layer.
    """

    def __init__(self, rate: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.rate, self._seeds = rate, keras.random.SeedGenerator()

    def build(self, input_shape: Any) -> None:
        """Make the share."""
        self.left = self.add_weight(shape=(), initializer="ones", trainable=False, name="left")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the units that are not dropped, the larger the more are."""
        if not training:
            return inputs
        kept = 1 - self.rate * self.left
        drawn = keras.random.uniform(ops.shape(inputs), dtype=inputs.dtype, seed=self._seeds)
        return ops.where(drawn < kept, inputs / kept, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("spaces")
class WithinRange(keras.layers.Layer):
    """Keeps what is predicted within a range, unlimited until `limit` is called; while it trains a network is free."""

    def build(self, input_shape: Any) -> None:
        """Make the ends of the range."""
        ends = {"low": -3e38, "high": 3e38}
        self.low, self.high = (
            self.add_weight(shape=(), initializer=keras.initializers.Constant(end), trainable=False, name=name)
            for name, end in ends.items()
        )

    def limit(self, low: float, high: float) -> None:
        """Set the ends of the range."""
        self.low.assign(low)
        self.high.assign(high)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return what is predicted."""
        return inputs if training else ops.clip(inputs, self.low, self.high)
