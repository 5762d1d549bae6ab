"""What a network is made of, its inner networks included."""

from __future__ import annotations

from typing import Any

import keras


def layers(model: keras.Model) -> list[Any]:
    found = []
    for layer in model.layers:
        found += layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def names(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in layers(model)]
