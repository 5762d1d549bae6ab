"""The builders of the families that are Keras networks."""

from __future__ import annotations

from typing import Any

import keras

from spaces.blocks import dense_block, regularizer, residual, widths
from spaces.heads import head
from spaces.signature import Signature
from spaces.space import Config


def build_dense(config: Config, signature: Signature) -> keras.Model:
    """Build the network of one configuration, uncompiled."""
    inputs = keras.Input(signature.input.shape, name="table")
    x: Any = inputs
    for units in widths(config["units"], config["depth"], config["shape"]):
        y = dense_block(
            x,
            units,
            activation=config["activation"],
            dropout=config["dropout"],
            batch_normalization=config["batch_normalization"],
            penalty=regularizer(config["penalty"]),
        )
        x = residual(x, y) if config["residual"] else y
    return keras.Model(inputs, head(x, signature.target), name="dense")
