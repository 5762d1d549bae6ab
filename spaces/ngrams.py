"""The spaces of bags of n-grams, which networks, trees and linear models share."""

from __future__ import annotations

from spaces.leaves import Choice, Int
from spaces.signature import Signature
from spaces.space import Space

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
    distinct = max(one.cardinalities[0] for one in signature.texts) * (5 if ngrams else 1)
    high = max(20, min(most, distinct))
    return Int(max(10, min(1000, high // 4)), high, log=True, default=min(20_000, high))


def _most(ngrams: int) -> int:
    """Return of how many n-grams of a text a network sees the weights."""
    return min(1024, max(16, ngrams))
