"""The builders of networks for tables."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from spaces.engines.keras.device import TrainingArrays
from spaces.inputs.text.networks import text_encoder, text_inputs
from spaces.inputs.text.vocabulary import text_recipe
from spaces.language.space import Config
from spaces.layers.blocks import hidden, regularizer
from spaces.layers.each_column import Pieces
from spaces.layers.heads import activated, head, loss_for, member_heads, units_of
from spaces.layers.members import Members
from spaces.rows.signature import Signature


def build_dense(config: Config, signature: Signature, *, numbers: int = 0) -> keras.Model:
    """Build the network of one configuration, uncompiled.

    Args:
        config: The configuration.
        signature: The task's.
        numbers: How many columns are numbers, which come first.
    """
    assert signature.table is not None
    inputs = keras.Input(signature.table.shape, name="table")
    members = config.get("members", 1)
    read, vectors = _columns(inputs, config, numbers=numbers)
    read = Members(members, **vectors)(read) if members > 1 else read
    x = hidden(read, config, regularizer(config["penalty"]), shortcuts=config["residual"])
    outputs = member_heads(x, signature.target, members) if members > 1 else head(x, signature.target)
    return keras.Model(inputs, outputs, name="dense")


def start_from_rows(model: keras.Model, train: TrainingArrays, seed: int) -> None:
    """Let the pieces in which numbers are read be those of training rows.

    Args:
        model: The network.
        train: Its training rows.
        seed: Of no use here.
    """
    for layer in model.layers:
        if isinstance(layer, Pieces):
            layer.begin(np.asarray(train.x)[:, : layer.numbers])


def _columns(inputs: Any, config: Config, *, numbers: int) -> tuple[Any, dict[str, int]]:
    """Return what the first layer reads, and how many vectors of which length come first: those of numbers, if any."""
    match config.get("scaling"):
        case {"embedded": {"pieces": pieces, "units": units}}:
            return Pieces(pieces, units, numbers=numbers)(inputs), {"vectors": numbers, "units": units}
    return inputs, {}


def build_wide_and_deep(config: Config, signature: Signature) -> keras.Model:
    """Build and compile a linear model and a network whose outputs add up, trained together.

    The linear part sees every column, crosses included, and the n-grams of texts, and is kept sparse by FTRL with an L1
    penalty; the deep part sees all but the crosses, and embedded words. Cheng et al., "Wide & deep learning for
    recommender systems", DLRS 2016.
    """
    assert signature.table is not None
    inputs = [keras.Input(signature.table.shape, name="table")]
    columns = [inputs[0][:, config["crosses"] :] if config["crosses"] else inputs[0]]
    outputs = units_of(signature.target)
    linear = [keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros", name="wide")(inputs[0])]
    for i, _ in enumerate(signature.texts):
        bag = text_recipe({"text": config["wide_text"]})
        ids, weights = text_inputs(bag, f"bag_{i}")
        rows = keras.layers.Embedding(bag.vocabulary + 1, outputs, embeddings_initializer="zeros", name=f"wide_{i}")
        linear.append(keras.layers.Dot(axes=(1, 1))([rows(ids), weights]))
        inputs += [ids, weights]
    for i, text in enumerate(signature.texts):
        words = text_inputs(text_recipe(config), f"words_{i}")
        vector, *_ = text_encoder(config, text, signature, name=f"text_{i}")(words[0])
        columns.append(vector)
        inputs += words
    x = hidden(keras.layers.Concatenate()(columns) if signature.texts else columns[0], config)
    deep = keras.layers.Dense(outputs, name="deep")(x)
    total = activated(keras.layers.Add()([*linear, deep]), signature.target)
    model = keras.Model(tuple(inputs) if signature.texts else inputs[0], total, name="wide_and_deep")
    ftrl = keras.optimizers.Ftrl(config["wide"]["learning_rate"], l1_regularization_strength=config["wide"]["l1"])
    adamw = keras.optimizers.AdamW(config["deep"]["learning_rate"], weight_decay=config["deep"]["weight_decay"])
    both = keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(adamw, {"wide(_.*)?/.*": ftrl}))
    model.compile(optimizer=both, loss=loss_for(signature.target, outputs))
    return model
