"""Output layers and losses by kind of target.

Several targets have a head each on the same trunk, side by side in one output, and one loss: the weighted sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from spaces.layers.members import MemberHeads, mean_of_members
from spaces.rows.target import Target

_ACTIVATIONS = {"regression": "linear", "binary": "sigmoid", "multiclass": "softmax"}
_OF_VALUES = {"squared_error": "mean_squared_error", "absolute_error": "mean_absolute_error"}


def units_of(target: Target) -> int:
    """Return the units of a single target's last layer: one a class, but one for two classes as for a number."""
    return target.outputs if target.kind == "multiclass" else 1


def head(x: Any, target: Target) -> Any:
    """Add the last layer: one linear unit, one sigmoid, or a softmax over the classes; of several targets, each one."""
    if target.parts:
        dense = [
            keras.layers.Dense(part.outputs, activation="softmax" if part.classes else None, name=f"output_{i}")
            for i, part in enumerate(target.parts)
        ]
        return keras.layers.Concatenate(name="output")([layer(x) for layer in dense])
    return keras.layers.Dense(units_of(target), activation=_ACTIVATIONS[target.kind], name="output")(x)


def member_heads(x: Any, target: Target, members: int) -> Any:
    """Add the last layer of a network of several members, `(rows, members, units)`, for a single target."""
    return MemberHeads(members, units_of(target), _ACTIVATIONS[target.kind], name="output")(keras.layers.Flatten()(x))


def activated(logits: Any, target: Target) -> Any:
    """Turn outputs without an activation into values or probabilities."""
    return keras.layers.Activation(_ACTIVATIONS[target.kind], name="output")(logits)


def loss_for(
    target: Target, outputs: int, weights: Mapping[str, float] | None = None, *, members: int = 1
) -> str | Callable[[Any, Any], Any]:
    """Return the Keras loss that trains `outputs` columns towards the target.

    Args:
        target: What is predicted.
        outputs: Columns of the network's output.
        weights: How much each of several targets counts, by name; 1 where left out.
        members: How many members the network has.
    """
    if target.parts:
        return _sum_of_losses(target, weights or {})
    if target.kind == "regression":
        loss = _OF_VALUES[target.loss]
    else:
        loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    return mean_of_members(loss, members, outputs) if members > 1 else loss


def _sum_of_losses(target: Target, weights: Mapping[str, float]) -> Callable[[Any, Any], Any]:
    """Return the weighted sum of each target's loss, one number a row."""
    parts = [
        (place, columns, keras.losses.get(str(loss_for(part, 0))), float(weights.get(part.key, 1.0)))
        for place, (part, columns) in enumerate(zip(target.parts, target.columns, strict=True))
    ]

    def loss(true: Any, predicted: Any) -> Any:
        return sum(weight * one(true[:, i : i + 1], predicted[:, columns]) for i, columns, one, weight in parts)

    return loss
