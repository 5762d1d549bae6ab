"""Stacks of layers that families share: dense (activation, dropout, penalty), convolutions, recurrent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from spaces.language.optional import chosen
from spaces.language.parts import layers_of
from spaces.language.space import Config

CELLS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM, "simple": keras.layers.SimpleRNN}


def widths(units: int | Mapping[str, int], depth: int, shape: str) -> list[int]:
    """Return the width of each layer: the config's for each, or all alike, or each half the one before (at least 4).

    >>> widths(64, 3, "rectangle"), widths(64, 3, "funnel")
    ([64, 64, 64], [64, 32, 16])
    """
    if isinstance(units, Mapping):
        return [units[str(i + 1)] for i in range(depth)]
    return [max(4, units >> i) if shape == "funnel" else units for i in range(depth)]


def each_layer(config: Mapping[str, Any], depth: int) -> Iterator[Config]:
    """Yield the parameters of each layer: those that differ by layer are mappings from its number.

    >>> [*each_layer({"units": {"1": 32, "2": 64}, "dropout": 0.1}, 2)]
    [{'units': 32, 'dropout': 0.1}, {'units': 64, 'dropout': 0.1}]
    """
    for layer in map(str, range(1, depth + 1)):
        yield {
            name: value[layer] if isinstance(value, Mapping) and layer in value else value
            for name, value in config.items()
        }


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
    penalty: keras.Regularizer | None,
) -> Any:
    """Add a dense layer, its normalisation, activation and dropout; selu comes with lecun_normal and alpha dropout.

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
    depth: int,
    separable: bool,
    padding: str,
    batch_normalization: bool,
    **by_layer: Any,
) -> Any:
    """Stack one-dimensional convolutions with relu, each followed by max pooling.

    Args:
        x: `(rows, steps, features)`.
        depth: How many convolutions.
        separable: Whether they are depthwise separable.
        padding: `"same"`: no step is lost at the ends; or `"valid"`, of convolutions and pooling.
        batch_normalization: Whether each is followed by batch normalization.
        by_layer: `filters`, `kernel_size`, `pool_size` (1 for none) and `dropout`, of all or of each (`each_layer`).
    """
    kind = keras.layers.SeparableConv1D if separable else keras.layers.Conv1D
    for its in each_layer(by_layer, depth):
        x = kind(its["filters"], its["kernel_size"], padding=padding, use_bias=not batch_normalization)(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        if its["pool_size"] > 1:
            x = keras.layers.MaxPooling1D(its["pool_size"], padding=padding)(x)
        x = keras.layers.Dropout(its["dropout"])(x)
    return x


def recurrent_layers(
    x: Any,
    *,
    depth: int,
    direction: str,
    mask: Any = None,
    **by_layer: Any,
) -> tuple[Any, Any]:
    """Stack recurrent layers that return every step; the first reads backward where that is asked for.

    Args:
        x: `(rows, steps, features)`.
        depth: How many layers.
        direction: `"forward"`, `"backward"` or `"bidirectional"`.
        mask: `(rows, steps)`, which steps are read; all when left out.
        by_layer: `cell` (a name of `CELLS`), `units` of each direction, `activation`, `dropout` (the share of what a
            layer reads) and `recurrent_dropout` (of what it remembers), of all layers or of each (`each_layer`).

    Returns:
        All steps in the order in which they were read, and their mask.
    """
    for i, its in enumerate(each_layer(by_layer, depth)):
        backward = direction == "backward" and i == 0
        kind = CELLS[its.pop("cell")]
        layer = kind(its.pop("units"), return_sequences=True, go_backwards=backward, **its)
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
        case "last" if direction != "bidirectional":
            return x[:, -1]
        case "last":
            half = x.shape[-1] // 2
            return keras.layers.Concatenate()([x[:, -1, :half], _first(x, mask)[:, half:]])
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
    raise ValueError(f"pooling must be last, max, average, attention or flatten, got {how!r}")


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
    depth = config["depth"]
    each = zip(widths(config["units"], depth, config["shape"]), each_layer(config, depth), strict=True)
    for units, its in each:
        y = dense_block(
            x,
            units,
            activation=its["activation"],
            dropout=chosen(its["dropout"]),
            batch_normalization=its["batch_normalization"],
            penalty=penalty,
        )
        x = residual(x, y) if shortcuts else y
    return x


def hidden_part(x: Any, part: Config) -> Any:
    """Stack the hidden layers of a part that may be there or not (`spaces.layers.spaces.hidden_space`)."""
    layers = layers_of(part)
    return x if layers is None else hidden(x, layers)
