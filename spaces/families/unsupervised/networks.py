"""Builders of networks that learn rows themselves: autoencoders, variational ones, and adversarial pairs.

An autoencoder's output is how far each row is from what it makes of it, so that training, held-out scores and saving
are those of every other network: the true value is zero, and the loss is what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from spaces.engines.keras.compiling import optimizer
from spaces.language.space import Config
from spaces.layers.blocks import widths
from spaces.layers.sampling import Sampling
from spaces.rows.signature import Input, Signature

CODE, DECODER = "code", "decoder"
_WIDEST = 256
_MOMENTUM = 0.9  # training takes some hundred steps
_TINY = 1e-8
_LARGEST = 10.0  # of the logarithm of a variance


def build_autoencoder(config: Config, signature: Signature) -> keras.Model:
    """Build what makes a code of each row and the row of its code; the output is the mean squared error, `(rows, 1)`.

    With noise, it is to restore rows from spoilt ones (Vincent et al., "Extracting and composing robust features with
    denoising autoencoders", ICML 2008).
    """
    one = signature.input
    rows = keras.Input(one.shape, dtype=one.dtype)
    true = _values(rows, one)
    spoilt = keras.layers.GaussianNoise(config["noise"])(true) if config["noise"] else true
    code = keras.layers.Dense(config["latent"], name=CODE)(_encoded(spoilt, config))
    predicted = _decoder(one, config, "sigmoid" if one.dtype == "uint8" else None)(code)
    error = ops.mean(ops.square(keras.layers.Flatten()(true - predicted)), axis=-1, keepdims=True)
    return _compiled(rows, error, config)


def build_variational(config: Config, signature: Signature) -> keras.Model:
    """Build a variational autoencoder, whose output is the negative evidence lower bound of each row, in nats.

    Pixels from 0 to 1 are taken for probabilities, other values for means of normal distributions of variance one, each
    of one draw of the code (Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014).
    """
    one = signature.input
    rows = keras.Input(one.shape, dtype=one.dtype)
    true = _values(rows, one)
    hidden = _encoded(true, config)
    mean = keras.layers.Dense(config["latent"], name=CODE)(hidden)
    log_variance = ops.clip(keras.layers.Dense(config["latent"])(hidden), -_LARGEST, _LARGEST)
    predicted = keras.layers.Flatten()(_decoder(one, config, None)(Sampling()([mean, log_variance])))
    flat = keras.layers.Flatten()(true)
    if one.dtype == "uint8":
        losses = ops.softplus(predicted) - flat * predicted  # cross entropy of logits
    else:
        losses = 0.5 * ops.square(flat - predicted) + 0.5 * math.log(2 * math.pi)
    divergence = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)
    bound = ops.sum(losses, axis=-1, keepdims=True) + ops.sum(divergence, axis=-1, keepdims=True)
    return _compiled(rows, bound, config)


def build_forecaster(config: Config, signature: Signature) -> keras.Model:
    """Build what tells a window's last steps from those before; the output is the mean squared error, `(rows, 1)`."""
    one = signature.input
    steps, channels = one.shape
    ahead = max(1, min(steps - 1, round(config["ahead"] * steps)))
    rows = keras.Input(one.shape)
    x = _encoded(rows[:, :-ahead], {"body": {"dense": config}})
    predicted = keras.layers.Dense(ahead * channels)(x)
    true = keras.layers.Flatten()(rows[:, -ahead:])
    return _compiled(rows, ops.mean(ops.square(true - predicted), axis=-1, keepdims=True), config)


def build_generator(config: Config, image: Input) -> keras.Model:
    """Build what makes an image of noise, numbers from 0 to 1.

    Batch normalization keeps it from making one image of all noise (Radford, Metz and Chintala, "Unsupervised
    representation learning with deep convolutional generative adversarial networks", ICLR 2016).
    """
    return _decoder(image, config, "sigmoid", activated=_normalized)


def build_discriminator(config: Config, image: Input) -> keras.Model:
    """Build what tells images that were made from real ones; the output is a logit, `(rows, 1)`.

    It sees how much the images of a batch differ, so that one image of all noise is told at once (Karras et al.,
    "Progressive growing of GANs", ICLR 2018): batches are to be all real or all made.
    """
    pixels = keras.Input(image.shape)
    x = pixels
    for filters in reversed(_filters(config)):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        x = keras.layers.Dropout(config["dropout"])(x)
    x = keras.layers.Flatten()(x)
    spread = ops.sqrt(ops.var(x, axis=0, keepdims=True) + _TINY)  # a root has no slope at zero, as of one image
    return keras.Model(
        pixels, keras.layers.Dense(1)(ops.concatenate([x, spread * ops.ones_like(x)], axis=1)), name="discriminator"
    )


def _compiled(rows: Any, output: Any, config: Config) -> keras.Model:
    model = keras.Model(rows, output)
    model.compile(optimizer=optimizer(config), loss=lambda true, predicted: ops.mean(predicted, axis=-1))
    return model


def _values(rows: Any, one: Input) -> Any:
    """Return numbers, of whole ones from 0 to 255 from 0 to 1."""
    return keras.layers.Rescaling(1 / 255)(rows) if one.dtype == "uint8" else rows


def _encoded(x: Any, config: Config) -> Any:
    """Return a vector of hidden units."""
    if "conv" in config["body"]:
        convolution = keras.layers.Conv2D if len(x.shape) == 4 else keras.layers.Conv1D
        for filters in reversed(_filters(config)):
            x = keras.layers.Activation("relu")(convolution(filters, 3, strides=2, padding="same")(x))
        return keras.layers.Flatten()(x)
    x = keras.layers.Flatten()(x)
    for units in _widths(config):
        x = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal")(x)
    return x


def _rectified(x: Any) -> Any:
    return keras.layers.Activation("relu")(x)


def _normalized(x: Any) -> Any:
    return keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _decoder(
    one: Input, config: Config, activation: str | None, *, activated: Callable[[Any], Any] = _rectified
) -> keras.Model:
    """Return a model from codes to rows.

    Args:
        one: The rows.
        config: The configuration.
        activation: Of the output.
        activated: What follows a convolution.
    """
    code = keras.Input((config["latent"],))
    if "conv" not in config["body"]:
        x = code
        for units in reversed(_widths(config)):
            x = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal")(x)
        x = keras.layers.Reshape(one.shape)(keras.layers.Dense(math.prod(one.shape), activation=activation)(x))
        return keras.Model(code, x, name=DECODER)
    filters, sizes, flat = _filters(config), one.shape[:-1], len(one.shape) == 2
    small = tuple(-(-size // 2 ** len(filters)) for size in sizes)
    x = keras.layers.Dense(math.prod(small) * filters[0])(code)
    x = activated(keras.layers.Reshape((*small, filters[0]))(x))
    larger = keras.layers.Conv1DTranspose if flat else keras.layers.Conv2DTranspose
    for count in filters:
        x = activated(larger(count, 4, strides=2, padding="same")(x))
    x = (keras.layers.Conv1D if flat else keras.layers.Conv2D)(one.shape[-1], 3, padding="same")(x)
    excess = [(0, made - size) for made, size in zip(x.shape[1:-1], sizes, strict=True)]
    if any(after for _, after in excess):
        x = keras.layers.Cropping1D(excess[0])(x) if flat else keras.layers.Cropping2D(tuple(excess))(x)
    return keras.Model(code, keras.layers.Activation(activation or "linear")(x), name=DECODER)


def _widths(config: Config) -> list[int]:
    """Return the widths of an encoder's dense layers."""
    settings = config["body"]["dense"]
    return widths(settings["units"], settings["depth"], "funnel")


def _filters(config: Config) -> list[int]:
    """Return the filters of a decoder's blocks: half as many each time the image doubles."""
    settings = config["body"]["conv"]
    depth = settings["depth"]
    return [min(_WIDEST, settings["filters"] << (depth - 1 - i)) for i in range(depth)]
