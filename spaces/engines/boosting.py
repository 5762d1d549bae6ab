"""What libraries of boosted trees have in common: what is stored, the rows they are handed, how long they wait."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spaces.engines.centre import centre_of
from spaces.engines.contract import Fold, InSteps, Output, Read, Store
from spaces.engines.curves import Curves
from spaces.engines.row_weights import row_weights
from spaces.inputs.prepared import Columns, Prepared, joined_reading, learn
from spaces.inputs.table.matrix import Recipe, feature_types
from spaces.inputs.text.vocabulary import text_recipe
from spaces.language.optional import chosen
from spaces.language.space import Config
from spaces.probabilities import summing_to_one
from spaces.rows.signature import Signature
from spaces.rows.target import Target

LOOK_EVERY = 10  # rounds after which the trial is shown a model in training
FEWEST_ROUNDS = 10  # before time may stop a training
_OURS = ("n_estimators", "patience", "text", "series", "class_weight")


@dataclass(eq=False)
class BoostedFitted(InSteps):
    """Trees trained on one fold.

    Attributes:
        booster: The trees, cut after the best round.
        prepared: The preprocessing.
        classes: Indices of the classes that occur in the fold; empty for regression.
        outputs: 1, or the number of classes of the task.
        curves: One number a round.
        centre: What was subtracted from values to be predicted, before they became float32.
    """

    library: ClassVar[str]
    file: ClassVar[str]
    """What the trees are stored as."""
    booster: Any
    prepared: Prepared
    classes: tuple[int, ...]
    outputs: int
    curves: Curves
    centre: float = 0.0

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[Output, ...] = ()) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`; a class absent from the fold gets 0."""
        (matrix,) = read
        return expand(self.predicted(matrix), self.classes, self.outputs, centre=self.centre)

    def save(self, folder: Path) -> None:
        """Write the trees, `preprocess.skops` and `model.json`."""
        self.booster.save_model(folder / self.file)
        settings = {
            "library": self.library,
            "classes": self.classes,
            "outputs": self.outputs,
            "centre": self.centre,
            "prepared": self.prepared.save(folder),
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], store: Store) -> Self:
        """Read what `save` wrote."""
        prepared = store.prepared(folder, settings["prepared"])
        classes, centre = tuple(settings["classes"]), settings["centre"]
        return cls(cls.opened(folder / cls.file), prepared, classes, settings["outputs"], {}, centre)

    @staticmethod
    @abstractmethod
    def opened(path: Path) -> Any:
        """Read the trees."""

    @abstractmethod
    def predicted(self, matrix: Columns) -> NDArray[Any]:
        """Return what the trees say, `(rows, 1)` or `(rows, classes of the fold)`."""


@dataclass(frozen=True, eq=False)
class BoostedRows:
    """A fold's labels for boosting: classes are 0, 1, ... without holes, and values lie about zero.

    Attributes:
        labels: Of the training rows.
        weight: How much each of these counts; None where all count alike.
        inner: What the preprocessing makes of the inner rows; those of a class that no training row has are left out.
        inner_labels: Of these.
        inner_weight: How much each of these counts.
        classes: Indices of the classes that occur among the training rows; empty for regression.
        centre: What was subtracted from values to be predicted, before they became float32.
    """

    labels: NDArray[Any]
    weight: NDArray[np.float32] | None
    inner: Columns
    inner_labels: NDArray[Any]
    inner_weight: NDArray[np.float32] | None
    classes: tuple[int, ...]
    centre: float


def learn_columns(config: Config, signature: Signature, fold: Fold) -> tuple[Prepared, Columns, list[str]]:
    """Learn what trees read of a fold's training rows.

    Returns:
        The preprocessing, the training rows' own matrix, and the type of each column: `"c"` for a category, or `"q"`.
    """
    table = fold.train.table
    recipe = Recipe("none", "codes", signature.cardinalities)
    text = text_recipe(config) if signature.texts else None
    reading = joined_reading(recipe, text, signature, config=config, by="trees")
    prepared, matrix = learn(reading, table, fold.train.target, target_kind=signature.target.kind)
    return prepared, matrix, with_types(feature_types(recipe, table.numbers.shape[1]), matrix)


def with_types(types: list[str], matrix: Columns) -> list[str]:
    """Return the types of all columns: those that are not told are numbers."""
    return [*types, *["q"] * (matrix.shape[1] - len(types))]


def boosted_rows(config: Config, fold: Fold, inner: Columns, *, target: Target) -> BoostedRows:
    """Return a fold's labels as libraries of boosted trees want them.

    Args:
        config: The configuration, which may balance classes.
        fold: The fold.
        inner: What the preprocessing makes of the inner rows.
        target: The target.
    """
    weight, centre = row_weights(config, fold.train), centre_of(fold.train.target, target)
    if target.kind == "regression":
        labels, inner_labels = (rows.target - centre for rows in (fold.train, fold.inner))
        return BoostedRows(labels, weight, inner, inner_labels, row_weights(config, fold.inner), (), centre)
    present = np.unique(fold.train.target)
    known = np.flatnonzero(np.isin(fold.inner.target, present))
    watched = fold.inner.take(known)
    places, inner_places = (np.searchsorted(present, rows.target) for rows in (fold.train, watched))
    classes = tuple(present.tolist())
    return BoostedRows(places, weight, inner[known], inner_places, row_weights(config, watched), classes, centre)


def searched(config: Config, *ours: str) -> dict[str, Any]:
    """Return the part of a configuration that is the library's own; some more names may be ours."""
    return {name: chosen(value) for name, value in config.items() if name not in (*_OURS, *ours)}


def patience_at(least: int, best: int) -> int:
    """Return how many rounds to wait for a better one: the longer, the later the best one was, as steps are small.

    After AutoGluon 1.4, which waits three tenths of the best round and ten more.

    Args:
        least: How many at least.
        best: The best round, from 0.

    >>> patience_at(50, 0), patience_at(50, 1000)
    (50, 310)
    """
    return max(least, 10 + best * 3 // 10)


def expand(outputs: NDArray[Any], classes: tuple[int, ...], n_outputs: int, *, centre: float) -> NDArray[np.float64]:
    """Return values, or probabilities of all classes of the task; those absent from the fold get 0.

    Args:
        outputs: `(rows, 1)` or `(rows, classes of the fold)`; of two classes the probability of the second.
        classes: Indices of the fold's classes; empty for regression.
        n_outputs: 1, or the number of classes of the task.
        centre: What is added to values.
    """
    if not classes:
        return outputs.astype(np.float64) + centre
    probabilities = summing_to_one(outputs)
    if len(classes) == n_outputs:
        return probabilities
    expanded = np.zeros((len(outputs), n_outputs))
    expanded[:, list(classes)] = probabilities[:, : len(classes)]
    return expanded
