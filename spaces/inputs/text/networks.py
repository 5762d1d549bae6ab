"""The branches of networks that read texts."""

from __future__ import annotations

from typing import Any

import keras

from spaces.inputs.text.vectors import Vectors
from spaces.inputs.text.vocabulary import FIRST_TERM, Bag, TextRecipe, Tokens, Vocabulary, text_recipe
from spaces.language.space import Config
from spaces.layers.blocks import convolutions, pooled, recurrent_layers
from spaces.rows.signature import Input, Signature

_FROM_VECTORS = "vectors"


def text_inputs(recipe: TextRecipe, name: str) -> list[Any]:
    """Return the inputs of one text: ids, and weights beside them where the text is a bag of n-grams."""
    if isinstance(recipe, Bag):
        ids = keras.Input((recipe.most,), dtype="int32", name=f"{name}_ids")
        return [ids, keras.Input((recipe.most,), dtype="float32", name=f"{name}_weights")]
    return [keras.Input((recipe.length,), dtype="int32", name=name)]


def text_encoder(config: Config, text: Input, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads a text: `inputs -> (vector, states)`, the states one a step, `(rows, steps, units)`.

    A bag of n-grams has no steps: its states are the vector, as a single step. Where padding is left out, a third
    output `(rows, steps)` says which states count. Convolutions read padding, and so does what reads their steps.
    """
    recipe = text_recipe(config)
    ((kind, config),) = config["text"].items()
    inputs = text_inputs(recipe, "text")
    if isinstance(recipe, Bag):
        # A dense layer over a matrix that is nearly all zeros is a weighted sum of rows of its kernel.
        rows = keras.layers.Embedding(recipe.vocabulary + 1, config["units"], embeddings_initializer="he_normal")
        vector = keras.layers.Dot(axes=(1, 1))([rows(inputs[0]), inputs[1]])
        vector = keras.layers.Dropout(config["dropout"])(keras.layers.Activation("relu")(vector))
        return keras.Model(inputs, (vector, keras.layers.Reshape((1, config["units"]))(vector)), name=name)
    ((_, of_unit),) = config["unit"].items()
    embedded = _embedding({**of_unit, **config["embedding"]}, recipe, signature)(inputs[0])
    if config["embedding"].get("positions"):  # counted from the first step, padding included: the last are the latest
        places = keras.ops.cumsum(keras.ops.ones_like(inputs[0]), axis=1) - 1
        embedded = keras.layers.Add()([embedded, keras.layers.Embedding(recipe.length, embedded.shape[-1])(places)])
    x = keras.layers.SpatialDropout1D(config["embedding"]["dropout"])(embedded)
    if "conv" in config:
        x = convolutions(x, **config["conv"])
    masking = kind == "embedding" or config.get("recurrent", {}).get("masking", False)
    mask = _words(inputs[0]) if masking else None
    direction = "forward"
    if "recurrent" in config:
        direction = config["recurrent"]["direction"]
        layers = {key: value for key, value in config["recurrent"].items() if key != "masking"}
        x, mask = recurrent_layers(x, **layers, mask=mask)
    vector = pooled(x, config["pooling"], direction, mask=mask)
    return keras.Model(inputs, (vector, x) if mask is None else (vector, x, mask), name=name)


def _words(ids: Any) -> Any:
    """Return which steps are words, `(rows, steps)`; the last one counts also in a text without any."""
    words = keras.ops.not_equal(ids, 0)
    return keras.ops.concatenate([words[:, :-1], keras.ops.ones_like(words[:, -1:])], axis=1)


def start_from_vectors(model: keras.Model, vocabulary: Vocabulary, vectors: Vectors) -> None:
    """Give the words of a vocabulary their vectors, in the layers that begin with them; others stay as drawn."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            start_from_vectors(layer, vocabulary, vectors)
        elif layer.name == _FROM_VECTORS:
            layer.embeddings.assign(vectors.fill(layer.embeddings.numpy(), vocabulary.terms, FIRST_TERM))


def _embedding(config: Config, recipe: Tokens, signature: Signature) -> keras.layers.Layer:
    rows = recipe.vocabulary + FIRST_TERM
    match config:
        case {"from": {"vectors": {"trainable": trainable, "unknown": unknown}}}:
            (vectors,) = {id(one.details.vectors): one.details.vectors for one in signature.texts}.values()
            assert vectors is not None
            # As far apart as the vectors are, so that an unknown word is not the loudest.
            drawn = keras.initializers.RandomNormal(stddev=float(vectors.matrix.std()))
            if unknown not in ("drawn", "zeros"):
                raise ValueError(f"unknown must be drawn or zeros, got {unknown!r}")
            begin = drawn if unknown == "drawn" else "zeros"
            return keras.layers.Embedding(rows, vectors.width, begin, trainable=trainable, name=_FROM_VECTORS)
        case {"from": {"learned": {"units": units}}} | {"units": units}:
            return keras.layers.Embedding(rows, units)
    raise ValueError(f"embedding: {config!r}")
