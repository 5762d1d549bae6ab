"""Layers whose weights learn at rates of their own, relative to the optimizer's.

Adam steps as far for a small gradient as for a large one. So a weight that is stored as `rate` times a number learns
`rate` times as fast as the others. That is how they come from one optimizer, which may also decay kernels alone.
They are those of Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
Tabular Data", NeurIPS 2024.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

ROWS = "rows"
_COMBINED = 5


@keras.saving.register_keras_serializable("spaces")
class RatedDense(keras.layers.Layer):
    """A dense layer, by default in the neural tangent parametrisation: `x kernel / sqrt(columns) + bias`.

    Args:
        units: How many.
        divisor: Of how many columns the root divides; as many as there are when left out. With one number for all
            layers, weights learn alike in all of them, as those of plain dense layers do.
        rate: That of the kernel.
        bias_rate: That of the bias.
        start: How weights begin: `"normal"`, `"zeros"`, or `"rows"`: `start_from` is to be called.
        settings: Those of every layer.
    """

    def __init__(
        self,
        units: int,
        *,
        divisor: int | None = None,
        rate: float = 1.0,
        bias_rate: float = 0.1,
        start: str = "normal",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.units, self.divisor, self.start = units, divisor, start
        self.rate, self.bias_rate = rate, bias_rate

    def build(self, input_shape: Any) -> None:
        """Make kernel and bias."""
        columns = max(1, input_shape[-1])
        self._scale = self.rate * (self.divisor or columns) ** -0.5
        kernel, bias = (
            "zeros" if self.start == "zeros" else keras.initializers.RandomNormal(stddev=deviation)
            for deviation in (columns**-0.5 / self._scale, 1 / self.bias_rate)
        )
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer=kernel, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer=bias, name="bias")

    def call(self, inputs: Any) -> Any:
        """Return the units, before any activation."""
        return ops.matmul(inputs, self.kernel) * self._scale + self.bias * self.bias_rate

    def start_from(self, inputs: NDArray[np.float32], draw: np.random.Generator) -> None:
        """Start as training rows ask for.

        Each unit has a deviation of 1, and is zero at a random point among five rows.

        Args:
            inputs: What the layer reads of some training rows, `(rows, columns)`.
            draw: Picks rows.
        """
        units = inputs @ np.asarray(self.kernel.value) * self._scale
        deviations = units.std(axis=0)
        deviations[deviations < 1e-6] = 1.0
        picked = draw.integers(len(inputs), size=(_COMBINED, self.units))
        shares = draw.dirichlet(np.ones(_COMBINED), self.units).T
        points = np.sum(shares * np.take_along_axis(units / deviations, picked, axis=0), axis=0)
        self.kernel.assign(self.kernel / deviations)
        self.bias.assign(-points / self.bias_rate)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        own = {"units": self.units, "divisor": self.divisor, "rate": self.rate, "bias_rate": self.bias_rate}
        return {**super().get_config(), **own, "start": self.start}


@keras.saving.register_keras_serializable("spaces")
class FrontScale(keras.layers.Layer):
    """Multiplies each column by a number, one at first, which comes to say how much the column counts.

    Args:
        rate: That of the numbers.
        settings: Those of every layer.
    """

    def __init__(self, rate: float = 6.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.rate = rate

    def build(self, input_shape: Any) -> None:
        """Make the numbers, less one."""
        self.less_one = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="less_one")

    def call(self, inputs: Any) -> Any:
        """Return the columns."""
        return inputs * (1 + self.rate * self.less_one)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("spaces")
class BlendedActivation(keras.layers.Layer):
    """Blends each unit with its activation: `x + share (activation(x) - x)`, all of it at first.

    Args:
        activation: Keras's name of it.
        rate: That of the shares.
        settings: Those of every layer.
    """

    def __init__(self, activation: str, rate: float = 0.1, **settings: Any) -> None:
        super().__init__(**settings)
        self.activation, self.rate = activation, rate

    def build(self, input_shape: Any) -> None:
        """Make the shares, less one."""
        self.less_one = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="less_one")

    def call(self, inputs: Any) -> Any:
        """Return the blends."""
        return inputs + (1 + self.rate * self.less_one) * (keras.activations.get(self.activation)(inputs) - inputs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "activation": self.activation, "rate": self.rate}
