"""Texts as numbers: a vocabulary learned from training rows, bags of n-grams, sequences of tokens.

All text columns of a task share one vocabulary, so that a word means the same in a question and in its answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.caching import cached
from spaces.table import Table

Unit = Literal["word", "character"]
PADDING, UNKNOWN, FIRST_TERM = 0, 1, 2
MOST_TERMS = 50_000
_WORDS = r"(?u)\w+(?:'\w+)?|[!?]"
_FILE = "vocabulary.json"


@dataclass(frozen=True)
class Bag:
    """A text as the n-grams in it, whatever their order.

    Attributes:
        unit: N-grams of words, or of characters inside words.
        ngrams: Up to so many units in a row.
        vocabulary: The most frequent so many n-grams.
        weighting: `"multi_hot"` (there or not), `"count"`, or `"tfidf"` (sublinear counts, rare n-grams weigh more,
            rows of length 1).
        most: A network sees at most so many n-grams of a text, those that weigh most.
    """

    unit: Unit
    ngrams: int
    vocabulary: int
    weighting: Literal["multi_hot", "count", "tfidf"]
    most: int


@dataclass(frozen=True)
class Tokens:
    """A text as a sequence of tokens: `PADDING` (0) in front of short ones, `UNKNOWN` (1) for those not learned.

    Attributes:
        unit: Words or characters.
        vocabulary: The most frequent so many tokens.
        length: Tokens of a sequence.
        keep: Which end of longer texts is kept.
    """

    unit: Unit
    vocabulary: int
    length: int
    keep: Literal["first", "last"] = "first"

    @property
    def ngrams(self) -> int:
        """Tokens stand alone."""
        return 1


TextRecipe = Bag | Tokens


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Terms by falling frequency.

    Attributes:
        unit: What terms are made of.
        ngrams: Up to so many units a term.
        terms: The terms, the most frequent first, ties in alphabetical order.
        occurs_in: In how many texts each occurs.
        texts: How many texts there were.
        key: Names the rows it was learned from, or None.
    """

    unit: Unit
    ngrams: int
    terms: tuple[str, ...]
    occurs_in: NDArray[np.int64]
    texts: int
    key: str | None = None

    @property
    def nbytes(self) -> int:
        """Bytes in memory, about: a string, its place in the index, a count."""
        return 200 * len(self.terms)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {term: i for i, term in enumerate(self.terms)}

    def counts(self, table: Table, column: int) -> sparse.csr_matrix:
        """Return how often each term occurs in a column's texts, `(rows, terms)`."""
        return self._remembered("counts", table, column, self._counts)

    def ids(self, table: Table, column: int) -> Ragged:
        """Return the ids of every text's tokens: the rank of a token plus `FIRST_TERM`, or `UNKNOWN`."""
        return self._remembered("ids", table, column, self._ids)

    def _remembered(self, what: str, table: Table, column: int, make: Any) -> Any:
        assert table.texts is not None
        texts = table.texts[:, column]
        if self.key is None or table.key is None:
            return make(texts)
        return cached(_name(self.key, table.key, what, column), lambda: make(texts))

    def _counts(self, texts: NDArray[np.object_]) -> sparse.csr_matrix:
        vectorizer = _vectorizer(self.unit, self.ngrams, vocabulary=self._index)
        return sparse.csr_matrix(vectorizer.transform(texts))

    def _ids(self, texts: NDArray[np.object_]) -> Ragged:
        analyze, index = _vectorizer(self.unit, 1).build_analyzer(), self._index
        rows = [[index.get(token, UNKNOWN - FIRST_TERM) + FIRST_TERM for token in analyze(text)] for text in texts]
        # A text without any token is one that nobody knows: averages over no token at all would be NaN.
        rows = [row or [UNKNOWN] for row in rows]
        starts = np.cumsum([0, *map(len, rows)])
        return Ragged(np.fromiter((token for row in rows for token in row), np.int32, starts[-1]), starts)


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different length, one after the other; row `i` is `flat[starts[i]:starts[i + 1]]`."""

    flat: NDArray[np.int32]
    starts: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.flat.nbytes + self.starts.nbytes

    def padded(self, length: int, *, keep: str) -> NDArray[np.int32]:
        """Return `(rows, length)`, `PADDING` in front of short rows and one end of long ones cut off."""
        lengths = np.minimum(np.diff(self.starts), length)
        first = self.starts[:-1] if keep == "first" else self.starts[1:] - lengths
        places = np.arange(length) - (length - lengths)[:, None]
        inside = places >= 0
        padded = np.zeros(places.shape, dtype=np.int32)
        padded[inside] = self.flat[(first[:, None] + places)[inside]]
        return padded


@dataclass(frozen=True, eq=False)
class PreparedTexts:
    """A recipe with the vocabulary that it learned."""

    recipe: TextRecipe
    vocabulary: Vocabulary

    def bags(self, table: Table) -> list[sparse.csr_matrix]:
        """Return each text column as a bag: float32 `(rows, terms)`."""
        return [self._weighted(self.vocabulary.counts(table, column)) for column in _columns(table)]

    def arrays(self, table: Table) -> list[NDArray[Any]]:
        """Return what a network reads of each text column.

        Sequences are one array `(rows, length)` of int32; bags are two, `(rows, n-grams)`: int32 ids, 0 for none, and
        float32 weights.
        """
        if isinstance(self.recipe, Bag):
            return [array for bag in self.bags(table) for array in listed(bag, self.recipe.most)]
        return [self._sequence(self.vocabulary.ids(table, column)) for column in _columns(table)]

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `vocabulary.json`, and return what else loading needs, as JSON values."""
        size = self.recipe.vocabulary
        known = {
            "terms": self.vocabulary.terms[:size],
            "occurs_in": self.vocabulary.occurs_in[:size].tolist(),
            "texts": self.vocabulary.texts,
        }
        (folder / _FILE).write_text(json.dumps(known))
        return {type(self.recipe).__name__: asdict(self.recipe)}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> PreparedTexts:
        """Read what `save` wrote and returned."""
        ((kind, values),) = settings.items()
        recipe: TextRecipe = {"Bag": Bag, "Tokens": Tokens}[kind](**values)
        known = json.loads((folder / _FILE).read_text())
        occurs_in = np.array(known["occurs_in"], dtype=np.int64)
        return PreparedTexts(
            recipe, Vocabulary(recipe.unit, recipe.ngrams, tuple(known["terms"]), occurs_in, known["texts"])
        )

    def _sequence(self, ids: Ragged) -> NDArray[np.int32]:
        assert isinstance(self.recipe, Tokens)
        padded = ids.padded(self.recipe.length, keep=self.recipe.keep)
        padded[padded >= self.recipe.vocabulary + FIRST_TERM] = UNKNOWN
        return padded

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        from sklearn.preprocessing import normalize

        assert isinstance(self.recipe, Bag)
        bag = counts[:, : self.recipe.vocabulary].astype(np.float32)
        match self.recipe.weighting:
            case "multi_hot":
                bag.data[:] = 1
            case "tfidf":
                known = self.vocabulary
                rare = np.log((1 + known.texts) / (1 + known.occurs_in[: bag.shape[1]])) + 1
                bag.data = ((1 + np.log(bag.data)) * rare[bag.indices]).astype(np.float32)
                bag = sparse.csr_matrix(normalize(bag, copy=False))
        return bag


def prepare_texts(recipe: TextRecipe, train: Table) -> PreparedTexts:
    """Learn a vocabulary from the texts of training rows, cached for rows that have a key.

    A larger vocabulary than the recipe's is learned and remembered, of which each recipe takes the beginning.
    """
    key = None if train.key is None else f"{train.key}|{recipe.unit}|{recipe.ngrams}"
    if key is None:
        return PreparedTexts(recipe, _learn(recipe, train, None))
    return PreparedTexts(recipe, cached(key, lambda: _learn(recipe, train, key)))


def listed(bag: sparse.csr_matrix, width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return a sparse matrix as ids (column + 1; 0 for none) and weights, `(rows, width)`, the largest weights kept."""
    ids, weights = np.zeros((bag.shape[0], width), np.int32), np.zeros((bag.shape[0], width), np.float32)
    for row in range(bag.shape[0]):
        columns, values = (array[bag.indptr[row] : bag.indptr[row + 1]] for array in (bag.indices, bag.data))
        if len(values) > width:
            kept = np.sort(np.argsort(-values, kind="stable")[:width])  # of equal weights the more frequent
            columns, values = columns[kept], values[kept]
        ids[row, : len(columns)], weights[row, : len(values)] = columns + 1, values
    return ids, weights


def measure(texts: NDArray[np.object_]) -> list[tuple[int, int]]:
    """Return, of each text column, a number of words that 95 of 100 texts do not exceed, and of distinct words."""
    analyze, measured = _vectorizer("word", 1).build_analyzer(), []
    for column in texts.T:
        lengths = [len(analyze(text)) for text in column]
        measured.append((max(1, int(np.ceil(np.percentile(lengths, 95)))), len(distinct_words(column))))
    return measured


def distinct_words(texts: NDArray[np.object_]) -> set[str]:
    """Return all words of some texts."""
    analyze = _vectorizer("word", 1).build_analyzer()
    return {word for text in texts.ravel() for word in analyze(text)}


def _learn(recipe: TextRecipe, train: Table, key: str | None) -> Vocabulary:
    assert train.texts is not None
    texts = train.texts.ravel()
    vectorizer = _vectorizer(recipe.unit, recipe.ngrams, max_features=MOST_TERMS)
    counts = sparse.csc_matrix(vectorizer.fit_transform(texts))
    order = np.argsort(-np.asarray(counts.sum(axis=0)).ravel(), kind="stable")
    terms, counts = vectorizer.get_feature_names_out()[order].tolist(), counts[:, order]
    if key is not None and isinstance(recipe, Bag):  # counting is what takes long, and these rows are counted
        rows, columns = sparse.csr_matrix(counts), train.texts.shape[1]
        for column in range(columns):
            cached(_name(key, train.key, "counts", column), lambda: rows[column::columns])
    return Vocabulary(recipe.unit, recipe.ngrams, tuple(terms), np.diff(counts.indptr), len(texts), key)


def _name(vocabulary: str, rows: str | None, what: str, column: int) -> str:
    """Name what a vocabulary makes of a column of rows."""
    return f"{vocabulary}|{rows}|{what}|{column}"


def _vectorizer(unit: Unit, ngrams: int, **settings: Any) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    analyzer = "word" if unit == "word" else "char_wb" if ngrams > 1 else "char"
    pattern = {"token_pattern": _WORDS if unit == "word" else None}
    return CountVectorizer(analyzer=analyzer, ngram_range=(1, ngrams), dtype=np.int32, **pattern, **settings)


def _columns(table: Table) -> range:
    assert table.texts is not None
    return range(table.texts.shape[1])
