"""Models that are Keras networks: preprocessing, training with early stopping, saving as `.keras`."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.family import Fold, Rows, ShippingError, Watch
from spaces.heads import loss_for
from spaces.inputs import Columns, Prepared, Reading, array_recipes, learn, learn_tables, load_prepared, text_recipe
from spaces.preprocess import Recipe
from spaces.signature import Signature, Target
from spaces.space import Config
from spaces.table import MISSING, Table
from spaces.texts import Tokens, prepare_texts
from spaces.training import Arrays, Trainer, predict, undisturbed
from spaces.weights import row_weights

Builder = Callable[[Config, Signature], keras.Model]
DEFAULTS: dict[str, Any] = {"epochs": 100, "batch_size": 64, "patience": 10, "schedule": "constant"}
DEFAULT_LEARNING_RATE = 1e-3
_VOCABULARY = 20_000


@dataclass(frozen=True)
class TargetScale:
    """Standardises numbers to be predicted with the mean and deviation of training rows, each output its own."""

    mean: float | NDArray[np.float32] = 0.0
    deviation: float | NDArray[np.float32] = 1.0

    @staticmethod
    def of(values: NDArray[Any], target: Target) -> TargetScale:
        """Learn the scale of numbers; classes are left as they are."""
        if target.kind == "regression":
            return TargetScale(float(np.mean(values)), float(np.std(values)) or 1.0)
        if not target.parts:
            return TargetScale()
        mean, deviation = np.zeros(target.outputs, np.float32), np.ones(target.outputs, np.float32)
        for i, (part, columns) in enumerate(zip(target.parts, target.columns, strict=True)):
            if not part.classes:
                mean[columns], deviation[columns] = np.mean(values[:, i]), np.std(values[:, i]) or 1.0
        return TargetScale(mean, deviation)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"mean": np.asarray(self.mean).tolist(), "deviation": np.asarray(self.deviation).tolist()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TargetScale:
        """Rebuild what `to_json` returned."""
        return TargetScale(*(np.asarray(data[name], np.float32) for name in ("mean", "deviation")))


@dataclass(eq=False)
class KerasFitted:
    """A network trained on one fold."""

    library: ClassVar[str] = "keras"
    model: keras.Model
    prepared: Prepared
    widths: tuple[int, ...]
    kind: str
    scale: TargetScale
    curves: dict[str, list[float]]

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, matrix: Columns) -> NDArray[np.float32]:
        """Predict rows that are already preprocessed."""
        return self.finished(predict(self.model, self.padded(matrix)))

    def padded(self, matrix: Columns) -> Columns:
        """Return inputs whose tables have the columns of zeros that the network expects beyond their own."""
        return _padded(matrix, self.widths)

    def finished(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's outputs on the target's scale, or as a probability for each class."""
        return finished(outputs, self.scale, self.kind)

    def save(self, folder: Path) -> None:
        """Write `model.keras`, `preprocess.skops` and `model.json`."""
        inference_view(self.model).save(folder / "model.keras")
        settings = {
            "library": self.library,
            "widths": list(self.widths),
            "prepared": self.prepared.save(folder),
            **self.scale.to_json(),
            "kind": self.kind,
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> KerasFitted:
        """Read what `save` wrote; needs neither the builder nor the training data."""
        importlib.import_module("spaces.unlabelled_networks")  # registers a layer of ours
        try:
            model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
        except (TypeError, ValueError) as error:
            raise ShippingError(_advice(str(error))) from error
        prepared = load_prepared(folder, settings["prepared"])
        scale = TargetScale.from_json(settings)
        widths = settings["widths"] if "widths" in settings else [settings["width"]] if settings["width"] else []
        return KerasFitted(model, prepared, tuple(widths), settings["kind"], scale, {})


@dataclass(frozen=True)
class KerasModel:
    """One configuration of a builder of Keras models.

    Attributes:
        builder: Makes the network.
        config: The configuration.
        signature: The task's; its tables are made one where the builder reads a single matrix.
        twins: Whether one branch reads the last two tables, so that their columns mean the same.
    """

    builder: Builder
    config: Config
    signature: Signature
    twins: bool = False
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[KerasFitted]:
        """Train on each fold in turn, all folds through one trace; see `spaces.family.Model.fit`."""
        reading, kind = self._reading(), self.signature.target.kind
        if share := self.config.get("dropped_features"):
            if any(recipe.wide for recipe in reading.tables):  # a row's copy would tell the row its own target
                raise ValueError("dropped_features does not go with category columns of so many values: leave it out")
            folds = [replace(fold, train=with_dropped_features(fold.train, share, fold.seed)) for fold in folds]
        # A category can be absent from one fold: the narrower matrices get columns of zeros.
        learned = [learn_tables(reading, fold.train.table, fold.train.target, kind) for fold in folds]
        widths = tuple(max(table.width for table, _ in of_each) for of_each in zip(*learned, strict=True))
        signature = self.signature.with_widths(widths)
        trainer: Trainer | None = None
        for fold in folds:
            keras.utils.set_random_seed(fold.seed)
            fresh = compiled(self.builder(self.config, signature), self.config, signature.target)
            for text in signature.texts[:1]:  # texts share a vocabulary, and so their vectors
                if text.vectors and reading.text:
                    from spaces.text_networks import start_from_vectors  # builders are not needed to load

                    start_from_vectors(fresh, prepare_texts(reading.text, fold.train.table).vocabulary, text.vectors)
            if trainer is None:
                trainer = Trainer(fresh)
            else:
                trainer.reset(fresh)
            yield self._fit_fold(trainer, reading, fold, widths, watch)

    def _reading(self) -> Reading:
        config, text = self.config, None
        scaling, crosses = config.get("scaling", "standard"), config.get("crosses", 0)
        tables = tuple(
            Recipe(scaling, "onehot", one.cardinalities, crosses, one.columns) for one in self.signature.tables
        )
        if self.signature.texts:
            longest = max(one.shape[0] for one in self.signature.texts)
            own = Tokens("word", config.get("vocabulary", _VOCABULARY), config.get("length", longest))
            text = text_recipe(config) if "text" in config else own
        arrays = array_recipes(self.signature, flat=False)
        return Reading(tables, text, joined=False, arrays=arrays, twins=self.twins)

    def _fit_fold(
        self, trainer: Trainer, reading: Reading, fold: Fold, widths: tuple[int, ...], watch: Watch
    ) -> KerasFitted:
        kind = self.signature.target.kind
        prepared, matrix = learn(reading, fold.train.table, fold.train.target, kind)
        scale = TargetScale.of(fold.train.target, self.signature.target)
        fitted = KerasFitted(trainer.model, prepared, widths, kind, scale, {})
        inner = _padded(prepared.matrix(fold.inner.table), widths)
        epochs = int(setting(self.config, "epochs"))
        listener = Listener(watch, epochs, lambda: undisturbed(trainer.model, lambda: fitted.predict_matrix(inner)))
        fitted.curves = trainer.train(
            self._arrays(_padded(matrix, widths), fold.train, scale, trainer.model),
            self._arrays(inner, fold.inner, scale, trainer.model) if fold.steps is None else None,
            epochs=fold.steps or epochs,
            batch_size=min(int(setting(self.config, "batch_size")), len(fold.train)),
            callbacks=[*callbacks(self.config, epochs, watched=fold.steps is None), listener],
            order=lambda epoch: np.random.default_rng([fold.seed, epoch]).permutation(len(fold.train)),
        )
        return fitted

    def _arrays(self, read: Columns, rows: Rows, scale: TargetScale, model: keras.Model) -> Arrays:
        target = scaled(rows, scale, self.signature.target, model.output_shape[-1])
        return Arrays(read, target, row_weights(self.config, rows.target))


def with_dropped_features(rows: Rows, share: float, seed: int) -> Rows:
    """Return training rows twice, the second time with a share of all that is known of them taken for missing.

    So a network learns what a missing feature means before it meets one (Chollet, "Deep Learning with Python", 4.3).
    """
    if isinstance(share, bool) or not 0 < share < 1:
        raise ValueError(f"dropped_features must be a share between 0 and 1, got {share!r}")
    table, twice = rows.table, np.tile(np.arange(len(rows)), 2)
    rng, again = np.random.default_rng(seed), slice(len(rows), None)
    key = None if table.key is None else f"{table.key}/dropped {share} {seed}"
    copied = table.take(twice, key)
    for known, missing in ((copied.numbers, np.nan), (copied.codes, MISSING)):
        known[again][rng.random((len(rows), known.shape[1])) < share] = missing
    return Rows(copied, rows.target[twice])


def compiled(model: keras.Model, config: Config, target: Target) -> keras.Model:
    """Compile a model that its builder left uncompiled, with the task's loss and the config's optimizer."""
    if not isinstance(model, keras.Model):
        raise ShippingError(f"build must return a keras.Model, got {type(model).__name__}")
    if target.parts and model.output_shape[-1] != target.outputs:
        raise ShippingError(
            f"the model's output has {model.output_shape[-1]} columns; these targets need {target.outputs} in a row"
        )
    if not model.compiled:
        loss = loss_for(target, model.output_shape[-1], config.get("loss_weights"))
        model.compile(optimizer=optimizer(config), loss=loss)
    return model


def callbacks(config: Config, epochs: int, *, watched: bool) -> list[keras.callbacks.Callback]:
    """Return the callbacks that the config asks for."""
    patience = int(setting(config, "patience"))
    found: list[keras.callbacks.Callback] = []
    if average_steps(config):  # first, so that what is watched and kept are the averaged weights
        found.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    loss = "val_loss" if watched else "loss"
    if watched:
        found.append(keras.callbacks.EarlyStopping(loss, patience=patience, restore_best_weights=True))
    match setting(config, "schedule"):
        case "cosine":
            halves = [(1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
            found.append(_Schedule(halves))
        case "reduce_on_plateau":
            lower = keras.callbacks.ReduceLROnPlateau(loss, factor=0.3, patience=max(1, patience // 3))
            found.append(lower)
    return found


def setting(config: Config, name: str) -> Any:
    """Return a setting of the training loop, by the config or by default."""
    return config.get(name, DEFAULTS[name])


def optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Return the optimizer of a `{"optimizer": {name: settings}}` config; Adam when there is none."""
    settings: dict[str, Any]
    match config.get("optimizer", "adam"):
        case str() as name:
            settings = {"learning_rate": config.get("learning_rate", DEFAULT_LEARNING_RATE)}
        case chosen:
            ((name, settings),) = chosen.items()
    average = {"use_ema": True, "ema_momentum": 1 - 1 / steps} if (steps := average_steps(config)) else {}
    made: keras.optimizers.Optimizer = keras.optimizers.get({"class_name": name, "config": {**settings, **average}})
    return made


def average_steps(config: Config) -> int:
    """Return over how many steps, about, a config averages the weights of a network; 0 for not at all."""
    match config.get("weight_averaging"):
        case {"ema": {"steps": steps}}:
            return int(steps)
    return 0


class Listener(keras.callbacks.Callback):
    """Shows every epoch to the trial."""

    def __init__(self, watch: Watch, epochs: int, predict_inner: Callable[[], NDArray[Any]]) -> None:
        super().__init__()
        self._watch, self._epochs, self._predict_inner = watch, epochs, predict_inner

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Show the epoch."""
        self._watch(epoch, self._epochs, logs or {}, self._predict_inner)


class _Schedule(keras.callbacks.Callback):
    """Multiplies the initial learning rate by a factor for each epoch."""

    def __init__(self, factors: Sequence[float]) -> None:
        super().__init__()
        self._factors, self._initial = factors, 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._initial = float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = self._initial * self._factors[epoch]


def scaled(rows: Rows, scale: TargetScale, target: Target, outputs: int) -> NDArray[Any]:
    """Return targets as a network is trained on them.

    `(rows, 1)` floats for a single output, class indices for several, `(rows, targets)` for several targets.
    """
    if target.parts:
        mean, deviation = (np.asarray(of)[[at.start for at in target.columns]] for of in (scale.mean, scale.deviation))
        return ((rows.target - mean) / deviation).astype(np.float32)
    if outputs > 1:
        return rows.target.astype(np.int32)
    return ((rows.target - scale.mean) / scale.deviation).astype(np.float32)[:, None]


def finished(outputs: NDArray[np.float32], scale: TargetScale, kind: str) -> NDArray[np.float32]:
    """Return a network's outputs on the target's scale, or as a probability for each class."""
    if kind in ("regression", "several", "itself"):
        return outputs * np.float32(scale.deviation) + np.float32(scale.mean)
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def _padded(read: Columns, widths: tuple[int, ...]) -> Columns:
    """Widen the tables, which come first."""
    arrays = read if isinstance(read, tuple) else (read,)
    if all(array.shape[1] == width for array, width in zip(arrays, widths, strict=False)):
        return read
    wider = [
        np.pad(array, ((0, 0), (0, width - array.shape[1])))
        for array, width in zip(arrays[: len(widths)], widths, strict=True)
    ]
    return (*wider, *arrays[len(widths) :]) if isinstance(read, tuple) else wider[0]


def inference_view(model: keras.Model) -> keras.Model:
    """Return a view without optimizer, loss and metrics, which prediction does not need; a third of the size."""
    try:
        return keras.Model(model.inputs, model.outputs, name=model.name)
    except (AttributeError, ValueError):  # a subclassed model has no symbolic inputs
        return model


def _advice(error: str) -> str:
    return (
        "the model cannot be loaded in a fresh process. Use layers that come with Keras (no Lambda layers and no "
        f"classes or functions of your own). Keras said: {error.strip().splitlines()[0]}"
    )
