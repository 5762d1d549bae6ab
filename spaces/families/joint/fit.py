"""How a joint model is trained on a fold: the wide part and the correction first, then everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spaces.engines.contract import Fitted, Fold
from spaces.engines.curves import Curves
from spaces.engines.folds import unwatched
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.fitting import fit_network
from spaces.engines.keras.prediction import predict
from spaces.engines.keras.scale import TargetScale, scaled
from spaces.engines.keras.training import Trainer
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.engines.xgboost import XGBoostFitted
from spaces.families.joint.fitted import Average, JointFitted, Wide, beside
from spaces.families.sequences.model import StepFitted
from spaces.inputs.kinds import arrays_of
from spaces.inputs.prepared import Reading, joined_reading, learn
from spaces.inputs.table.matrix import Recipe
from spaces.inputs.text.vocabulary import Bag
from spaces.layers.at_rest import AtRest
from spaces.layers.heads import activated, loss_for, units_of
from spaces.layers.members import MemberHeads
from spaces.rows.signature import Signature
from spaces.rows.table import Table
from spaces.rows.target import Target

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_CROSSES, _NGRAMS, _MOST = 256, 20_000, 1024
EPOCHS, _PATIENCE, _BATCH = 20, 3, 256
_RATE, _WIDE_RATE = 1e-3, 0.05
_SPARSE = (("ids", "int32"), ("weights", "float32"))


class CannotJoin(ValueError):
    """A network that has no last hidden layer to build on."""


def fit_joint(
    tree: Fitted,
    tower: Fitted,
    fold: Fold,
    *,
    coefficients: NDArray[np.float64],
    predicted: NDArray[Any],
    signature: Signature,
    penalties: Sequence[float] = PENALTIES,
    epochs: int = EPOCHS,
) -> JointFitted:
    """Train a joint model on one fold.

    The penalty is that of least loss on the inner rows while the network's layers are frozen; layers that read steps of
    sequences stay so.

    Args:
        tree: The trees of this fold.
        tower: The network of this fold.
        fold: Training and inner rows.
        coefficients: `(2,)`, of the average of trees and network.
        predicted: What trees and network *that had not seen them* predicted of the training rows,
            `(2, rows, outputs)`. Of the inner rows those of this fold are asked, as they will be of new rows.
        signature: The task's.
        penalties: The L1 penalties to try.
        epochs: At most so many with the network's layers frozen, and as many without.

    Raises:
        CannotJoin: The network has no last hidden layer, or these are not trees and a network.
    """
    if not isinstance(tree, XGBoostFitted) or not isinstance(tower, KerasFitted | StepFitted):
        raise CannotJoin("a joint model needs boosted trees and a network")
    body, target = _body(tower) if isinstance(tower, KerasFitted) else None, signature.target
    average = Average(tree, tower, coefficients, TargetScale.of(fold.train.target, target))
    prepared, columns = learn(_wide_reading(signature), fold.train.table, fold.train.target, target_kind=target.kind)
    most = min(_MOST, int(columns.getnnz(axis=1).max())) if sparse.issparse(columns) else 0
    trees = tree.prepared.matrix(fold.train.table)
    wide = Wide(prepared, most, tuple((average.leaves(trees).max(axis=0) + 1).tolist()))
    outputs = units_of(target)
    loss = loss_for(target, outputs)
    joined = average.above(tower.prepared.matrix(fold.train.table))
    read = (average.scores(predicted), *beside(average, wide, columns, trees=trees, tower=joined))
    train, inner = (
        TrainingArrays(x, scaled(rows, average.scale, target, outputs=outputs), of_mean_one(row_weights({}, rows)))
        for x, rows in ((read, fold.train), (_fresh(average, wide, fold.inner.table), fold.inner))
    )
    frozen = []
    train_units, inner_units = (rows if body is None else _with_units(body, rows) for rows in (train, inner))
    units = train_units.x[-1].shape[1]
    for penalty in penalties:
        keras.utils.set_random_seed(fold.seed)
        correction = _correction(wide, columns.shape[1], units, outputs=outputs)
        top = _on_average(correction, target)
        trained = _train(
            top, train_units, inner_units, loss=loss, penalty=penalty, rate=_RATE, epochs=epochs, fold=fold
        )
        frozen.append((trained, correction))
    best, correction = min(frozen, key=lambda one: one[0].loss)
    if body is None:  # layers that read steps stay as they are
        return JointFitted(average, wide, correction, target.kind, best.penalty, best.epochs, best.curves)
    whole = _on_body(correction, body)
    tuned = _train(
        _on_average(whole, target),
        train,
        inner,
        loss=loss,
        penalty=best.penalty,
        rate=_RATE / 10,
        epochs=epochs,
        fold=fold,
    )
    curves = {name: values + tuned.curves[name] for name, values in best.curves.items()}
    return JointFitted(average, wide, whole, target.kind, best.penalty, best.epochs + tuned.epochs, curves)


def _fresh(average: Average, wide: Wide, table: Table) -> tuple[NDArray[Any], ...]:
    """Return what a joint model reads of rows that its parts have not seen, the average first."""
    columns, trees = wide.prepared.matrix(table), average.tree.prepared.matrix(table)
    tower = average.tower.prepared.matrix(table)
    joined = average.above(tower)
    outputs = tuple(network.run(joined) for network in average.tower.networks)
    return (average.of(trees, tower, outputs), *beside(average, wide, columns, trees=trees, tower=joined))


def _wide_reading(signature: Signature) -> Reading:
    """Return what a linear model would read; n-grams are there or not, as categories are."""
    several = signature.table is not None and signature.table.shape[0] > 1
    table = Recipe("piecewise", "onehot", signature.cardinalities, _CROSSES if several else 0)
    text = Bag("word", 2, _NGRAMS, "multi_hot", _MOST) if signature.texts else None
    reading = joined_reading(table, text, signature, config={}, by="linear")
    few = tuple(
        recipe
        for recipe in reading.arrays
        if arrays_of(recipe.kind).width(signature.arrays[recipe.place], "linear") is not None
    )
    return replace(reading, arrays=few)


def _body(tower: KerasFitted) -> keras.Model:
    """Return a copy of a network up to its last hidden layer."""
    try:
        read = tuple(tower.model.inputs)
        tuned = keras.Model(read if len(read) > 1 else read[0], last_layer(tower.model).input, name="body")
    except (AttributeError, IndexError, ValueError, TypeError) as error:
        raise CannotJoin(f"the network {tower.model.name!r} has no last hidden layer to build on: {error}") from error
    body = keras.models.clone_model(tuned)
    body.set_weights(tuned.get_weights())
    return body


def _with_units(body: keras.Model, rows: TrainingArrays) -> TrainingArrays:
    """Return rows with the units of the last hidden layer in place of what the network reads."""
    reads = len(body.inputs)
    units = predict(body, rows.x[-reads:] if reads > 1 else rows.x[-1])
    return rows._replace(x=(*rows.x[:-reads], units))


def _correction(wide: Wide, width: int, units: int, *, outputs: int) -> keras.Model:
    """Build the sum of wide part and delta, given the units of the network's last hidden layer."""
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
    total = keras.layers.Add(name="correction")([linear, keras.ops.sum(leaves, axis=1), delta])
    return keras.Model((*columns, leaf, unit), total, name="top")


def _on_average(correction: keras.Model, target: Target) -> keras.Model:
    """Build what is trained: the average and its correction, added and activated."""
    base = keras.Input(correction.output_shape[1:], name="base")
    given = [keras.Input(one.shape[1:], dtype=one.dtype, name=one.name) for one in correction.inputs]
    total = keras.layers.Add(name="total")([base, correction(tuple(given))])
    return keras.Model((base, *given), activated(total, target))


def _on_body(correction: keras.Model, body: keras.Model) -> keras.Model:
    """Build the correction with the network's layers under it."""
    given = [keras.Input(one.shape[1:], dtype=one.dtype, name=one.name) for one in correction.inputs[:-1]]
    tower = [keras.Input(one.shape[1:], dtype=one.dtype, name=f"tower_{i}") for i, one in enumerate(body.inputs)]
    units = AtRest(body, name="tower")(tuple(tower) if len(tower) > 1 else tower[0])
    return keras.Model((*given, *tower), correction((*given, units)), name="joint")


def last_layer(model: keras.Model) -> keras.layers.Layer:
    """Return the dense layer that ends a network, of a wide-and-deep one that of its deep part."""
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense | MemberHeads)]
    return next((layer for layer in dense if layer.name == "deep"), dense[-1])


class _Trained(NamedTuple):
    """A network in its best state: before training or after the epoch whose loss on the inner rows was lowest."""

    model: keras.Model
    penalty: float
    loss: float
    epochs: int
    curves: Curves


def _train(
    model: keras.Model,
    train: TrainingArrays,
    inner: TrainingArrays,
    *,
    loss: Any,
    penalty: float,
    rate: float,
    epochs: int,
    fold: Fold,
) -> _Trained:
    """Train, and keep the best state, the first one included."""
    ftrl = keras.optimizers.Ftrl(_WIDE_RATE * rate / _RATE, l1_regularization_strength=penalty)
    both = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(keras.optimizers.AdamW(rate), {"wide/.*": ftrl, "leaves/.*": ftrl})
    )
    model.compile(optimizer=both, loss=loss)
    before = keras.losses.get(loss)(inner.y.reshape(len(inner.y), -1), predict(model, inner.x))
    keeper = _KeepBest(float(np.average(before, weights=inner.weight)))
    rng = np.random.default_rng(fold.seed)
    curves = fit_network(
        Trainer(model),
        train,
        inner,
        fold=fold,
        config={"epochs": epochs, "batch_size": _BATCH},
        watch=unwatched,
        look=lambda table=None: predict(model, inner.x),
        own_callbacks=[keeper],
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
