"""Output layers and losses by kind of target."""

from __future__ import annotations

from typing import Any

import keras

from spaces.signature import Target


def head(x: Any, target: Target) -> Any:
    """Add the last layer: one linear unit, one sigmoid, or a softmax over the classes."""
    if target.kind == "regression":
        return keras.layers.Dense(1, name="output")(x)
    if target.kind == "binary":
        return keras.layers.Dense(1, activation="sigmoid", name="output")(x)
    return keras.layers.Dense(target.outputs, activation="softmax", name="output")(x)


def activated(logits: Any, target: Target) -> Any:
    """Turn outputs without an activation into values or probabilities."""
    activation = {"regression": "linear", "binary": "sigmoid", "multiclass": "softmax"}[target.kind]
    return keras.layers.Activation(activation, name="output")(logits)


def loss_for(target: Target, outputs: int) -> str:
    """Name the Keras loss that trains `outputs` columns towards the target."""
    if target.kind == "regression":
        return "mean_absolute_error" if target.loss == "absolute_error" else "mean_squared_error"
    return "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
