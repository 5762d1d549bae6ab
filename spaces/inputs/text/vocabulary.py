"""Texts as numbers: a vocabulary learned from training rows, bags of n-grams, sequences of tokens.

All text columns of a task share one vocabulary, so that a word means the same in a question and in its answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.inputs.text.corpus import Corpus, Ragged, Unit, vectorizer
from spaces.machine.memory import cached
from spaces.machine.strange import read_json
from spaces.rows.table import Table

PADDING, UNKNOWN, FIRST_TERM = 0, 1, 2
MOST_TERMS = 50_000
VOCABULARY = "vocabulary.json"


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
        n_texts: How many texts there were.
    """

    unit: Unit
    ngrams: int
    terms: tuple[str, ...]
    occurs_in: NDArray[np.int64]
    n_texts: int

    @property
    def nbytes(self) -> int:
        """Bytes in memory, about: a string, its place in the index, a count."""
        return 200 * len(self.terms)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {term: i for i, term in enumerate(self.terms)}

    @cached_property
    def _ranked(self) -> Any:
        import pandas as pd

        return pd.Index(self.terms, dtype="string[pyarrow]")  # as a corpus keeps its terms

    def counts(self, table: Table, column: int) -> sparse.csr_matrix:
        """Return how often each term occurs in a column's texts, `(rows, terms)`."""
        if table.origin is None:
            assert table.texts is not None
            counting = vectorizer(self.unit, self.ngrams, vocabulary=self._index)
            return sparse.csr_matrix(counting.transform(table.texts[:, column]))
        corpus, rows = table.origin
        terms, counts = corpus.counts(self.unit, self.ngrams)
        ranks = self._ranks(terms)
        known = np.flatnonzero(ranks >= 0)
        found = counts[rows * corpus.columns + column][:, known]
        shape = (found.shape[0], len(self.terms))
        counted = sparse.csr_matrix((found.data, ranks[known][found.indices], found.indptr), shape=shape)
        counted.sort_indices()
        return counted

    def ids(self, table: Table, column: int) -> Ragged:
        """Return the ids of every text's tokens: the rank of a token plus `FIRST_TERM`, or `UNKNOWN`."""
        if table.origin is None:
            assert table.texts is not None
            analyze, index = vectorizer(self.unit, 1).build_analyzer(), self._index
            rank = UNKNOWN - FIRST_TERM
            tokens = Ragged.of([index.get(token, rank) for token in analyze(text)] for text in table.texts[:, column])
            return Ragged(tokens.flat + np.int32(FIRST_TERM), tokens.starts)
        corpus, rows = table.origin
        terms, tokens = corpus.tokens(self.unit)
        tokens = tokens.take(rows * corpus.columns + column)
        ids = np.maximum(self._ranks(terms) + FIRST_TERM, UNKNOWN).astype(np.int32)  # of a rank of -1 too
        return Ragged(ids[tokens.flat], tokens.starts)

    def _ranks(self, terms: Any) -> NDArray[np.int64]:
        """Return the rank of each of a corpus's terms in this vocabulary, -1 for those that are not in it."""
        ranks: NDArray[np.int64] = self._ranked.get_indexer(terms)
        return ranks


@dataclass(frozen=True, eq=False)
class PreparedTexts:
    """A recipe with the vocabulary that it learned.

    Attributes:
        recipe: The recipe.
        vocabulary: Of all texts together.
        place: Which of the texts it reads; all when None.
    """

    recipe: TextRecipe
    vocabulary: Vocabulary
    place: int | None = None

    def bags(self, table: Table) -> list[sparse.csr_matrix]:
        """Return each text column as a bag: float32 `(rows, terms)`."""
        return [self._weighted(self.vocabulary.counts(table, column)) for column in self._columns(table)]

    def arrays(self, table: Table) -> list[NDArray[Any]]:
        """Return what a network reads of each text column.

        Sequences are one array `(rows, length)` of int32; bags are two, `(rows, n-grams)`: int32 ids, 0 for none, and
        float32 weights.
        """
        if isinstance(self.recipe, Bag):
            return [array for bag in self.bags(table) for array in listed(bag, self.recipe.most)]
        return [self._sequence(self.vocabulary.ids(table, column)) for column in self._columns(table)]

    def save(self, folder: Path, file: str = VOCABULARY) -> dict[str, Any]:
        """Write the vocabulary, and return what else loading needs, as JSON values."""
        size = self.recipe.vocabulary
        known = {
            "terms": self.vocabulary.terms[:size],
            "occurs_in": self.vocabulary.occurs_in[:size].tolist(),
            "texts": self.vocabulary.n_texts,
        }
        (folder / file).write_text(json.dumps(known))
        return {"place": self.place, type(self.recipe).__name__: asdict(self.recipe)}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], file: str = VOCABULARY) -> PreparedTexts:
        """Read what `save` wrote and returned."""
        recipe: TextRecipe = Bag(**settings["Bag"]) if "Bag" in settings else Tokens(**settings["Tokens"])
        known = read_json(folder / file)
        occurs_in = np.array(known["occurs_in"], dtype=np.int64)
        return PreparedTexts(
            recipe,
            Vocabulary(recipe.unit, recipe.ngrams, tuple(known["terms"]), occurs_in, known["texts"]),
            settings.get("place"),
        )

    def _columns(self, table: Table) -> Sequence[int]:
        assert table.texts is not None
        return range(table.texts.shape[1]) if self.place is None else [self.place]

    def _sequence(self, ids: Ragged) -> NDArray[np.int32]:
        assert isinstance(self.recipe, Tokens)
        padded = ids.padded(self.recipe.length, keep=self.recipe.keep)
        padded[padded >= self.recipe.vocabulary + FIRST_TERM] = UNKNOWN
        # A text without any token is one that nobody knows: averages over no token at all would be NaN.
        padded[np.diff(ids.starts) == 0, -1] = UNKNOWN
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
                rare = np.log((1 + known.n_texts) / (1 + known.occurs_in[: bag.shape[1]])) + 1
                bag.data = ((1 + np.log(bag.data)) * rare[bag.indices]).astype(np.float32)
                bag = sparse.csr_matrix(normalize(bag, copy=False))
        return bag


def vocabulary_file(place: int) -> str:
    """Return the name of the file of one of several vocabularies."""
    return VOCABULARY if place == 0 else f"vocabulary-{place}.json"


def prepare_texts(recipe: TextRecipe, train: Table, place: int | None = None) -> PreparedTexts:
    """Learn a vocabulary from the texts of training rows, cached for rows that have a key.

    A larger vocabulary than the recipe's is learned and remembered, of which each recipe takes the beginning.
    """
    key = None if train.key is None else f"{train.key}|{recipe.unit}|{recipe.ngrams}"
    learned = _learn(recipe, train) if key is None else cached(key, lambda: _learn(recipe, train))
    return PreparedTexts(recipe, learned, place)


def listed(bag: sparse.csr_matrix, width: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return each row's largest weights: ids (column + 1; 0 for none) and weights, both `(rows, width)`."""
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
    measured = []
    for column in range(texts.shape[1]):
        terms, tokens = Corpus(texts[:, [column]]).tokens("word")
        measured.append((max(1, int(np.ceil(np.percentile(np.diff(tokens.starts), 95)))), len(terms)))
    return measured


def distinct_words(texts: NDArray[np.object_]) -> set[str]:
    """Return all words of some texts."""
    return set(Corpus(texts).tokens("word").terms)


def _learn(recipe: TextRecipe, train: Table) -> Vocabulary:
    assert train.texts is not None
    corpus, rows = train.origin or (Corpus(train.texts), np.arange(len(train)))
    terms, counts = corpus.counts(recipe.unit, recipe.ngrams)
    counts = counts[(rows[:, None] * corpus.columns + np.arange(corpus.columns)).ravel()]
    often, occurs_in = np.asarray(counts.sum(axis=0)).ravel(), counts.getnnz(axis=0)
    order = np.argsort(-often, kind="stable")[: min(MOST_TERMS, np.count_nonzero(often))]
    learned = tuple(terms.iloc[order])
    return Vocabulary(recipe.unit, recipe.ngrams, learned, occurs_in[order], counts.shape[0])


def text_recipe(config: Mapping[str, Any]) -> TextRecipe:
    """Return what a config's `text` says: `{"ngrams": {...}}` for bags, any other name for sequences of tokens."""
    ((kind, settings),) = config["text"].items()
    ((unit, its),) = settings["unit"].items()
    if kind == "ngrams":
        return Bag(unit, its["ngrams"], settings["vocabulary"], settings["weighting"], its["most"])
    return Tokens(unit, its["vocabulary"], its["length"], settings["keep"])
