"""The branch that reads a cloud: what is found in any of its points, whatever their order (Zaheer et al., 2017)."""

from __future__ import annotations

from typing import Any

import keras

from spaces import Input, Signature


def cloud_encoder(config: Any, cloud: Input, signature: Signature, *, name: str) -> keras.Model:
    ((_, settings),) = config["cloud"].items()
    points = keras.Input(cloud.shape, name="points")
    x = keras.layers.Dense(settings["units"], activation="relu")(points)
    return keras.Model(points, [keras.layers.GlobalMaxPooling1D()(x)], name=name)
