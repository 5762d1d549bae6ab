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

    Args:
        members: How many.
        settings: Those of every layer.
    """

    def __init__(self, members: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.members = members

    def build(self, input_shape: Any) -> None:
        """Draw the signs."""

        def signs(shape: Any, dtype: Any = None) -> Any:
            return keras.ops.sign(keras.random.normal(shape, dtype=dtype))

        self.factors = self.add_weight(shape=(self.members, input_shape[-1]), initializer=signs, name="factors")

    def call(self, inputs: Any) -> Any:
        """Return what each member reads."""
        return keras.ops.expand_dims(inputs, 1) * self.factors

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "members": self.members}


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
