"""The branches of networks that read images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras

from spaces.language.space import Config
from spaces.layers.blocks import each_layer
from spaces.rows.signature import Input, Signature

_SMALLEST = 4  # pixels: below, nothing is halved any more
_WIDEST = 512
_MOMENTUM = 0.9  # of batch statistics: a study's trainings are too short for 0.99


def image_encoder(config: Config, image: Input, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads an image, `(height, width, channels) -> [vector]`: whole numbers from 0 to 255."""
    ((kind, config),) = config["image"].items()
    pixels = keras.Input(image.shape, dtype=image.dtype, name="pixels")
    x = keras.layers.Rescaling(1 / 255)(pixels) if image.dtype == "uint8" else pixels
    x = augmented(x, config["augmentation"])
    x = _BODIES[kind](x, config)
    x = keras.layers.Flatten()(x) if config["pooling"] == "flatten" else keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, [keras.layers.Dropout(config["dropout"])(x)], name=name)


def augmented(x: Any, config: Config) -> Any:
    """Move images at random while training, as the config's `{"none" | "random": ...}` says."""
    match config:
        case {"random": settings}:
            if settings["flip"]:
                x = keras.layers.RandomFlip("horizontal")(x)
            shift, turn, zoom = settings["shift"], settings["rotation"], settings["zoom"]
            x = keras.layers.RandomTranslation(shift, shift)(x) if shift else x
            x = keras.layers.RandomRotation(turn)(x) if turn else x
            x = keras.layers.RandomZoom((-zoom, zoom))(x) if zoom else x
    return x


def _plain(x: Any, config: Config) -> Any:
    """Stack 3 x 3 convolutions, more of them the smaller the image has become.

    The largest values are pooled before they are normalised: a quarter is left to do, and a block takes half its time.
    """
    for i, its in enumerate(each_layer(config, config["depth"])):
        for k in range(its["convolutions"]):
            last, large = k + 1 == its["convolutions"], min(x.shape[1:3]) >= _SMALLEST
            halved = its["downsampling"] if last and large else ""
            x = keras.layers.Conv2D(
                _filters(config, i),
                3,
                strides=2 if halved == "strides" else 1,
                padding=its["padding"] if large else "same",
                use_bias=not its["batch_normalization"],
            )(x)
            if halved == "pooling" and min(x.shape[1:3]) >= _SMALLEST:
                x = keras.layers.MaxPooling2D(2)(x)
            if its["batch_normalization"]:
                x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)
            x = keras.layers.Activation("relu")(x)
    return x


def _separable(x: Any, config: Config) -> Any:
    """Stack depthwise separable blocks with shortcuts (Chollet, "Xception", CVPR 2017, in small)."""
    return _with_shortcuts(x, config, keras.layers.SeparableConv2D, wider=1)


def _residual(x: Any, config: Config) -> Any:
    """Stack pairs of convolutions with a shortcut around each (He et al., CVPR 2016)."""
    return _with_shortcuts(x, config, keras.layers.Conv2D, wider=0)


def _with_shortcuts(x: Any, config: Config, layer: Callable[..., Any], *, wider: int) -> Any:
    """Stack pairs of layers with a shortcut around each, behind a plain convolution; `wider` blocks ahead of it."""
    x = _normalised(keras.layers.Conv2D(_filters(config, 0), 3, padding="same", use_bias=False)(x))
    for i in range(config["depth"]):
        before = x
        for _ in range(2):
            x = _normalised(layer(_filters(config, i + wider), 3, padding="same", use_bias=False)(x))
        x = _added(before, x)
    return x


def _inception(x: Any, config: Config) -> Any:
    """Stack blocks of parallel branches that begin with 1 x 1 convolutions (Szegedy et al., CVPR 2015)."""
    for i in range(config["depth"]):
        quarter = max(2, _filters(config, i) // 4)

        def convolution(x: Any, size: int, filters: int = quarter) -> Any:
            return _normalised(keras.layers.Conv2D(filters, size, padding="same", use_bias=False)(x))

        averaged = keras.layers.AveragePooling2D(3, strides=1, padding="same")(x)
        twice = convolution(convolution(convolution(x, 1), 3), 3)
        x = keras.layers.Concatenate()(
            [convolution(x, 1), convolution(convolution(x, 1), 3), twice, convolution(averaged, 1)]
        )
        if min(x.shape[1:3]) >= _SMALLEST:
            x = keras.layers.MaxPooling2D(2)(x)
    return x


_BODIES: dict[str, Callable[[Any, Config], Any]] = {
    "conv": _plain,
    "separable": _separable,
    "residual": _residual,
    "inception": _inception,
}


def _filters(config: Config, block: int) -> int:
    """Return the filters of a block: the config's number for it, or twice those of the block before, up to a limit."""
    if isinstance(each := config["filters"], Mapping):
        return int(each[str(min(block + 1, len(each)))])
    return min(_WIDEST, int(each) << block)


def _normalised(x: Any) -> Any:
    return keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=_MOMENTUM)(x))


def _added(before: Any, x: Any) -> Any:
    """Halve an image and add a shortcut to it: a linear 1 x 1 convolution, as widths differ.

    The shortcut is halved by averaging, not by strides: TensorFlow 2.21 corrupts its memory when it trains a strided
    1 x 1 convolution on several threads of a CPU (oneDNN; plain `fit` dies too). And averages leave no pixel out.
    """
    if min(x.shape[1:3]) >= _SMALLEST:
        x = keras.layers.MaxPooling2D(2, padding="same")(x)
        before = keras.layers.AveragePooling2D(2, padding="same")(before)
    shortcut = keras.layers.Conv2D(x.shape[-1], 1, use_bias=False)(before)
    return keras.layers.Add()([shortcut, x])
