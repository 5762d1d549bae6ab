"""The builders of networks for tables."""

from __future__ import annotations

import keras

from spaces.language.space import Config
from spaces.layers.blocks import hidden, regularizer
from spaces.layers.heads import activated, head, loss_for
from spaces.rows.signature import Signature


def build_dense(config: Config, signature: Signature) -> keras.Model:
    """Build the network of one configuration, uncompiled."""
    assert signature.table is not None
    inputs = keras.Input(signature.table.shape, name="table")
    x = hidden(inputs, config, regularizer(config["penalty"]), shortcuts=config["residual"])
    return keras.Model(inputs, head(x, signature.target), name="dense")


def build_wide_and_deep(config: Config, signature: Signature) -> keras.Model:
    """Build and compile a linear model and a network whose outputs add up, trained together.

    The linear part sees every column, crosses included, and is kept sparse by FTRL with an L1 penalty; the deep part
    sees all but the crosses. Cheng et al., "Wide & deep learning for recommender systems", DLRS 2016.
    """
    assert signature.table is not None
    inputs = keras.Input(signature.table.shape, name="table")
    x = hidden(inputs[:, config["crosses"] :] if config["crosses"] else inputs, config)
    outputs = 1 if signature.target.kind != "multiclass" else signature.target.outputs
    wide = keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros", name="wide")(inputs)
    deep = keras.layers.Dense(outputs, name="deep")(x)
    model = keras.Model(inputs, activated(keras.layers.Add()([wide, deep]), signature.target), name="wide_and_deep")
    ftrl = keras.optimizers.Ftrl(config["wide"]["learning_rate"], l1_regularization_strength=config["wide"]["l1"])
    adamw = keras.optimizers.AdamW(config["deep"]["learning_rate"], weight_decay=config["deep"]["weight_decay"])
    both = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(adamw, {"wide/.*": ftrl}))
    model.compile(optimizer=both, loss=loss_for(signature.target, outputs))
    return model
