"""The spaces of the families that read texts. No library is imported here: a space is data.

How a text is read stands under `text`, by the name of the branch that reads it: n-grams, embedded words, recurrent
layers, convolutions, or convolutions that shorten what recurrent layers read.
"""

from __future__ import annotations

from typing import Any

from spaces.leaves import Choice, Float, Int
from spaces.ngrams import ngrams_space, vocabulary
from spaces.signature import Signature
from spaces.space import Space
from spaces.tables import scalings, training

BRANCHES = ("ngrams", "embedding", "conv", "recurrent", "conv_recurrent")
# Recurrent layers pay for every word, and forget the first ones; means and convolutions want the whole text.
_MOST_WORDS = {"embedding": 1000, "conv": 400, "recurrent": 300, "conv_recurrent": 600}
_MOST_CHARACTERS = 1000


def text_space(name: str, signature: Signature) -> Space:
    """Return the space of a family whose texts are all read by one kind of branch, outputs concatenated."""
    return {"text": {name: branch(name, signature)}, **_network(signature)}


def functional_space(signature: Signature) -> Space:
    """Return the space: which branch reads the texts, and how the branches' outputs become one."""
    several = len(signature.inputs) > 1
    branches: dict[str, Space] = {}
    for name in BRANCHES:
        asked = len(signature.texts) > 1 and name != "ngrams"
        attention = {"attention": {"hops": Int(1, 3, default=2)}} if asked else {}
        merge = {"merge": Choice({**attention, "concatenate": {}, "add": {}, "multiply": {}})} if several else {}
        branches[name] = {**branch(name, signature, positions=asked), **merge}
    return {"text": Choice({name: branches[name] for name in ("embedding", *branches)}), **_network(signature)}


def siamese_space(signature: Signature) -> Space:
    """Return the space: which branch, one for both texts, and how its two outputs are compared."""
    branches = {name: branch(name, signature) for name in ("embedding", *BRANCHES)}
    comparison = Choice(["all", "difference_and_product", "distance"])
    # Whether two vectors are alike is no linear function of them.
    return {"text": Choice(branches), "comparison": comparison, **_network(signature), "depth": Int(1, 3, default=1)}


def branch(name: str, signature: Signature, *, positions: bool = False) -> Space:
    """Return the space of what reads a text; positions say whether words have a place by default."""
    if name == "ngrams":
        return {
            **ngrams_space(signature, 50_000),
            "units": Int(8, 128, log=True),
            "dropout": Float(0.0, 0.6, default=0.3),
        }
    learned: Space = {"units": Int(16, 256, log=True)}
    if any(one.vectors for one in signature.texts):
        learned = {"from": Choice({"vectors": {"trainable": Choice([True, False])}, "learned": learned})}
    places = {} if "recurrent" in name else {"positions": Choice([True, False] if positions else [False, True])}
    embedding: Space = {**learned, **places, "dropout": Float(0.0, 0.5, default=0.2)}
    pooling = Choice(["max", "average", "attention"])
    convolution: Space = {
        "filters": Int(16, 256, log=True),
        "kernel_size": Int(2, 9, default=5),
        "depth": Int(1, 3, default=1),
        "separable": Choice([False, True]),
        "pool_size": Int(1, 5, default=2),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.5, default=0.1),
    }
    recurrent: Space = {
        "cell": Choice(["gru", "lstm", "simple"]),
        "units": Int(8, 128, log=True),
        "depth": Int(1, 2, default=1),
        "direction": Choice(["bidirectional", "forward", "backward"]),
        "masking": Choice([False, True]),
        "dropout": Float(0.0, 0.5, default=0.1),
        "recurrent_dropout": Float(0.0, 0.5, default=0.0),
    }
    match name:
        case "embedding":
            rest: Space = {"pooling": Choice(["average", "max", "attention", "flatten"])}
        case "conv":
            rest = {"conv": convolution, "pooling": pooling}
        case "recurrent":
            rest = {"recurrent": recurrent, "pooling": Choice(["last", "max", "average", "attention"])}
        case _:
            shorter = {**convolution, "pool_size": Int(2, 5, default=3)}
            unmasked = {name: leaf for name, leaf in recurrent.items() if name != "masking"}
            rest = {"conv": shorter, "recurrent": unmasked, "pooling": Choice(["last", "max", "average", "attention"])}
    characters = name in ("conv", "conv_recurrent")
    tokens = _tokens(signature, _MOST_WORDS[name], characters=characters)
    return {**tokens, "embedding": embedding, **rest}


def _tokens(signature: Signature, most_words: int, *, characters: bool) -> Space:
    longest = max(one.shape[0] for one in signature.texts)
    words: dict[str, Any] = {"vocabulary": vocabulary(signature, 50_000), "length": _length(longest, most_words)}
    units: dict[str, Space] = {"word": words}
    if characters:
        units["character"] = {"vocabulary": 256, "length": _length(6 * longest, _MOST_CHARACTERS)}
    return {"unit": Choice(units) if characters else units, "keep": Choice(["last", "first"])}


def _length(longest: int, most: int) -> Int:
    high = max(8, min(longest, most))
    return Int(max(4, high // 3), high, log=True, default=high)


def _network(signature: Signature) -> Space:
    """Return what all families have in common: the branch of a table, layers after the branches, and training."""
    largest = max(32, min(512, signature.rows // 20))
    table: Space = {}
    if signature.table:
        table = {
            "scaling": Choice(scalings(signature)),
            "table": {"units": Int(8, 256, log=True), "depth": Int(0, 3, default=1)},
            "dropped_features": 0.0,
        }
    return {
        **table,
        "depth": Int(0, 2, default=0),
        "units": Int(16, 256, log=True),
        "shape": "rectangle",
        "activation": Choice(["relu", "selu", "swish"]),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.6, default=0.3),
        **training(signature, learning_rate=(2e-4, 1e-2, 2e-3)),
        "batch_size": Int(max(16, largest // 16), largest, log=True),
        "epochs": 20,
        "patience": 3,
    }
