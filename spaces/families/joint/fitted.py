"""A joint wide-and-deep model that begins as an average of boosted trees and a network, and learns what they missed.

    z(x) = base(x) + wide(x) + delta(x)

`base` is a fixed weighted sum of what the trees and the network say (log odds, or values), `wide` is linear in
frequent values, bins, crosses, n-grams of texts and the leaves that the trees put a row into, `delta` is linear in the
network's last hidden layer. Both begin at zero, so before the first epoch the model *is* the average; and that is one
of the states early stopping chooses from. Trained with FTRL and an L1 penalty (wide) and AdamW (delta), first with the
network's layers frozen, so that what they make of the rows is computed once, then at a tenth of the rate without. Cheng
et al., "Wide & deep learning for recommender systems", DLRS 2016; leaves as categories: He et al., "Practical lessons
from predicting clicks on ads at Facebook", ADKDD 2014.

A linear model on leaves of trees that were grown on the same rows overfits badly, which only the penalty holds off: it
is chosen on inner rows, which no tree was grown on, with the average that these very trees and network make there. With
an average of other models the leaves would look like news, which they are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, softmax

from spaces.engines.contract import InSteps, Output, Read, Store
from spaces.engines.curves import Curves
from spaces.engines.keras.fitted import KerasFitted, KerasNetwork, inference_view
from spaces.engines.keras.scale import TargetScale, finished
from spaces.engines.keras.stored import open_network
from spaces.engines.xgboost import XGBoostFitted
from spaces.families.sequences.model import StepFitted
from spaces.inputs.prepared import Columns, Prepared, Reader
from spaces.inputs.text.vocabulary import listed
from spaces.machine.cores import threads_for
from spaces.probabilities import scores_of

_MOST_TREES = 100


@dataclass(frozen=True, eq=False)
class Average:
    """The average that a joint model begins with.

    Attributes:
        tree: The trees of one fold.
        tower: The network of the same fold, of rows or of steps of sequences.
        coefficients: `(2,)`, of the trees' and of the network's log odds or values.
        scale: The scale of a regression target.
    """

    tree: XGBoostFitted
    tower: KerasFitted | StepFitted
    coefficients: NDArray[np.float64]
    scale: TargetScale

    def scores(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the average `(rows, scores)` of predictions `(2, rows, outputs)`, on the joint model's scale."""
        away = scores_of(predictions) - self.scale.mean  # far from zero, a sum of weights that is 1 - 1e-7 would tell
        return (np.tensordot(self.coefficients, away, axes=1) / self.scale.deviation).astype(np.float32)

    def of(self, trees: Columns, tower: Columns, outputs: tuple[Output, ...]) -> NDArray[np.float32]:
        """Return the average of rows as trees and tower read them, given the outputs of the tower's networks."""
        predicted = [self.tree.finish((trees,)), self.tower.finish((tower,), outputs)]
        return self.scores(np.stack(predicted))

    def above(self, read: Columns) -> Columns:
        """Return what is joined: what the network is fed, or what its last hidden layer makes of every step."""
        return self.tower.hidden(read) if isinstance(self.tower, StepFitted) else self.tower.feeds((read,))[0]

    def leaves(self, matrix: Columns) -> NDArray[np.int32]:
        """Return the node that each tree puts a row into, `(rows, trees)`."""
        booster = self.tree.booster
        rounds = min(booster.num_boosted_rounds(), _MOST_TREES)
        nthread = threads_for(*matrix.shape)
        booster.set_param({"nthread": nthread})
        rows = xgboost.DMatrix(matrix, feature_types=booster.feature_types, enable_categorical=True, nthread=nthread)
        found = booster.predict(rows, pred_leaf=True, iteration_range=(0, rounds))
        return found.reshape(matrix.shape[0], -1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Wide:
    """The columns that the wide part is linear in: those that a linear model of the task reads, and leaves of trees.

    Attributes:
        prepared: Makes the columns.
        most: Of a sparse matrix's rows so many columns are seen, the largest; 0 for matrices that are not sparse.
        sizes: The number of nodes of each tree.
    """

    prepared: Prepared
    most: int
    sizes: tuple[int, ...]

    def arrays(self, columns: Columns, leaves: NDArray[np.int32]) -> list[NDArray[Any]]:
        """Return the columns as one array, or as ids and weights; and the leaves, numbered through all trees."""
        starts = np.cumsum([0, *self.sizes[:-1]])
        numbered = (np.minimum(leaves, np.array(self.sizes) - 1) + starts).astype(np.int32)
        if not sparse.issparse(columns):
            return [columns, numbered]
        there = columns.copy()
        there.eliminate_zeros()
        return [*listed(there, self.most), numbered]


@dataclass(eq=False)
class JointFitted(InSteps):
    """A joint model of one fold.

    Attributes:
        average: What it begins with.
        wide: The columns of the wide part.
        model: The network `(columns or ids and weights, leaves, what the tower reads) -> wide + delta`, which is
            added to the average; of steps it is given the tower's last hidden layer.
        kind: The kind of target.
        penalty: The L1 penalty that was chosen.
        epochs: How many epochs it is away from the average; 0 where nothing was better.
        curves: One number an epoch.
    """

    library: ClassVar[str] = "joint"
    average: Average
    wide: Wide
    model: keras.Model
    kind: str
    penalty: float
    epochs: int
    curves: Curves = field(default_factory=dict)

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The preprocessing of the wide part, of the trees and of the network."""
        return (self.wide.prepared, *self.average.tree.readers, *self.average.tower.readers)

    @property
    def networks(self) -> tuple[KerasNetwork, ...]:
        """The tower, and what is added to the average."""
        return (*self.average.tower.networks, KerasNetwork(self.model))

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return what the tower reads, and what the wide part and the correction do."""
        columns, trees, tower = read
        joined = self.average.above(tower)
        correction = beside(self.average, self.wide, columns, trees=trees, tower=joined)
        return (joined, correction) if self.average.tower.networks else (correction,)

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`."""
        _, trees, tower = read
        *of_tower, correction = outputs
        base = self.average.of(trees, tower, tuple(of_tower))
        return finished(_activated(base + correction, self.kind), self.average.scale, self.kind)

    def save(self, folder: Path) -> None:
        """Write `model.keras`, `preprocess.skops`, `model.json`, and trees and network in their own folders."""
        inference_view(self.model).save(folder / "model.keras")
        for name, part in (("tree", self.average.tree), ("tower", self.average.tower)):
            (folder / name).mkdir(exist_ok=True)
            part.save(folder / name)
        settings = {
            "library": self.library,
            "prepared": self.wide.prepared.save(folder),
            "most": self.wide.most,
            "sizes": self.wide.sizes,
            "coefficients": self.average.coefficients.tolist(),
            **self.average.scale.to_json(),
            "kind": self.kind,
            "penalty": self.penalty,
            "epochs": self.epochs,
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> JointFitted:
        """Read what `save` wrote."""
        model = open_network(folder / "model.keras")
        tree, tower = store.fitted(folder / "tree"), store.fitted(folder / "tower")
        assert isinstance(tree, XGBoostFitted)
        assert isinstance(tower, KerasFitted | StepFitted)
        scale = TargetScale.from_json(settings)
        average = Average(tree, tower, np.array(settings["coefficients"]), scale)
        prepared = store.prepared(folder, settings["prepared"])
        wide = Wide(prepared, settings["most"], tuple(settings["sizes"]))
        return JointFitted(average, wide, model, settings["kind"], settings["penalty"], settings["epochs"])


def beside(
    average: Average, wide: Wide, columns: Columns, *, trees: Columns, tower: Columns
) -> tuple[NDArray[Any], ...]:
    """Return what the correction reads.

    Args:
        average: What the joint model begins with.
        wide: The columns of its wide part.
        columns: The rows as the wide part reads them.
        trees: The rows as the trees read them.
        tower: The rows as the tower is fed.
    """
    return (*wide.arrays(columns, average.leaves(trees)), *(tower if isinstance(tower, tuple) else (tower,)))


def _activated(scores: NDArray[Any], kind: str) -> NDArray[Any]:
    """Return values as they are, or the probabilities of scores."""
    found: NDArray[Any] = {"binary": expit, "multiclass": lambda logits: softmax(logits, axis=1)}.get(
        kind, lambda values: values
    )(scores)
    return found
