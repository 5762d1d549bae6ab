"""A layer class of ours: a model that is trained as it predicts, registered so that Keras can load it."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable("spaces")
class AtRest(keras.layers.Layer):
    """Runs a model as if it predicted, also while its weights are trained: batch statistics stay, no dropout acts.

    Inside a functional model that is trained, Keras 3.15 overrides the False of `model(x, training=False)`.

    Args:
        model: The model.
        settings: Those of every layer.
    """

    def __init__(self, model: keras.Model, **settings: Any) -> None:
        super().__init__(**settings)
        self.model = model

    def call(self, inputs: Any) -> Any:
        """Return what the model predicts."""
        return self.model(inputs, training=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of what the model predicts."""
        return self.model.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` reads."""
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AtRest:
        """Make the layer of what `get_config` returned."""
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})
