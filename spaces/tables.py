"""The `dense` family: stacks of dense layers on a table."""

from __future__ import annotations

from typing import Any

import keras

from spaces.blocks import dense_block, regularizer, residual, widths
from spaces.heads import head
from spaces.leaves import Choice, Float, Int
from spaces.signature import Signature
from spaces.space import Config, Space


def dense_space(signature: Signature) -> Space:
    """Return the space: size and shape, regularisation, optimizer, schedule and batches.

    The batch size is capped so that an epoch has at least ten steps where rows allow.
    """
    largest = max(16, min(1024, signature.rows // 10))
    smallest = max(8, min(largest // 4, signature.rows // 500, 128))
    return {
        "scaling": Choice(["standard", "quantile"]),
        "depth": Int(1, 5, default=2),
        "units": Int(16, 512, log=True, default=128),
        "shape": Choice(["rectangle", "funnel"]),
        "residual": Choice([False, True]),
        "activation": Choice(["relu", "selu", "swish"]),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.6, default=0.1),
        "penalty": Choice(
            {
                "none": {},
                "l2": {"strength": Float(1e-7, 1e-2, log=True)},
                "l1": {"strength": Float(1e-7, 1e-3, log=True)},
                "l1_l2": {"l1": Float(1e-7, 1e-3, log=True), "l2": Float(1e-7, 1e-2, log=True)},
            }
        ),
        "optimizer": Choice(
            {
                "adam": {"learning_rate": Float(1e-4, 1e-2, log=True)},
                "adamw": {
                    "learning_rate": Float(1e-4, 1e-2, log=True),
                    "weight_decay": Float(1e-5, 1e-1, log=True),
                },
                "rmsprop": {"learning_rate": Float(1e-4, 1e-2, log=True)},
                "sgd": {
                    "learning_rate": Float(1e-3, 0.3, log=True),
                    "momentum": Float(0.0, 0.95, default=0.9),
                    "nesterov": Choice([True, False]),
                },
            }
        ),
        "schedule": Choice(["reduce_on_plateau", "cosine", "constant"]),
        "batch_size": Int(smallest, largest, log=True),
        "epochs": 100,
        "patience": 10,
    }


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
