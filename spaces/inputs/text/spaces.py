"""The spaces of the branches that read texts. No library is imported here: a space is data.

How a text is read stands under `text`, by the name of the branch that reads it: n-grams, embedded words, recurrent
layers, convolutions, or convolutions that shorten what recurrent layers read.
"""

from __future__ import annotations

from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.layers.spaces import convolution_space, recurrent_space, shortened_space
from spaces.rows.signature import Signature

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
    characters = name in ("conv", "conv_recurrent")
    learned: Space = {"units": Int(16, 256, log=True)}
    nothing: Space = {}
    of_words, of_characters, of_both = nothing, nothing, learned
    if any(one.details.vectors for one in signature.texts):
        vectors: Space = {"trainable": Choice([True, False]), "unknown": "drawn"}
        begun: Space = {"from": Choice({"vectors": vectors, "learned": learned})}
        # Characters have no vectors.
        of_words, of_characters, of_both = (begun, learned, nothing) if characters else (nothing, nothing, begun)
    places = {} if "recurrent" in name else {"positions": Choice([True, False] if positions else [False, True])}
    embedding: Space = {**of_both, **places, "dropout": Float(0.0, 0.5, default=0.2)}
    match name:
        case "embedding":
            rest: Space = {"pooling": Choice(["average", "max", "attention", "flatten"])}
        case "conv":
            rest = convolution_space()
        case "recurrent":
            rest = recurrent_space(masking=True)
        case _:
            rest = shortened_space()
    longest = max(one.shape[0] for one in signature.texts)
    words = {"vocabulary": vocabulary(signature, 50_000), "length": _length(longest, _MOST_WORDS[name]), **of_words}
    units: dict[str, Space] = {"word": words}
    if characters:
        units["character"] = {"vocabulary": 256, "length": _length(6 * longest, _MOST_CHARACTERS), **of_characters}
    tokens: Space = {"unit": Choice(units) if characters else units, "keep": Choice(["last", "first"])}
    return {**tokens, "embedding": embedding, **rest}


def _length(longest: int, most: int) -> Int:
    high = max(8, min(longest, most))
    return Int(max(4, high // 3), high, log=True, default=high)


# Beyond this many words, counting n-grams of characters takes longer than training on them.
_SHORT = 100
# Of so many words, all triples of words would not fit beside other workers.
_MANY = 3_000_000


def joined_texts(signature: Signature, most_terms: int) -> Space:
    """Return the space of the n-grams that trees and linear models see; empty where the task has no text."""
    return {"text": {"ngrams": ngrams_space(signature, most_terms)}} if signature.texts else {}


def ngrams_space(signature: Signature, most_terms: int) -> Space:
    """Return the space of a bag: n-grams of words, or of characters where texts are short, and their weights."""
    longest = max(one.shape[0] for one in signature.texts)
    tokens = signature.rows * sum(one.shape[0] for one in signature.texts)
    ngrams = Int(1, 2 if tokens > _MANY else 3, default=2)
    units: dict[str, Space] = {"word": {"ngrams": ngrams, "most": _most(3 * longest)}}
    if longest <= _SHORT:
        units["character"] = {"ngrams": Int(2, 5, default=4), "most": _most(20 * longest)}
    return {
        "unit": Choice(units) if len(units) > 1 else units,
        "vocabulary": vocabulary(signature, most_terms, ngrams=True),
        "weighting": Choice(["tfidf", "multi_hot", "count"]),
    }


def vocabulary(signature: Signature, most: int, *, ngrams: bool = False) -> Int:
    """Return how many of the most frequent terms are told apart, no more than there may be."""
    distinct = max(one.details.distinct for one in signature.texts) * (5 if ngrams else 1)
    high = max(20, min(most, distinct))
    return Int(max(10, min(1000, high // 4)), high, log=True, default=min(20_000, high))


def _most(ngrams: int) -> int:
    """Return of how many n-grams of a text a network sees the weights."""
    return min(1024, max(16, ngrams))
