"""Keras networks that a user's own loop trains: stored and predicted with as all others."""

from __future__ import annotations

import keras

from spaces.engines.contract import Fitted
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.scale import TargetScale
from spaces.inputs.prepared import Prepared
from spaces.rows.target import Target


class _KerasLoop:
    """Takes networks that a user's loop has trained."""

    def outputs(self, model: keras.Model, target: Target) -> int:
        return int(model.output_shape[-1])

    def begin(self, seed: int) -> None:
        keras.utils.set_random_seed(seed % 2**32)

    def fitted(
        self, model: keras.Model, prepared: Prepared, target: Target, *, scale: TargetScale, engine: str
    ) -> Fitted:
        return KerasFitted(model, prepared, prepared.widths, target.kind, scale, {})


KERAS_LOOP = _KerasLoop()
