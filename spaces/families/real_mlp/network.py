"""The builder of RealMLP.

Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data",
NeurIPS 2024. Labels are not smoothed, as this helps accuracy and hurts log loss.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from spaces.engines.keras.compiling import optimizer
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.prediction import predict
from spaces.engines.keras.schedules import with_fading_decay
from spaces.engines.readings import embedding_of
from spaces.language.optional import chosen
from spaces.language.space import Config
from spaces.layers.each_column import CategoryVectors, Periodic
from spaces.layers.heads import activated, loss_for, units_of
from spaces.layers.rated import ROWS, BlendedActivation, FrontScale, RatedDense
from spaces.layers.while_training import FadingDropout, WithinRange
from spaces.rows.signature import Signature

_MISSING_OR_UNSEEN = 2  # beside the categories of a column
_ROWS = 2_000


def build_real_mlp(config: Config, signature: Signature, *, numbers: int) -> keras.Model:
    """Build and compile the network of one configuration.

    Args:
        config: The configuration.
        signature: The task's, of a single target.
        numbers: How many columns are numbers. They stand behind columns of categories that are embedded, and before
            all others.
    """
    assert signature.table is not None
    target, outputs = signature.target, units_of(signature.target)
    inputs = keras.Input(signature.table.shape, name="table")
    x = _columns(inputs, config, signature, numbers=numbers)
    if factor := chosen(config["front_scale"]):
        x = FrontScale(factor)(x)
    plain = {} if config["parametrisation"] == "ntk" else {"divisor": config["units"]}
    for layer in range(config["depth"]):
        rate = 1.0 if layer else config["first_rate"]
        x = RatedDense(config["units"], rate=rate, start=config["start"], **plain)(x)
        activation = BlendedActivation if config["blended"] else keras.layers.Activation
        x = activation(config["activation"])(x)
        if dropped := chosen(config["dropout"]):
            x = FadingDropout(dropped)(x)
    last = RatedDense(outputs, start=ROWS if config["start"] == ROWS else "zeros", **plain)(x)
    said = activated(last, target)
    if target.kind == "regression" and config["clipping"]:
        said = WithinRange()(said)
    model = keras.Model(inputs, said, name="real_mlp")
    model.compile(optimizer=with_fading_decay(optimizer(config)), loss=loss_for(target, outputs))
    return model


def start_from_rows(model: keras.Model, train: TrainingArrays, seed: int) -> None:
    """Let weights begin as training rows ask for, and predictions stay within the range of their targets.

    Args:
        model: The network.
        train: Its training rows, of which some are looked at.
        seed: Picks them.
    """
    draw = np.random.default_rng(seed)
    picked = draw.permutation(len(train.y))[:_ROWS]
    for layer in model.layers:
        if isinstance(layer, RatedDense) and layer.start == ROWS:
            layer.start_from(predict(keras.Model(model.inputs, layer.input), np.asarray(train.x)[picked]), draw)
        elif isinstance(layer, WithinRange):
            layer.limit(float(train.y.min()), float(train.y.max()))


def _columns(inputs: Any, config: Config, signature: Signature, *, numbers: int) -> Any:
    """Return what the first layer reads: vectors of categories, waves of numbers, and all other columns."""
    embedding = embedding_of(config)
    sizes = [size + _MISSING_OR_UNSEEN for size in signature.cardinalities if size > embedding.get("above", size)]
    codes, end = len(sizes), len(sizes) + numbers
    columns = [inputs[:, codes:] if codes else inputs]
    match config.get("periodic"):
        case {"pbld": pbld}:
            waves = Periodic(pbld["frequencies"], units=pbld["units"], sigma=pbld["sigma"], rate=pbld["rate"])
            columns = [waves(inputs[:, codes:end]), *([inputs[:, end:]] if inputs.shape[-1] > end else [])]
    if sizes:
        columns.append(CategoryVectors(sizes, embedding["units"])(inputs[:, :codes]))
    return keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
