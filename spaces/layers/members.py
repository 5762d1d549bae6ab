"""Several members in one network: they share the hidden layers, and differ in what they read and in their last layer.

That is TabM-mini of Gorishniy, Kotelnikov and Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient
Ensembling", ICLR 2025.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


@keras.saving.register_keras_serializable("spaces")
class Members(keras.layers.Layer):
    """Multiplies each column by a number of each member, a random sign at first: `(rows, members, columns)`.

    The columns of one vector share their number, which is drawn from a normal distribution.

    Args:
        members: How many.
        vectors: How many vectors come first.
        units: Their length.
        settings: Those of every layer.
    """

    def __init__(self, members: int, *, vectors: int = 0, units: int = 1, **settings: Any) -> None:
        super().__init__(**settings)
        self.members, self.vectors, self.units = members, vectors, units

    def build(self, input_shape: Any) -> None:
        """Draw the signs."""
        numbers = input_shape[-1] - self.vectors * (self.units - 1)

        def drawn(shape: Any, dtype: Any = None) -> Any:
            normal = keras.random.normal(shape, dtype=dtype)
            return keras.ops.concatenate([normal[:, : self.vectors], keras.ops.sign(normal[:, self.vectors :])], axis=1)

        self.factors = self.add_weight(shape=(self.members, numbers), initializer=drawn, name="factors")

    def call(self, inputs: Any) -> Any:
        """Return what each member reads."""
        factors = self.factors
        if self.vectors:
            shared = keras.ops.repeat(factors[:, : self.vectors], self.units, axis=1)
            factors = keras.ops.concatenate([shared, factors[:, self.vectors :]], axis=1)
        return keras.ops.expand_dims(inputs, 1) * factors

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        own = {"members": self.members, "vectors": self.vectors, "units": self.units}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("spaces")
class MemberHeads(keras.layers.Layer):
    """Ends a network with a dense layer for each member: of their units side by side `(rows, members, outputs)`.

    Args:
        members: How many.
        outputs: Columns of each member's output.
        activation: That of the outputs.
        settings: Those of every layer.
    """

    def __init__(self, members: int, outputs: int, activation: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.members, self.outputs, self.activation = members, outputs, activation

    def build(self, input_shape: Any) -> None:
        """Make kernels and biases."""
        units = input_shape[-1] // self.members
        drawn = keras.initializers.RandomUniform(-(units**-0.5), units**-0.5)
        self.kernels = self.add_weight(shape=(self.members, units, self.outputs), initializer=drawn, name="kernels")
        self.biases = self.add_weight(shape=(self.members, self.outputs), initializer="zeros", name="biases")

    def call(self, inputs: Any) -> Any:
        """Return each member's outputs."""
        each = keras.ops.reshape(inputs, (-1, self.members, inputs.shape[-1] // self.members))
        outputs = keras.ops.einsum("rmu,muo->rmo", each, self.kernels) + self.biases
        return keras.activations.get(self.activation)(outputs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        own = {"members": self.members, "outputs": self.outputs, "activation": self.activation}
        return {**super().get_config(), **own}


def mean_of_members(loss: str, members: int, outputs: int) -> Callable[[Any, Any], Any]:
    """Return a loss for each row: the mean of the members' losses, which is not the loss of their mean.

    Args:
        loss: Keras's name of one member's loss.
        members: How many.
        outputs: Columns of each member's output.
    """
    one = keras.losses.get(loss)

    def mean(true: Any, predicted: Any) -> Any:
        each = keras.ops.reshape(predicted, (-1, members, outputs))
        told = keras.ops.repeat(keras.ops.reshape(true, (-1, 1)), members, axis=1)
        return keras.ops.mean(one(keras.ops.expand_dims(told, -1) if outputs == 1 else told, each), axis=1)

    return mean
