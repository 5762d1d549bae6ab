"""The builders of networks that read sequences step by step."""

from __future__ import annotations

from typing import Any

import keras

from spaces.families.sequences.windows import FIRST_CATEGORY
from spaces.inputs.text.networks import text_encoder, text_inputs
from spaces.inputs.text.vocabulary import text_recipe
from spaces.language.space import Config
from spaces.layers.blocks import CELLS, each_layer, residual
from spaces.layers.heads import head
from spaces.rows.signature import Signature


def build_steps(config: Config, signature: Signature, width: int) -> keras.Model:
    """Build a network over windows: categories embedded, numbers beside, recurrent or convolutional layers, a head.

    Where `config["direction"]` is `"forward"`, what is said of a step depends on it and on those before it alone.
    """
    inputs, x = _steps(config, signature, width)
    ((kind, layers),) = config["layers"].items()
    x = _recurrent(x, config, layers) if kind == "recurrent" else _convolutional(x, config, layers)
    x = keras.layers.Dropout(config["dropout"])(x)
    return keras.Model(tuple(inputs) if len(inputs) > 1 else inputs[0], head(x, signature.target))


def build_seq2seq(config: Config, signature: Signature, width: int) -> keras.Model:
    """Build an encoder that reads a text and a decoder that begins in its state and may look back at it at every step.

    Sutskever et al., "Sequence to sequence learning with neural networks", NIPS 2014; attention after Luong et al.,
    "Effective approaches to attention-based neural machine translation", EMNLP 2015.
    """
    source = text_inputs(text_recipe(config), "source")
    vector, states = text_encoder(config, signature.texts[0], signature, name="encoder")(source)
    inputs, x = _steps(config, signature, width)
    decoder = config["decoder"]
    for i in range(decoder["depth"]):
        begin = keras.layers.Dense(decoder["units"], activation="tanh")(vector)
        state = [begin, keras.ops.zeros_like(begin)] if decoder["cell"] == "lstm" else [begin]
        dropout = config["dropout"] if i else 0.0
        layer = CELLS[decoder["cell"]](decoder["units"], return_sequences=True, dropout=dropout)
        x = layer(x, initial_state=state)
    if config["attention"]:
        known = keras.layers.Dense(decoder["units"])(states)
        found = keras.layers.Attention(use_scale=True)([x, known])
        x = keras.layers.Dense(decoder["units"], activation="tanh")(keras.layers.Concatenate()([x, found]))
    x = keras.layers.Dropout(config["dropout"])(x)
    return keras.Model((*source, *inputs), head(x, signature.target))


def _steps(config: Config, signature: Signature, width: int) -> tuple[list[Any], Any]:
    """Return inputs, and what is known of each step: categories embedded, numbers beside them."""
    inputs, parts = [], []
    length = config["length"]
    if signature.cardinalities:
        codes = keras.Input((length, len(signature.cardinalities)), dtype="int32", name="codes")
        inputs.append(codes)
        for i, size in enumerate(signature.cardinalities):
            parts.append(keras.layers.Embedding(size + FIRST_CATEGORY, config["embedding"])(codes[:, :, i]))
    if width:
        numbers = keras.Input((length, width), name="numbers")
        inputs.append(numbers)
        parts.append(numbers)
    return inputs, keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]


def _recurrent(x: Any, config: Config, layers: Config) -> Any:
    for i, its in enumerate(each_layer(layers, layers["depth"])):
        layer = CELLS[its["cell"]](
            its["units"],
            return_sequences=True,
            dropout=config["dropout"] if i else 0.0,
            recurrent_dropout=its["recurrent_dropout"],
        )
        y = (keras.layers.Bidirectional(layer) if config["direction"] == "both" else layer)(x)
        x = residual(x, y) if layers["residual"] else y
    return x


def _convolutional(x: Any, config: Config, layers: Config) -> Any:
    """Stack convolutions, each looking twice as far as the one before (van den Oord et al., "WaveNet", 2016)."""
    padding = "same" if config["direction"] == "both" else "causal"
    for i, its in enumerate(each_layer(layers, layers["depth"])):
        y = keras.layers.Conv1D(
            its["filters"], its["kernel_size"], padding=padding, dilation_rate=2**i, activation="relu"
        )(x)
        y = keras.layers.Dropout(config["dropout"])(y)
        x = residual(x, y) if layers["residual"] else y
    return x
