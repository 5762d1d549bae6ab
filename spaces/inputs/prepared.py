"""All inputs of a task together: tables, arrays and texts, as one matrix or as an array each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.inputs.arrays import ArrayRecipe, PreparedArray, array_recipes, prepare_array
from spaces.inputs.kind import ReadBy
from spaces.inputs.table.matrix import PreparedTable, Recipe, training_matrix
from spaces.inputs.text.vocabulary import PreparedTexts, TextRecipe, prepare_texts, vocabulary_file
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Table

_FEW = 3  # texts of which each two are compared

Columns = Any
"""What a model reads: a float32 matrix, a sparse one, an array, or a tuple of arrays, one or two an input."""


class Reader(Protocol):
    """Makes of rows what a model reads."""

    @property
    def key(self) -> str | None:
        """Names what it was learned from and how; None when that has no name."""
        ...

    def matrix(self, table: Table, /) -> Columns:
        """Return rows as the model reads them."""
        ...


class Prepared(Reader, Protocol):
    """What was learned from the training rows of one fold."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each table's matrix."""
        ...

    def save(self, folder: Path, /) -> dict[str, Any]:
        """Write into a folder without pickle, and return what else loading needs, as JSON values."""
        ...


@dataclass(frozen=True)
class Reading:
    """How rows become what a model reads.

    Attributes:
        tables: What is done to each table; empty where the task has none.
        texts: What is done to texts, each with the text that is read so, or None for all.
        joined: Everything side by side in one matrix, as trees and linear models want it, texts as bags, and what
            each two texts have in common (n-gram by n-gram, and the cosine between them); or one array
            an input (two for bags), tables first, then arrays, then texts, as networks do; no tuple is made
            of a single array.
        arrays: What is done to each array.
        twins: Whether the last two tables are two of a kind, and what is learned is learned of both together.
    """

    tables: tuple[Recipe, ...]
    texts: tuple[tuple[TextRecipe, int | None], ...]
    joined: bool
    arrays: tuple[ArrayRecipe, ...] = ()
    twins: bool = False


def joined_reading(
    table: Recipe, text: TextRecipe | None, signature: Signature, *, config: Config, by: ReadBy
) -> Reading:
    """Return how a model reads a task's inputs side by side in one matrix; its config may say how arrays are read."""
    needed = signature.table or not (text or signature.arrays)
    texts = ((text, None),) if text else ()
    return Reading((table,) if needed else (), texts, joined=True, arrays=array_recipes(signature, config, by))


@dataclass(frozen=True, eq=False)
class PreparedInputs:
    """Tables, arrays and texts, of them what there is, with what was learned of them."""

    tables: tuple[PreparedTable, ...]
    arrays: tuple[PreparedArray, ...]
    texts: tuple[PreparedTexts, ...]
    joined: bool
    key: str | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each table's matrix."""
        return tuple(table.width for table in self.tables)

    def matrix(self, table: Table) -> Columns:
        """Return a float32 matrix `(rows, columns)`, sparse where there are texts, an array, or a tuple of arrays."""
        return self.with_matrices(table, [prepared.matrix(table) for prepared in self.tables])

    def with_matrices(self, table: Table, matrices: Sequence[NDArray[np.float32]]) -> Columns:
        """Return rows whose tables have been made matrices already."""
        arrays = [*matrices, *(prepared.array(table) for prepared in self.arrays)]
        if not self.joined:
            read = (*arrays, *(array for one in self.texts for array in one.arrays(table)))
            return read if len(read) > 1 else read[0]
        if not arrays and not self.texts:
            return np.zeros((len(table), 0), np.float32)
        if not self.texts:
            return np.hstack([np.asarray(array) for array in arrays])
        (texts,) = self.texts
        bags = texts.bags(table)
        pairs = [part for a, b in combinations(bags, 2) for part in _compared(a, b)] if len(bags) <= _FEW else []
        return sparse.csr_matrix(
            sparse.hstack([*(_explicit(np.asarray(array)) for array in arrays), *bags, *pairs], format="csr")
        )

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `preprocess-0.skops`, ... of tables, and `vocabulary.json`, `vocabulary-1.json`, ... of texts."""
        return {
            "kind": "inputs",
            "tables": [table.save(folder, f"preprocess-{i}.skops") for i, table in enumerate(self.tables)],
            "arrays": [array.save(folder) for array in self.arrays],
            "texts": [one.save(folder, vocabulary_file(i)) for i, one in enumerate(self.texts)],
            "joined": self.joined,
            "key": self.key,
        }

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Any = None) -> PreparedInputs:
        """Read what `save` wrote and returned; nothing else is opened for it."""
        texts = settings["texts"]
        texts = [texts] if isinstance(texts, Mapping) else texts  # bundles of format 4 and earlier
        return PreparedInputs(
            tuple(PreparedTable.load(folder, one) for one in settings["tables"]),
            tuple(PreparedArray.load(folder, one) for one in settings["arrays"]),
            tuple(PreparedTexts.load(folder, one, vocabulary_file(i)) for i, one in enumerate(texts or ())),
            settings["joined"],
            settings["key"],
        )


def learn(reading: Reading, train: Table, target: NDArray[Any], *, target_kind: str) -> tuple[Prepared, Columns]:
    """Learn from the training rows of one fold, and return these rows as the model reads them.

    Args:
        reading: What to do.
        train: The training rows.
        target: Their targets, for mean-target encoding (cross-fitted inside the training rows).
        target_kind: As in `spaces.rows.target.Target`.
    """
    learned = learn_tables(reading, train, target, target_kind=target_kind)
    if not reading.texts and not reading.arrays and len(learned) == 1:
        return learned[0]
    arrays = tuple(prepare_array(recipe, train) for recipe in reading.arrays)
    texts = tuple(prepare_texts(recipe, train, place) for recipe, place in reading.texts)
    # What was learned with the target's help has it in its own key.
    key = None if train.key is None else f"{train.key}|{reading}|{[table.key for table, _ in learned]}"
    prepared = PreparedInputs(tuple(table for table, _ in learned), arrays, texts, reading.joined, key)
    return prepared, prepared.with_matrices(train, [matrix for _, matrix in learned])


def learn_tables(
    reading: Reading, train: Table, target: NDArray[Any], *, target_kind: str
) -> list[tuple[PreparedTable, NDArray[np.float32]]]:
    """Learn of the tables alone, and return with each the training rows' own matrix."""
    if target_kind in ("regression", "several"):  # far from zero, float32 would round what encodes a category
        target = target - target.mean(axis=0)
    if not reading.twins:
        return [training_matrix(recipe, train, target, target_kind=target_kind) for recipe in reading.tables]
    *others, one, other = reading.tables
    left, right = train.only(one.columns), train.only(other.columns)
    key = None if train.key is None else f"{train.key}/twins {one.columns} {other.columns}"
    both = Table(np.vstack([left.numbers, right.numbers]), np.vstack([left.codes, right.codes]), key)
    twice = np.concatenate([target, target])
    prepared, matrix = training_matrix(replace(one, columns=(), twins=True), both, twice, target_kind=target_kind)
    twins = [
        (replace(prepared, columns=columns, key=prepared.key and f"{prepared.key}|{columns}"), half)
        for columns, half in zip((one.columns, other.columns), np.split(matrix, 2), strict=True)
    ]
    return [*(training_matrix(recipe, train, target, target_kind=target_kind) for recipe in others), *twins]


def _compared(one: sparse.csr_matrix, other: sparse.csr_matrix) -> list[sparse.csr_matrix]:
    """Return the product of two bags, and the cosine between them as a column."""
    product = sparse.csr_matrix(one.multiply(other))
    lengths = np.sqrt([np.asarray(bag.multiply(bag).sum(axis=1)).ravel() for bag in (one, other)]).prod(axis=0)
    cosine = np.asarray(product.sum(axis=1)).ravel() / np.maximum(lengths, 1e-12)
    return [product, _explicit(cosine.astype(np.float32)[:, None])]


def _explicit(matrix: NDArray[np.float32]) -> sparse.csr_matrix:
    """Return a sparse matrix that stores its zeros, which trees would take for missing values otherwise."""
    rows, columns = matrix.shape
    indices = np.tile(np.arange(columns), rows)
    return sparse.csr_matrix((matrix.ravel(), indices, np.arange(rows + 1) * columns), shape=matrix.shape)
