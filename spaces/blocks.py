"""Stacks of layers that families share."""

from __future__ import annotations

from typing import Any

import keras


def widths(units: int, depth: int, shape: str) -> list[int]:
    """Return the width of each layer: all alike, or each half the one before (at least 4).

    >>> widths(64, 3, "rectangle"), widths(64, 3, "funnel")
    ([64, 64, 64], [64, 32, 16])
    """
    return [max(4, units >> i) if shape == "funnel" else units for i in range(depth)]


def regularizer(config: dict[str, Any]) -> keras.Regularizer | None:
    """Return the penalty of a `{"none" | "l1" | "l2" | "l1_l2": ...}` config."""
    match config:
        case {"l1": {"strength": strength}}:
            return keras.regularizers.L1(strength)
        case {"l2": {"strength": strength}}:
            return keras.regularizers.L2(strength)
        case {"l1_l2": {"l1": l1, "l2": l2}}:
            return keras.regularizers.L1L2(l1=l1, l2=l2)
    return None


def dense_block(
    x: Any,
    units: int,
    *,
    activation: str,
    dropout: float,
    batch_normalization: bool,
    penalty: keras.Regularizer | None = None,
) -> Any:
    """Dense, batch normalisation, activation, dropout; selu comes with lecun_normal and alpha dropout.

    With batch normalisation the dense layer has no bias, as the normalisation brings its own.
    """
    selu = activation == "selu"
    x = keras.layers.Dense(
        units,
        use_bias=not batch_normalization,
        kernel_initializer="lecun_normal" if selu else "glorot_uniform" if activation == "swish" else "he_normal",
        kernel_regularizer=penalty,
    )(x)
    if batch_normalization:
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation(activation)(x)
    if dropout:
        x = (keras.layers.AlphaDropout if selu else keras.layers.Dropout)(dropout)(x)
    return x


def residual(x: Any, y: Any) -> Any:
    """Add a shortcut from x to y: the identity, or a linear layer where the widths differ."""
    if x.shape[-1] != y.shape[-1]:
        x = keras.layers.Dense(y.shape[-1], use_bias=False)(x)
    return keras.layers.Add()([x, y])
