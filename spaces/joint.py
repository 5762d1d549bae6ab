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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy import sparse

from spaces.arrays import MOST_PIXELS, flat_width
from spaces.family import Fitted, Fold
from spaces.heads import activated, loss_for
from spaces.inputs import Columns, Prepared, Reading, joined_reading, learn, load_prepared
from spaces.keras_model import KerasFitted, TargetScale, finished, inference_view, scaled
from spaces.loading import load_fitted
from spaces.preprocess import Recipe
from spaces.probabilities import scores_of
from spaces.signature import Signature, Target
from spaces.table import Table
from spaces.texts import Bag, listed
from spaces.training import Arrays, Trainer, predict
from spaces.xgboost_model import XGBoostFitted

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_MOST_TREES, _CROSSES, _NGRAMS, _MOST = 100, 256, 20_000, 1024
EPOCHS, _PATIENCE, _BATCH = 20, 3, 256
_RATE, _WIDE_RATE = 1e-3, 0.05
_SPARSE = (("ids", "int32"), ("weights", "float32"))


class CannotJoin(ValueError):
    """A network that has no last hidden layer to build on."""


@dataclass(frozen=True, eq=False)
class Beside:
    """Several preprocessings.

    Attributes:
        parts: The preprocessings.
        key: They have no name together.
    """

    parts: tuple[Prepared, ...]
    key: str | None = None

    def matrix(self, table: Table) -> tuple[Columns, ...]:
        """Return what each part makes of the rows."""
        return tuple(part.matrix(table) for part in self.parts)


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

    def leaves(self, matrix: Columns) -> NDArray[np.int32]:
        """Return the node that each tree puts a row into, `(rows, trees)`."""
        booster = self.tree.booster
        rounds = min(booster.num_boosted_rounds(), _MOST_TREES)
        rows = xgboost.DMatrix(matrix, feature_types=booster.feature_types, enable_categorical=True)
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
class JointFitted:
    """A joint model of one fold.

    Attributes:
        average: What it begins with.
        wide: The columns of the wide part.
        model: The network `(base, columns or ids and weights, leaves, what the tower reads) -> outputs`.
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
    curves: dict[str, list[float]] = field(default_factory=dict)

    @property
    def prepared(self) -> Beside:
        """The preprocessing of the wide part, of the trees and of the network."""
        return Beside((self.wide.prepared, self.average.tree.prepared, self.average.tower.prepared))

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, read: tuple[Columns, ...]) -> NDArray[np.float32]:
        """Predict rows that are already preprocessed."""
        return finished(predict(self.model, inputs(self.average, self.wide, read)), self.average.scale, self.kind)

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
    def load(folder: Path, settings: Mapping[str, Any]) -> JointFitted:
        """Read what `save` wrote."""
        model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
        tree, tower = load_fitted(folder / "tree"), load_fitted(folder / "tower")
        assert isinstance(tree, XGBoostFitted)
        assert isinstance(tower, KerasFitted)
        scale = TargetScale.from_json(settings)
        average = Average(tree, tower, np.array(settings["coefficients"]), scale)
        prepared = load_prepared(folder, settings["prepared"])
        wide = Wide(prepared, settings.get("most", 0), tuple(settings["sizes"]))  # none in those of tables alone, once
        return JointFitted(average, wide, model, settings["kind"], settings["penalty"], settings["epochs"])


def fit_joint(
    tree: Fitted,
    tower: Fitted,
    fold: Fold,
    coefficients: NDArray[np.float64],
    said: NDArray[Any],
    signature: Signature,
    *,
    penalties: Sequence[float] = PENALTIES,
    epochs: int = EPOCHS,
) -> JointFitted:
    """Train a joint model on one fold.

    The penalty is that of least loss on the inner rows while the network's layers are frozen.

    Args:
        tree: The trees of this fold.
        tower: The network of this fold.
        fold: Training and inner rows.
        coefficients: `(2,)`, of the average of trees and network.
        said: What trees and network *that had not seen them* said of the training rows, `(2, rows, outputs)`. Of the
            inner rows those of this fold are asked, as they will be of new rows.
        signature: The task's.
        penalties: The L1 penalties to try.
        epochs: At most so many with the network's layers frozen, and as many without.

    Raises:
        CannotJoin: The network has no last hidden layer, or these are not trees and a network.
    """
    if not isinstance(tree, XGBoostFitted) or not isinstance(tower, KerasFitted):
        raise CannotJoin("a joint model needs boosted trees and a network")
    body, target = _body(tower), signature.target
    average = Average(tree, tower, coefficients, TargetScale.of(fold.train.target, target))
    prepared, columns = learn(_wide_reading(signature), fold.train.table, fold.train.target, target.kind)
    seen = (columns, *Beside((tree.prepared, tower.prepared)).matrix(fold.train.table))
    fresh = Beside((prepared, tree.prepared, tower.prepared)).matrix(fold.inner.table)
    most = min(_MOST, int(columns.getnnz(axis=1).max())) if sparse.issparse(columns) else 0
    wide = Wide(prepared, most, tuple((average.leaves(seen[1]).max(axis=0) + 1).tolist()))
    outputs = 1 if target.kind != "multiclass" else target.outputs
    loss = loss_for(target, outputs)
    train_y, inner_y = (scaled(rows, average.scale, target, outputs) for rows in (fold.train, fold.inner))
    train = Arrays(inputs(average, wide, seen, average.scores(said)), train_y)
    inner = Arrays(inputs(average, wide, fresh), inner_y)
    frozen = []
    train_units, inner_units = (_with_units(body, rows) for rows in (train, inner))
    for penalty in penalties:
        keras.utils.set_random_seed(fold.seed)
        top = _top(wide, columns.shape[1], body.output_shape[-1], outputs, target)
        frozen.append(
            _train(top, train_units, inner_units, loss, penalty=penalty, rate=_RATE, epochs=epochs, seed=fold.seed)
        )
    best = min(frozen, key=lambda trained: trained.loss)
    whole = _whole(best.model, body)
    tuned = _train(whole, train, inner, loss, penalty=best.penalty, rate=_RATE / 10, epochs=epochs, seed=fold.seed)
    curves = {name: values + tuned.curves[name] for name, values in best.curves.items()}
    return JointFitted(average, wide, whole, target.kind, best.penalty, best.epochs + tuned.epochs, curves)


def inputs(
    average: Average, wide: Wide, read: tuple[Columns, ...], base: NDArray[np.float32] | None = None
) -> tuple[NDArray[Any], ...]:
    """Return what a joint model's network reads.

    Args:
        average: What it begins with.
        wide: The columns of its wide part.
        read: The rows as the wide part, the trees and the tower read them.
        base: What the average says, `(rows, scores)`; trees and tower are asked when left out.
    """
    columns, trees, tower = read
    if base is None:
        base = average.scores(np.stack([average.tree.predict_matrix(trees), average.tower.predict_matrix(tower)]))
    padded = average.tower.padded(tower)
    beside = padded if isinstance(padded, tuple) else (padded,)
    return (base, *wide.arrays(columns, average.leaves(trees)), *beside)


def _wide_reading(signature: Signature) -> Reading:
    """Return what a linear model would read; n-grams are there or not, as categories are."""
    several = signature.table is not None and signature.table.shape[0] > 1
    table = Recipe("piecewise", "onehot", signature.cardinalities, _CROSSES if several else 0)
    text = Bag("word", 2, _NGRAMS, "multi_hot", _MOST) if signature.texts else None
    reading = joined_reading(table, text, signature)
    few = tuple(
        recipe
        for recipe in reading.arrays
        if flat_width(recipe.kind, signature.arrays[recipe.place].shape) <= MOST_PIXELS
    )
    return replace(reading, arrays=few)


def _body(tower: KerasFitted) -> keras.Model:
    """Return a copy of a network up to its last hidden layer."""
    try:
        read = tuple(tower.model.inputs)
        tuned = keras.Model(read if len(read) > 1 else read[0], _head(tower.model).input, name="body")
    except (AttributeError, IndexError, ValueError, TypeError) as error:
        raise CannotJoin(f"the network {tower.model.name!r} has no last hidden layer to build on: {error}") from error
    body = keras.models.clone_model(tuned)
    body.set_weights(tuned.get_weights())
    return body


def _with_units(body: keras.Model, rows: Arrays) -> Arrays:
    """Return rows with the units of the last hidden layer in place of what the network reads."""
    reads = len(body.inputs)
    units = predict(body, rows.x[-reads:] if reads > 1 else rows.x[-1])
    return rows._replace(x=(*rows.x[:-reads], units))


def _top(wide: Wide, width: int, units: int, outputs: int, target: Target) -> keras.Model:
    """Build the sum of average, wide part and delta, given the units of the network's last hidden layer."""
    base = keras.Input((outputs,), name="base")
    leaf = keras.Input((len(wide.sizes),), dtype="int32", name="leaf")
    unit = keras.Input((units,), name="unit")
    if wide.most:
        columns = [keras.Input((wide.most,), dtype=dtype, name=name) for name, dtype in _SPARSE]
        rows = keras.layers.Embedding(width + 1, outputs, embeddings_initializer="zeros", name="wide")(columns[0])
        linear = keras.layers.Dot(axes=(1, 1))([rows, columns[1]])
    else:
        columns = [keras.Input((width,), name="columns")]
        linear = keras.layers.Dense(outputs, use_bias=False, kernel_initializer="zeros", name="wide")(columns[0])
    leaves = keras.layers.Embedding(sum(wide.sizes), outputs, embeddings_initializer="zeros", name="leaves")(leaf)
    delta = keras.layers.Dense(outputs, kernel_initializer="zeros", name="delta")(unit)
    total = keras.layers.Add(name="total")([base, linear, keras.ops.sum(leaves, axis=1), delta])
    return keras.Model((base, *columns, leaf, unit), activated(total, target), name="top")


def _whole(top: keras.Model, body: keras.Model) -> keras.Model:
    """Build the joint model: the network's layers under the top."""
    beside = [keras.Input(one.shape[1:], dtype=one.dtype, name=one.name) for one in top.inputs[:-1]]
    tower = [keras.Input(one.shape[1:], dtype=one.dtype, name=f"tower_{i}") for i, one in enumerate(body.inputs)]
    units = body(tuple(tower) if len(tower) > 1 else tower[0], training=False)
    return keras.Model((*beside, *tower), top((*beside, units)), name="joint")


def _head(model: keras.Model) -> keras.layers.Layer:
    """Return the dense layer that ends a network, of a wide-and-deep one that of its deep part."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return next((layer for layer in dense if layer.name == "deep"), dense[-1])


class _Trained(NamedTuple):
    """A network in its best state: after some epochs, none at the earliest, by its loss on the inner rows."""

    model: keras.Model
    penalty: float
    loss: float
    epochs: int
    curves: dict[str, list[float]]


def _train(
    model: keras.Model,
    train: Arrays,
    inner: Arrays,
    loss: Any,
    *,
    penalty: float,
    rate: float,
    epochs: int,
    seed: int,
) -> _Trained:
    """Train, and keep the best state, the first one included."""
    ftrl = keras.optimizers.Ftrl(_WIDE_RATE * rate / _RATE, l1_regularization_strength=penalty)
    both = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.AdamW(rate), {"wide/.*": ftrl, "leaves/.*": ftrl})
    )
    model.compile(optimizer=both, loss=loss)
    before = keras.losses.get(loss)(inner.y.reshape(len(inner.y), -1), predict(model, inner.x))
    keeper = _KeepBest(float(keras.ops.mean(before)))
    rng = np.random.default_rng(seed)
    curves = Trainer(model).train(
        train,
        inner,
        epochs=epochs,
        batch_size=_BATCH,
        callbacks=[keeper],
        order=lambda epoch: rng.permutation(len(train.y)),
    )
    return _Trained(model, penalty, keeper.least, keeper.best_epoch, curves)


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
