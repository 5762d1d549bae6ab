"""The branches of networks that read series."""

from __future__ import annotations

import keras

from spaces.language.space import Config
from spaces.layers.blocks import convolutions, pooled, recurrent_layers
from spaces.rows.signature import Input


def series_encoder(kind: str, config: Config, series: Input, name: str) -> keras.Model:
    """Build the branch that reads a series, `(steps, channels) -> [vector]`."""
    steps = keras.Input(series.shape, name="steps")
    if kind == "dense":
        x = keras.layers.Dense(config["units"], activation="relu", kernel_initializer="he_normal")(
            keras.layers.Flatten()(steps)
        )
        return keras.Model(steps, [keras.layers.Dropout(config["dropout"])(x)], name=name)
    x, direction = steps, "forward"
    if "conv" in config:
        x = convolutions(x, **config["conv"])
    if "recurrent" in config:
        direction = config["recurrent"]["direction"]
        x, _ = recurrent_layers(x, **config["recurrent"])
    return keras.Model(steps, [pooled(x, config["pooling"], direction)], name=name)
