"""The builders of the networks that read texts: a branch for each input, a trunk, a head."""

from __future__ import annotations

from typing import Any

import keras

from spaces.blocks import convolutions, pooled, recurrent_layers
from spaces.heads import head
from spaces.inputs import text_recipe
from spaces.networks import hidden
from spaces.signature import Signature
from spaces.space import Config
from spaces.texts import FIRST_TERM, Bag, TextRecipe, Tokens, Vocabulary
from spaces.vectors import Vectors

_FROM_VECTORS = "vectors"
_CHARACTER_UNITS = 32


def build_functional(config: Config, signature: Signature) -> keras.Model:
    """Build a network with a branch for each input: one for the table, one for each text, all of the same kind."""
    inputs, vectors, states = _table(config, signature)
    ((kind, settings),) = config["text"].items()
    for place in range(len(signature.texts)):
        read = text_inputs(text_recipe(config), f"text_{place}")
        vector, sequence = encoder(kind, settings, signature, f"branch_{place}")(read)
        inputs, vectors, states = [*inputs, *read], [*vectors, vector], [*states, sequence]
    ((how, its),) = settings.get("merge", {"concatenate": {}}).items()
    merged = merge(how, vectors, states, **its)
    return _model(inputs, head(hidden(merged, config), signature.target))


def build_siamese(config: Config, signature: Signature) -> keras.Model:
    """Build a network that reads two texts with one branch and compares what it makes of them.

    Bromley et al., "Signature verification using a siamese time delay neural network", NIPS 1993.
    """
    inputs, vectors, _ = _table(config, signature)
    ((kind, settings),) = config["text"].items()
    recipe = text_recipe(config)
    left, right = text_inputs(recipe, "left"), text_inputs(recipe, "right")
    shared = encoder(kind, settings, signature, "branch")
    compared = compare(config["comparison"], shared(left)[0], shared(right)[0])
    merged = merge("concatenate", [*vectors, compared], [])
    return _model([*inputs, *left, *right], head(hidden(merged, config), signature.target))


def text_inputs(recipe: TextRecipe, name: str) -> list[Any]:
    """Return the inputs of one text: ids, and weights beside them where the text is a bag of n-grams."""
    if isinstance(recipe, Bag):
        ids = keras.Input((recipe.most,), dtype="int32", name=f"{name}_ids")
        return [ids, keras.Input((recipe.most,), dtype="float32", name=f"{name}_weights")]
    return [keras.Input((recipe.length,), dtype="int32", name=name)]


def encoder(kind: str, config: Config, signature: Signature, name: str) -> keras.Model:
    """Build the branch that reads a text: `inputs -> (vector, states)`, the states one a step, `(rows, steps, units)`.

    A bag of n-grams has no steps: its states are the vector, as a single step.
    """
    recipe = text_recipe({"text": {kind: config}})
    inputs = text_inputs(recipe, "text")
    if isinstance(recipe, Bag):
        # A dense layer over a matrix that is nearly all zeros is a weighted sum of rows of its kernel.
        rows = keras.layers.Embedding(recipe.vocabulary + 1, config["units"], embeddings_initializer="he_normal")
        vector = keras.layers.Dot(axes=(1, 1))([rows(inputs[0]), inputs[1]])
        vector = keras.layers.Dropout(config["dropout"])(keras.layers.Activation("relu")(vector))
        return keras.Model(inputs, (vector, keras.layers.Reshape((1, config["units"]))(vector)), name=name)
    averaged = kind == "embedding" and config["pooling"] == "average"  # of the words alone, without padding
    masking = averaged or config.get("recurrent", {}).get("masking", False)
    embedded = _embedding(config["embedding"], recipe, signature, mask_zero=masking)(inputs[0])
    if config["embedding"].get("positions"):  # counted from the first step, padding included: the last are the latest
        places = keras.ops.cumsum(keras.ops.ones_like(inputs[0]), axis=1) - 1
        embedded = keras.layers.Add()([embedded, keras.layers.Embedding(recipe.length, embedded.shape[-1])(places)])
    x = keras.layers.SpatialDropout1D(config["embedding"]["dropout"])(embedded)
    if "conv" in config:
        x = convolutions(x, **config["conv"])
    direction = "forward"
    if "recurrent" in config:
        direction = config["recurrent"]["direction"]
        layers = {key: value for key, value in config["recurrent"].items() if key != "masking"}
        x = recurrent_layers(x, **layers)[:, :]  # slicing ends the mask: what follows sees every step
    return keras.Model(inputs, (pooled(x, config["pooling"], direction), x[:, :]), name=name)


def start_from_vectors(model: keras.Model, vocabulary: Vocabulary, vectors: Vectors) -> None:
    """Give the words of a vocabulary their vectors, in the layers that begin with them; others stay as drawn."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            start_from_vectors(layer, vocabulary, vectors)
        elif layer.name == _FROM_VECTORS:
            layer.embeddings.assign(vectors.fill(layer.embeddings.numpy(), vocabulary.terms, FIRST_TERM))


def merge(how: str, vectors: list[Any], states: list[Any], *, hops: int = 1) -> Any:
    """Make one vector of several: side by side, their sum or product after a linear layer, or by attention.

    With attention, each text's vector asks every other text's steps, and the answers stand beside the vectors. With
    several hops, what was answered becomes part of the next question, as when one fact leads to another (Sukhbaatar
    et al., "End-to-end memory networks", NIPS 2015).
    """
    if len(vectors) == 1:
        return vectors[0]
    if how == "attention":
        answers = []
        for i, query in enumerate(vectors[-len(states) :]):
            for steps in (*states[:i], *states[i + 1 :]):
                asked = query
                for hop in range(hops):
                    answers.append(_attend(asked, steps))
                    if hop + 1 < hops:
                        asked = keras.layers.Dense(query.shape[-1])(keras.layers.Concatenate()([asked, answers[-1]]))
        return keras.layers.Concatenate()([*vectors, *answers])
    if how == "concatenate":
        return keras.layers.Concatenate()(vectors)
    width = max(vector.shape[-1] for vector in vectors)
    alike = [keras.layers.Dense(width)(vector) for vector in vectors]
    return keras.layers.Add()(alike) if how == "add" else keras.layers.Multiply()(alike)


def compare(how: str, left: Any, right: Any) -> Any:
    """Compare two vectors: their distances alone, difference and product by element, or these and both vectors."""
    difference, product = keras.ops.absolute(left - right), left * right
    match how:
        case "distance":
            cosine = keras.layers.Dot(axes=-1, normalize=True)([left, right])
            return keras.layers.Concatenate()([cosine, keras.ops.mean(difference, axis=-1, keepdims=True)])
        case "difference_and_product":
            return keras.layers.Concatenate()([difference, product])
    return keras.layers.Concatenate()([left, right, difference, product])


def _embedding(config: Config, recipe: Tokens, signature: Signature, *, mask_zero: bool) -> keras.layers.Layer:
    rows = recipe.vocabulary + FIRST_TERM
    match config:
        case {"from": {"vectors": {"trainable": trainable}}} if recipe.unit == "word":
            (vectors,) = {id(one.vectors): one.vectors for one in signature.texts}.values()
            assert vectors is not None
            # As far apart as the vectors are, so that an unknown word is not the loudest.
            drawn = keras.initializers.RandomNormal(stddev=float(vectors.matrix.std()))
            return keras.layers.Embedding(
                rows, vectors.width, drawn, trainable=trainable, mask_zero=mask_zero, name=_FROM_VECTORS
            )
        case {"from": {"vectors": _}}:  # characters have none
            return keras.layers.Embedding(rows, _CHARACTER_UNITS, mask_zero=mask_zero)
        case {"from": {"learned": {"units": units}}} | {"units": units}:
            return keras.layers.Embedding(rows, units, mask_zero=mask_zero)
    raise ValueError(f"embedding: {config!r}")


def _attend(query: Any, steps: Any) -> Any:
    """Return the mean of steps, weighted by how well each fits the query (Luong et al., EMNLP 2015)."""
    if steps.shape[1] == 1:
        return keras.layers.Flatten()(steps)
    asked = keras.layers.Dense(steps.shape[-1])(query)
    weights = keras.layers.Softmax()(keras.layers.Dot(axes=(2, 1))([steps, asked]))
    return keras.layers.Dot(axes=(1, 1))([steps, weights])


def _table(config: Config, signature: Signature) -> tuple[list[Any], list[Any], list[Any]]:
    """Return inputs, vectors and states so far: of the table, where there is one."""
    if signature.table is None:
        return [], [], []
    table = keras.Input(signature.table.shape, name="table")
    return [table], [hidden(table, {**config, **config["table"]})], []


def _model(inputs: list[Any], outputs: Any) -> keras.Model:
    return keras.Model(tuple(inputs) if len(inputs) > 1 else inputs[0], outputs)
