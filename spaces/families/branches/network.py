"""The builders of networks with several inputs: a branch for each, a trunk, a head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras

from spaces.engines.engine import at
from spaces.inputs.apart import APART, settings_of
from spaces.inputs.kinds import kind_named
from spaces.language.space import Config
from spaces.layers.blocks import hidden_part
from spaces.layers.heads import head
from spaces.rows.signature import Input, Signature


def build_functional(config: Config, signature: Signature) -> keras.Model:
    """Build a network with a branch for each input, those of one kind alike unless they are set apart."""
    inputs: list[Any] = []
    vectors: list[Any] = []
    states: list[list[Any]] = []
    for i, one in enumerate(_read(signature, config)):
        branch = encoder(one, config, signature, name=f"branch_{i}")
        read = _inputs(branch, f"input_{i}")
        vector, *sequence = branch(_alone(read))
        inputs, vectors, states = [*inputs, *read], [*vectors, vector], [*states, *([sequence] if sequence else [])]
    # With texts, whether attention can be asked for depends on the branch that reads them.
    where = next(iter(config["text"].values())) if signature.texts and APART not in config else config
    ((how, its),) = where.get("merge", {"concatenate": {}}).items()
    merged = merge(how, vectors, states, **its)
    return _model(inputs, head(hidden_part(merged, config["depth"]), signature.target))


def build_siamese(config: Config, signature: Signature) -> keras.Model:
    """Build a network that reads two inputs with one branch and compares what it makes of them, beside other inputs.

    Bromley et al., "Signature verification using a siamese time delay neural network", NIPS 1993.
    """
    signature = replace(signature, inputs=_read(signature, config))
    assert signature.pair is not None
    shared = encoder(signature.pair[0], config, signature, name="branch")
    inputs: list[Any] = []
    vectors: list[Any] = []
    compared: list[Any] = []
    for i, one in enumerate(signature.inputs):
        twin = one in signature.pair
        branch = shared if twin else encoder(one, config, signature, name=f"branch_{i}")
        read = _inputs(branch, f"input_{i}")
        inputs += read
        (compared if twin else vectors).append(branch(_alone(read))[0])
    merged = merge("concatenate", [*vectors, compare(config["comparison"], *compared)], [])
    return _model(inputs, head(hidden_part(merged, config["depth"]), signature.target))


def encoder(one: Input, config: Config, signature: Signature, *, name: str) -> keras.Model:
    """Build the branch that reads an input, `inputs -> [vector]`, behind it the states that attention may ask."""
    branch: keras.Model = at(kind_named(one.kind).build)(settings_of(config, one), one, signature, name=name)
    return branch


def merge(how: str, vectors: list[Any], states: list[list[Any]], *, hops: int = 1) -> Any:
    """Make one vector of several: side by side, their sum or product after a linear layer, or by attention.

    With attention, each text's vector asks every other text's steps, and the answers stand beside the vectors. With
    several hops, what was answered becomes part of the next question, as when one fact leads to another (Sukhbaatar
    et al., "End-to-end memory networks", NIPS 2015). States are `[steps]`, or `[steps, mask]` where some do not count.
    """
    if len(vectors) == 1:
        return vectors[0]
    if how == "attention":
        answers = []
        for i, query in enumerate(vectors[-len(states) :]):
            for steps in (*states[:i], *states[i + 1 :]):
                asked = query
                for hop in range(hops):
                    answers.append(_attend(asked, *steps))
                    if hop + 1 < hops:
                        asked = keras.layers.Dense(query.shape[-1])(keras.layers.Concatenate()([asked, answers[-1]]))
        return keras.layers.Concatenate()([*vectors, *answers])
    if how == "concatenate":
        return keras.layers.Concatenate()(vectors)
    if how not in ("add", "multiply"):
        raise ValueError(f"merge must be concatenate, add, multiply or attention, got {how!r}")
    width = max(vector.shape[-1] for vector in vectors)
    alike = [keras.layers.Dense(width)(vector) for vector in vectors]
    return keras.layers.Add()(alike) if how == "add" else keras.layers.Multiply()(alike)


def compare(how: str, left: Any, right: Any) -> Any:
    """Compare two vectors: their distances alone, difference and product, these and the vectors, or the vectors."""
    difference, product = keras.ops.absolute(left - right), left * right
    match how:
        case "all":
            return keras.layers.Concatenate()([left, right, difference, product])
        case "concatenate":
            return keras.layers.Concatenate()([left, right])
        case "distance":
            cosine = keras.layers.Dot(axes=-1, normalize=True)([left, right])
            return keras.layers.Concatenate()([cosine, keras.ops.mean(difference, axis=-1, keepdims=True)])
        case "difference_and_product":
            return keras.layers.Concatenate()([difference, product])
    raise ValueError(f"comparison must be all, difference_and_product, distance or concatenate, got {how!r}")


def _attend(query: Any, steps: Any, mask: Any = None) -> Any:
    """Return the mean of steps that count, weighted by how well each fits the query (Luong et al., EMNLP 2015)."""
    if steps.shape[1] == 1:
        return keras.layers.Flatten()(steps)
    asked = keras.layers.Dense(steps.shape[-1])(query)
    weights = keras.layers.Softmax()(keras.layers.Dot(axes=(2, 1))([steps, asked]), mask=mask)
    return keras.layers.Dot(axes=(1, 1))([steps, weights])


def _read(signature: Signature, config: Config) -> tuple[Input, ...]:
    """Return the inputs as the network gets them: a config may say that an array is read otherwise."""
    kinds = [kind_named(one.kind).arrays for one in signature.inputs]
    return tuple(
        one if arrays is None else arrays.fed(one, settings_of(config, one))
        for one, arrays in zip(signature.inputs, kinds, strict=True)
    )


def _inputs(branch: keras.Model, name: str) -> list[Any]:
    """Return inputs as a branch reads them: most read one, bags of n-grams two."""
    several = len(branch.inputs) > 1
    return [
        keras.Input(one.shape[1:], dtype=one.dtype, name=f"{name}_{i}" if several else name)
        for i, one in enumerate(branch.inputs)
    ]


def _alone(read: list[Any]) -> Any:
    return read if len(read) > 1 else read[0]


def _model(inputs: list[Any], outputs: Any) -> keras.Model:
    return keras.Model(tuple(inputs) if len(inputs) > 1 else inputs[0], outputs)
