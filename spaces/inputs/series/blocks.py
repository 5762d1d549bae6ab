"""Blocks of one-dimensional convolutions with batch normalisation and shortcuts."""

from __future__ import annotations

from typing import Any

import keras

_MOMENTUM = 0.9  # of batch statistics: a study's trainings are too short for 0.99
_EVERY = 3  # inception blocks between two shortcuts


def residual_blocks(x: Any, *, filters: int, kernel_size: int, depth: int, dropout: float) -> Any:
    """Stack blocks of three convolutions with a shortcut around each; from the second on they are twice as wide.

    Wang, Yan, Oates, "Time series classification from scratch with deep neural networks", IJCNN 2017, in small. The
    shortcut is a 1 x 1 convolution, without strides: TensorFlow 2.21 corrupts its memory when it trains a strided one.
    """
    for i in range(depth):
        before, width = x, filters if i == 0 else 2 * filters
        for k, size in enumerate((kernel_size, kernel_size * 5 // 8, kernel_size * 3 // 8)):
            x = _normalised(_convolution(x, width, max(1, size)))
            x = keras.layers.Activation("relu")(x) if k < 2 else x
        x = _shortcut(before, x)
    return keras.layers.Dropout(dropout)(x)


def inception_blocks(x: Any, *, filters: int, kernel_size: int, depth: int, dropout: float) -> Any:
    """Stack blocks of parallel convolutions, long, half and quarter, and of pooling, with shortcuts around three.

    Fawaz et al., "InceptionTime: finding AlexNet for time series classification", 2020.
    """
    before = x
    for i in range(depth):
        narrow = _convolution(x, filters, 1) if x.shape[-1] > 1 else x
        parallel = [_convolution(narrow, filters, max(1, kernel_size // part)) for part in (1, 2, 4)]
        highest = _convolution(keras.layers.MaxPooling1D(3, strides=1, padding="same")(x), filters, 1)
        x = _normalised(keras.layers.Concatenate()([*parallel, highest]))
        if (i + 1) % _EVERY == 0:
            x = before = _shortcut(before, x)
        else:
            x = keras.layers.Activation("relu")(x)
    return keras.layers.Dropout(dropout)(x)


def _convolution(x: Any, filters: int, size: int) -> Any:
    return keras.layers.Conv1D(filters, size, padding="same", use_bias=False)(x)


def _normalised(x: Any) -> Any:
    return keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)


def _shortcut(before: Any, x: Any) -> Any:
    """Add a block's input to its output."""
    both = keras.layers.Add()([_normalised(_convolution(before, x.shape[-1], 1)), x])
    return keras.layers.Activation("relu")(both)
