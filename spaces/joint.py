"""A joint wide-and-deep model that begins as an average of boosted trees and a network, and learns what they missed.

    z(x) = base(x) + wide(x) + delta(x)

`base` is a fixed weighted sum of what the trees and the network say (log odds, or values), `wide` is linear in
frequent values, bins, crosses and the leaves that the trees put a row into, `delta` is linear in the network's last
hidden layer. Both begin at zero, so before the first epoch the model *is* the average; and that is one of the states
early stopping chooses from. Trained with FTRL and an L1 penalty (wide) and AdamW (delta), first with the network's
layers frozen, then at a tenth of the rate without. Cheng et al., "Wide & deep learning for recommender systems", DLRS
2016; leaves as categories: He et al., "Practical lessons from predicting clicks on ads at Facebook", ADKDD 2014.

A linear model on leaves of trees that were grown on the same rows overfits badly, which only the penalty holds off: it
is chosen on inner rows, which no tree was grown on, with the average that these very trees and network make there. With
an average of other models the leaves would look like news, which they are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import xgboost
from numpy.typing import NDArray

from spaces.family import Fitted, Fold
from spaces.heads import activated, loss_for
from spaces.inputs import Prepared
from spaces.keras_model import KerasFitted, TargetScale, finished, inference_view, scaled
from spaces.loading import load_fitted
from spaces.preprocess import PreparedTable, Recipe, load_table, training_matrix
from spaces.probabilities import scores_of
from spaces.signature import Target
from spaces.table import Table
from spaces.training import Arrays, Trainer, predict
from spaces.xgboost_model import XGBoostFitted

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_MOST_TREES, _CROSSES = 100, 256
_EPOCHS, _PATIENCE, _BATCH = 20, 3, 256
_RATE, _WIDE_RATE = 1e-3, 0.05


class CannotJoin(ValueError):
    """A network that has no last hidden layer to build on."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Several preprocessings, their matrices side by side.

    Attributes:
        parts: The preprocessings.
        key: They have no name together.
    """

    parts: tuple[Prepared, ...]
    key: str | None = None

    def matrix(self, table: Table) -> NDArray[np.float32]:
        """Return the parts' matrices side by side, `(rows, width)`."""
        return np.hstack([part.matrix(table) for part in self.parts])

    def split(self, matrix: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the parts' matrices."""
        return np.split(matrix, np.cumsum([part.width for part in self.parts])[:-1], axis=1)


@dataclass(frozen=True, eq=False)
class Average:
    """The average that a joint model begins with.

    Attributes:
        tree: The trees of one fold.
        tower: The network of the same fold.
        coefficients: `(2,)`, of the trees' and of the network's log odds or values.
        scale: The scale of a regression target.
    """

    tree: XGBoostFitted
    tower: KerasFitted
    coefficients: NDArray[np.float64]
    scale: TargetScale

    def scores(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the average `(rows, scores)` of predictions `(2, rows, outputs)`, on the joint model's scale."""
        average = np.tensordot(self.coefficients, scores_of(predictions), axes=1)
        return ((average - self.scale.mean) / self.scale.deviation).astype(np.float32)

    def leaves(self, matrix: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the node that each tree puts a row into, `(rows, trees)`."""
        booster = self.tree.booster
        rounds = min(booster.num_boosted_rounds(), _MOST_TREES)
        rows = xgboost.DMatrix(matrix, feature_types=booster.feature_types, enable_categorical=True)
        found = booster.predict(rows, pred_leaf=True, iteration_range=(0, rounds))
        return found.reshape(len(matrix), -1).astype(np.int32)


@dataclass(eq=False)
class JointFitted:
    """A joint model of one fold.

    Attributes:
        average: What it begins with.
        wide: The preprocessing of the wide part.
        sizes: The number of nodes of each tree.
        model: The network `(base, wide, leaves, matrix) -> outputs`.
        kind: The kind of target.
        penalty: The L1 penalty that was chosen.
        epochs: How many epochs it is away from the average; 0 where nothing was better.
        curves: One number an epoch.
    """

    library: ClassVar[str] = "joint"
    average: Average
    wide: PreparedTable
    sizes: tuple[int, ...]
    model: keras.Model
    kind: str
    penalty: float
    epochs: int
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def prepared(self) -> Beside:
        """The preprocessing of the wide part, of the trees and of the network, side by side."""
        return Beside((self.wide, self.average.tree.prepared, self.average.tower.prepared))

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows that are already preprocessed."""
        return finished(predict(self.model, self.read(matrix)), self.average.scale, self.kind)

    def read(self, matrix: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        """Return what the network reads of rows that are already preprocessed."""
        wide, trees, tower = self.prepared.split(matrix)
        said = [self.average.tree.predict_matrix(trees), self.average.tower.predict_matrix(tower)]
        return self.inputs(self.average.scores(np.stack(said)), wide, trees, tower)

    def inputs(
        self,
        base: NDArray[np.float32],
        wide: NDArray[np.float32],
        trees: NDArray[np.float32],
        tower: NDArray[np.float32],
    ) -> tuple[NDArray[Any], ...]:
        """Return what the network reads, given the average and each part's matrix."""
        leaves = np.minimum(self.average.leaves(trees), np.array(self.sizes) - 1) + _starts(self.sizes)
        return base, wide, leaves.astype(np.int32), self.average.tower.padded(tower)

    def save(self, folder: Path) -> None:
        """Write `model.keras`, `preprocess.skops`, `model.json`, and trees and network in their own folders."""
        inference_view(self.model).save(folder / "model.keras")
        for name, part in (("tree", self.average.tree), ("tower", self.average.tower)):
            (folder / name).mkdir(exist_ok=True)
            part.save(folder / name)
        settings = {
            "library": self.library,
            "prepared": self.wide.save(folder),
            "sizes": self.sizes,
            "coefficients": self.average.coefficients.tolist(),
            **self.average.scale.to_json(),
            "kind": self.kind,
            "penalty": self.penalty,
            "epochs": self.epochs,
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> JointFitted:
        """Read what `save` wrote."""
        model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
        tree, tower = load_fitted(folder / "tree"), load_fitted(folder / "tower")
        assert isinstance(tree, XGBoostFitted)
        assert isinstance(tower, KerasFitted)
        scale = TargetScale.from_json(settings)
        average = Average(tree, tower, np.array(settings["coefficients"]), scale)
        wide, sizes = load_table(folder, settings["prepared"]), tuple(settings["sizes"])
        return JointFitted(average, wide, sizes, model, settings["kind"], settings["penalty"], settings["epochs"])


def fit_joint(
    tree: Fitted,
    tower: Fitted,
    fold: Fold,
    coefficients: NDArray[np.float64],
    said: NDArray[Any],
    target: Target,
    cardinalities: tuple[int, ...],
    *,
    penalties: Sequence[float] = PENALTIES,
    epochs: int = _EPOCHS,
) -> JointFitted:
    """Train a joint model on one fold, with the penalty of least loss on the inner rows.

    Args:
        tree: The trees of this fold.
        tower: The network of this fold.
        fold: Training and inner rows.
        coefficients: `(2,)`, of the average of trees and network.
        said: What trees and network *that had not seen them* said of the training rows, `(2, rows, outputs)`. Of the
            inner rows those of this fold are asked, as they will be of new rows.
        target: The task's target.
        cardinalities: The number of categories of each category column.
        penalties: The L1 penalties to try.
        epochs: At most so many with the network's layers frozen, and as many without.

    Raises:
        CannotJoin: The network has no last hidden layer, or these are not trees and a network.
    """
    if not isinstance(tree, XGBoostFitted) or not isinstance(tower, KerasFitted):
        raise CannotJoin("a joint model needs boosted trees and a network")
    average = Average(tree, tower, coefficients, TargetScale.of(fold.train.target, target))
    recipe = Recipe("piecewise", "onehot", cardinalities, _CROSSES if fold.train.table.joined().shape[1] > 1 else 0)
    wide, wide_matrix = training_matrix(recipe, fold.train.table, fold.train.target, target.kind)
    codes = tree.prepared.matrix(fold.train.table)
    sizes = tuple((average.leaves(codes).max(axis=0) + 1).tolist())
    best: JointFitted | None = None
    least = np.inf
    for penalty in penalties:
        keras.utils.set_random_seed(fold.seed)
        outputs = 1 if target.kind != "multiclass" else target.outputs
        model = _network(tower, wide.width, sizes, outputs, target)
        made = JointFitted(average, wide, sizes, model, target.kind, penalty, 0)
        train = made.inputs(average.scores(said), wide_matrix, codes, tower.prepared.matrix(fold.train.table))
        inner = made.read(made.prepared.matrix(fold.inner.table))
        loss = _train(
            made,
            Arrays(train, scaled(fold.train, average.scale, target, outputs)),
            Arrays(inner, scaled(fold.inner, average.scale, target, outputs)),
            loss_for(target, outputs),
            epochs,
            fold.seed,
        )
        if best is None or loss < least:
            best, least = made, loss
    assert best is not None
    return best


def _network(tower: KerasFitted, wide: int, sizes: tuple[int, ...], outputs: int, target: Target) -> keras.Model:
    try:
        tuned = keras.Model(tower.model.inputs, _head(tower.model).input, name="body")
    except (AttributeError, IndexError, ValueError, TypeError) as error:
        raise CannotJoin(f"the network {tower.model.name!r} has no last hidden layer to build on: {error}") from error
    body = keras.models.clone_model(tuned)
    body.set_weights(tuned.get_weights())
    inputs = (
        keras.Input((outputs,), name="base"),
        keras.Input((wide,), name="columns"),
        keras.Input((len(sizes),), dtype="int32", name="leaf"),
        keras.Input(tower.model.input_shape[1:], name="matrix"),
    )
    base, columns, leaf, matrix = inputs
    linear = keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros", name="wide")(columns)
    leaves = keras.layers.Embedding(sum(sizes), outputs, embeddings_initializer="zeros", name="leaves")(leaf)
    leaves = keras.ops.sum(leaves, axis=1)
    delta = keras.layers.Dense(outputs, kernel_initializer="zeros", name="delta")(body(matrix, training=False))
    total = keras.layers.Add(name="total")([base, linear, leaves, delta])
    return keras.Model(inputs, activated(total, target), name="joint")


def _head(model: keras.Model) -> keras.layers.Layer:
    """Return the dense layer that ends a network, of a wide-and-deep one that of its deep part."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return next((layer for layer in dense if layer.name == "deep"), dense[-1])


def _train(made: JointFitted, train: Arrays, inner: Arrays, loss: Any, epochs: int, seed: int) -> float:
    """Train with the network's layers frozen, then without, and keep the best state, the first one included."""
    model, body = made.model, made.model.get_layer("body")
    least = np.inf
    for rate, frozen in ((_RATE, True), (_RATE / 10, False)):
        body.trainable = not frozen
        ftrl = keras.optimizers.Ftrl(_WIDE_RATE * rate / _RATE, l1_regularization_strength=made.penalty)
        both = keras.optimizers.MultiOptimizer(
            keras.optimizers.OptimizerMap(keras.optimizers.AdamW(rate), {"wide/.*": ftrl, "leaves/.*": ftrl})
        )
        model.compile(optimizer=both, loss=loss)
        keeper = _KeepBest(float(model.evaluate(inner.x, inner.y, batch_size=4096, verbose=0)))
        rng = np.random.default_rng(seed)
        curves = Trainer(model).train(
            train,
            inner,
            epochs=epochs,
            batch_size=_BATCH,
            callbacks=[keeper],
            order=lambda epoch: rng.permutation(len(train.y)),
        )
        made.epochs += keeper.best_epoch
        made.curves = {name: made.curves.get(name, []) + values for name, values in curves.items()}
        least = keeper.least
    return least


class _KeepBest(keras.callbacks.Callback):
    """Ends training when it stops helping and restores the best weights, those before the first epoch included."""

    def __init__(self, before: float) -> None:
        super().__init__()
        self.least, self.best_epoch = before, 0
        self._weights: list[NDArray[Any]] = []

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._weights = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        now = (logs or {})["val_loss"]
        if now < self.least:
            self.least, self.best_epoch, self._weights = now, epoch + 1, self.model.get_weights()
        elif epoch + 1 - self.best_epoch >= _PATIENCE:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.model.set_weights(self._weights)


def _starts(sizes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.cumsum([0, *sizes[:-1]])
