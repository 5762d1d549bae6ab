"""The branches of networks that read series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from spaces.inputs.series.blocks import inception_blocks, residual_blocks
from spaces.language.space import Config
from spaces.layers.blocks import convolutions, pooled, recurrent_layers
from spaces.rows.signature import Input, Signature

_BLOCKS: dict[str, Callable[..., Any]] = {
    "residual": residual_blocks,
    "inception": inception_blocks,
    "plain": convolutions,
}
_LEAST_VARIANCE = 1e-8  # of a series that is scaled by itself; a constant one becomes zeros


def series_encoder(config: Config, series: Input, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads a series, `(steps, channels) -> [vector]`."""
    ((kind, config),) = config["series"].items()
    steps = keras.Input(series.shape, name="steps")
    x, direction = steps, "forward"
    match kind:
        case "dense":
            x = keras.layers.Dense(config["units"], activation="relu", kernel_initializer="he_normal")(
                keras.layers.Flatten()(steps)
            )
            return keras.Model(steps, [keras.layers.Dropout(config["dropout"])(x)], name=name)
        case "conv":
            return keras.Model(steps, [_convolved(x, config)], name=name)
    if "conv" in config:
        x = convolutions(x, **config["conv"])
    if "recurrent" in config:
        direction = config["recurrent"]["direction"]
        x, _ = recurrent_layers(x, **config["recurrent"])
    return keras.Model(steps, [pooled(x, config["pooling"], direction)], name=name)


def _convolved(x: Any, config: Config) -> Any:
    """Stack blocks of convolutions and make one vector of what they find."""
    if config["scaled"] == "by_series":  # each channel's steps of a row, which were scaled by channel before
        x = keras.layers.LayerNormalization(axis=1, epsilon=_LEAST_VARIANCE, center=False, scale=False)(x)
    ((blocks, its),) = config["blocks"].items()
    return pooled(_BLOCKS[blocks](x, **its), config["pooling"])
