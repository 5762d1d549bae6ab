"""All inputs of a task together: a table's columns and texts, as one matrix for trees or as arrays for a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.preprocess import PreparedTable, Recipe, load_table, training_matrix
from spaces.signature import Signature
from spaces.table import Table
from spaces.texts import Bag, PreparedTexts, TextRecipe, Tokens, prepare_texts

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
    def width(self) -> int:
        """Columns of the table's matrix."""
        ...

    def save(self, folder: Path, /) -> dict[str, Any]:
        """Write into a folder without pickle, and return what else loading needs, as JSON values."""
        ...


@dataclass(frozen=True)
class Reading:
    """How rows become what a model reads.

    Attributes:
        table: What is done to the table; None where the task has none.
        text: What is done to each text; None where the task has none.
        joined: Everything side by side in one matrix, as trees and linear models want it, texts as bags, and what
            each two texts have in common (n-gram by n-gram, and the cosine between them); or one array
            an input (two for bags), the table first, as networks do; no tuple is made of a single array.
    """

    table: Recipe | None
    text: TextRecipe | None
    joined: bool


def joined_reading(table: Recipe, text: TextRecipe | None, signature: Signature) -> Reading:
    """Return how a model reads a task's inputs side by side in one matrix."""
    return Reading(table if signature.table or not text else None, text, joined=True)


@dataclass(frozen=True, eq=False)
class PreparedInputs:
    """Texts, and a table where there is one, with what was learned of both."""

    table: PreparedTable | None
    texts: PreparedTexts
    joined: bool
    key: str | None = None

    @property
    def width(self) -> int:
        """Columns of the table's matrix; 0 where there is none."""
        return 0 if self.table is None else self.table.width

    def matrix(self, table: Table) -> Columns:
        """Return a sparse float32 matrix `(rows, columns)`, an array, or a tuple of arrays."""
        return self.with_matrix(table, None if self.table is None else self.table.matrix(table))

    def with_matrix(self, table: Table, matrix: NDArray[np.float32] | None) -> Columns:
        """Return rows whose table has been made a matrix already."""
        if self.joined:
            dense = [] if matrix is None else [_explicit(matrix)]
            bags = self.texts.bags(table)
            pairs = [part for a, b in combinations(bags, 2) for part in _compared(a, b)] if len(bags) <= _FEW else []
            return sparse.csr_matrix(sparse.hstack([*dense, *bags, *pairs], format="csr"))
        arrays = (*([] if matrix is None else [matrix]), *self.texts.arrays(table))
        return arrays if len(arrays) > 1 else arrays[0]

    def save(self, folder: Path) -> dict[str, Any]:
        """Write `vocabulary.json`, and `preprocess.skops` where there is a table."""
        table = None if self.table is None else self.table.save(folder)
        return {"table": table, "texts": self.texts.save(folder), "joined": self.joined, "key": self.key}


def learn(reading: Reading, train: Table, target: NDArray[Any], target_kind: str) -> tuple[Prepared, Columns]:
    """Learn from the training rows of one fold, and return these rows as the model reads them.

    Args:
        reading: What to do.
        train: The training rows.
        target: Their targets, for mean-target encoding (cross-fitted inside the training rows).
        target_kind: As in `spaces.signature.Target`.
    """
    if reading.text is None:
        assert reading.table is not None
        return training_matrix(reading.table, train, target, target_kind)
    table, matrix = None, None
    if reading.table is not None:
        table, matrix = training_matrix(reading.table, train, target, target_kind)
    key = None if train.key is None else f"{train.key}|{reading}"
    prepared = PreparedInputs(table, prepare_texts(reading.text, train), reading.joined, key)
    return prepared, prepared.with_matrix(train, matrix)


def load_prepared(folder: Path, settings: Mapping[str, Any]) -> Prepared:
    """Read what `save` wrote and returned."""
    if "network" in settings:
        from spaces.deep_trees import DeepColumns  # trees on a network; networks are not needed otherwise

        return DeepColumns.load(folder, settings)
    if "texts" not in settings:
        return load_table(folder, settings)
    table = None if settings["table"] is None else load_table(folder, settings["table"])
    return PreparedInputs(table, PreparedTexts.load(folder, settings["texts"]), settings["joined"], settings["key"])


def text_recipe(config: Mapping[str, Any]) -> TextRecipe:
    """Return what a config's `text` says: `{"ngrams": {...}}` for bags, any other name for sequences of tokens."""
    ((kind, settings),) = config["text"].items()
    ((unit, its),) = settings["unit"].items()
    if kind == "ngrams":
        return Bag(unit, its["ngrams"], settings["vocabulary"], settings["weighting"], its["most"])
    return Tokens(unit, its["vocabulary"], its["length"], settings["keep"])


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
