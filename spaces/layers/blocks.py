"""Stacks of layers that families share."""

from __future__ import annotations

from typing import Any

import keras

from spaces.language.optional import chosen
from spaces.language.space import Config

CELLS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "simple": keras.layers.SimpleRNN}


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


def convolutions(
    x: Any,
    *,
    filters: int,
    kernel_size: int,
    depth: int,
    separable: bool,
    pool_size: int,
    batch_normalization: bool,
    dropout: float,
) -> Any:
    """Stack one-dimensional convolutions with relu, each followed by max pooling; never shorter than one step."""
    kind = keras.layers.SeparableConv1D if separable else keras.layers.Conv1D
    for _ in range(depth):
        x = kind(filters, kernel_size, padding="same", use_bias=not batch_normalization)(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        if pool_size > 1:
            x = keras.layers.MaxPooling1D(pool_size, padding="same")(x)
        x = keras.layers.Dropout(dropout)(x)
    return x


def recurrent_layers(
    x: Any,
    *,
    cell: str,
    units: int,
    depth: int,
    direction: str,
    dropout: float,
    recurrent_dropout: float,
    mask: Any = None,
) -> tuple[Any, Any]:
    """Stack recurrent layers that return every step; the first reads backward where that is asked for.

    Args:
        x: `(rows, steps, features)`.
        cell: A name of `CELLS`.
        units: Units of each layer and direction.
        depth: How many layers.
        direction: `"forward"`, `"backward"` or `"bidirectional"`.
        dropout: Share of what a layer reads.
        recurrent_dropout: Share of what a layer remembers.
        mask: `(rows, steps)`, which steps are read; all when left out.

    Returns:
        All steps in the order in which they were read, and their mask.
    """
    kind = CELLS[cell]
    for i in range(depth):
        backward = direction == "backward" and i == 0
        layer = kind(
            units,
            return_sequences=True,
            go_backwards=backward,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
        )
        x = (keras.layers.Bidirectional(layer) if direction == "bidirectional" else layer)(x, mask=mask)
        if backward and mask is not None:
            mask = keras.ops.flip(mask, axis=1)
    return x, mask


def pooled(x: Any, how: str, direction: str = "forward", *, mask: Any = None) -> Any:
    """Make one vector of steps `(rows, steps, units)`.

    `"last"` takes the step that was read last, of each direction where there are two; `"attention"` a mean with learned
    weights; `"flatten"` puts all steps side by side; `"max"` and `"average"` are over steps. All but `"flatten"` leave
    out the steps that a mask `(rows, steps)` leaves out; these stand in front, or behind where x was read backward.
    """
    match how:
        case "max":
            return keras.layers.GlobalMaxPooling1D()(x if mask is None else _where(mask, x, -1e9))
        case "average":
            return keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        case "flatten":
            return keras.layers.Flatten()(x)
        case "attention" if x.shape[1] == 1:
            return keras.layers.Flatten()(x)
        case "attention":
            counted = None if mask is None else keras.ops.expand_dims(mask, -1)
            weights = keras.layers.Softmax(axis=1)(keras.layers.Dense(1)(x), mask=counted)
            return keras.layers.Flatten()(keras.layers.Dot(axes=(1, 1))([weights, x]))
    if direction != "bidirectional":
        return x[:, -1]
    half = x.shape[-1] // 2
    return keras.layers.Concatenate()([x[:, -1, :half], _first(x, mask)[:, half:]])


def _first(x: Any, mask: Any) -> Any:
    """Return the first step that counts."""
    if mask is None:
        return x[:, 0]
    first = keras.ops.equal(keras.ops.cumsum(keras.ops.cast(mask, "int32"), axis=1), 1)
    return keras.ops.sum(_where(keras.ops.logical_and(first, mask), x, 0.0), axis=1)


def _where(mask: Any, x: Any, other: float) -> Any:
    """Return steps, and a number in place of those that a mask leaves out."""
    return keras.ops.where(keras.ops.expand_dims(mask, -1), x, other)


def hidden(x: Any, config: Config, penalty: keras.Regularizer | None = None, *, shortcuts: bool = False) -> Any:
    """Stack the hidden layers that a config describes."""
    for units in widths(config["units"], config["depth"], config["shape"]):
        y = dense_block(
            x,
            units,
            activation=config["activation"],
            dropout=chosen(config["dropout"]),
            batch_normalization=config["batch_normalization"],
            penalty=penalty,
        )
        x = residual(x, y) if shortcuts else y
    return x
