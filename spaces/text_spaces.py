"""The spaces of the branches that read texts. No library is imported here: a space is data.

How a text is read stands under `text`, by the name of the branch that reads it: n-grams, embedded words, recurrent
layers, convolutions, or convolutions that shorten what recurrent layers read.
"""

from __future__ import annotations

from typing import Any

from spaces.layer_spaces import convolution_space, recurrent_space, shortened_space
from spaces.leaves import Choice, Float, Int
from spaces.ngrams import ngrams_space, vocabulary
from spaces.signature import Signature
from spaces.space import Space

BRANCHES = ("ngrams", "embedding", "conv", "recurrent", "conv_recurrent")
# Recurrent layers pay for every word, and forget the first ones; means and convolutions want the whole text.
_MOST_WORDS = {"embedding": 1000, "conv": 400, "recurrent": 300, "conv_recurrent": 600}
_MOST_CHARACTERS = 1000


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
    match name:
        case "embedding":
            rest: Space = {"pooling": Choice(["average", "max", "attention", "flatten"])}
        case "conv":
            rest = convolution_space()
        case "recurrent":
            rest = recurrent_space(masking=True)
        case _:
            rest = shortened_space()
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
