"""Networks that begin with a base trained on other images: its features once and for all, or its top trained further.

A base is a Keras model that reads images. Its stages end where images become smaller, and it is cut at the end of one
of them: the first layers see edges and textures, the last what the base was trained to tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.clock import Clock
from spaces.engines.contract import Fitted, Fold, Look, Watch, looking
from spaces.engines.curves import Curve
from spaces.engines.folds import with_watched_rows
from spaces.engines.keras.compiling import compiled
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.fitting import each_fold, fit_network
from spaces.engines.keras.model import KerasModel
from spaces.engines.keras.scale import scaled
from spaces.engines.keras.training import Trainer
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.engines.xgboost import XGBoostModel
from spaces.families.pretrained.features import BaseFeatures, Cut, base_features, colours, cut_base, pooled_vector
from spaces.inputs.arrays import array_recipes
from spaces.inputs.image.networks import augmented
from spaces.inputs.prepared import Reading, learn
from spaces.language.parts import layers_of
from spaces.language.space import Config
from spaces.layers.at_rest import AtRest
from spaces.layers.blocks import hidden
from spaces.layers.heads import head
from spaces.rows.signature import Input, Signature
from spaces.rows.table import Rows, Table

_PATIENCE = 3
_EPSILON = 1e-7


@dataclass(frozen=True)
class PretrainedModel:
    """One configuration: a cut base, and a network or trees on what it says; then its last stages, where asked for."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[Fitted]:
        """Train on each fold in turn; see `spaces.engines.contract.Model.fit`."""
        cut = Cut.of(self.config)
        base = base_features(cut, self.signature.input)
        ((kind, settings),) = self.config["head"].items()
        if kind == "trees":
            trees = XGBoostModel(settings, self.signature)
            for fold in folds:
                yield trees.fit_columns(fold, base, base.kept(fold.train, fold.clock), watch=watch)
            return
        ((how, tuning),) = settings["fine_tuning"].items()
        if how == "none":
            yield from self._on_features(base, folds, settings, watch=watch)
            return
        epochs, more = int(settings["epochs"]), int(tuning["epochs"])
        heads = self._on_features(
            base,
            [with_watched_rows(fold) for fold in folds],
            settings,
            watch=lambda epoch, _, curves, predict: watch(epoch, epochs + more, curves, predict),
        )
        its = {**settings, **tuning, "patience": _PATIENCE, "weight_averaging": "none"}

        def built(top: KerasFitted) -> keras.Model:
            return self._whole(cut, top.model, tuning)

        def fit(trainer: Trainer, fold: Fold, top: KerasFitted) -> KerasFitted:
            return self._tuned(trainer, fold, top, settings=its, watch=_later(watch, epochs))

        yield from each_fold(zip(folds, heads, strict=True), built, fit)

    def _on_features(
        self, base: BaseFeatures, folds: Sequence[Fold], settings: Config, *, watch: Watch
    ) -> Iterator[KerasFitted]:
        """Train networks that read the base's features."""
        vectors = Input("features", "image", base.model.output_shape[1:])

        def read(rows: Rows, clock: Clock) -> Rows:
            return Rows(_table_of(base.kept(rows, clock)), rows.target, rows.weight)

        def watched(step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
            watch(
                step,
                steps,
                curves,
                lambda table=None: predict(None if table is None else _table_of(base.matrix(table))),
            )

        featured = [
            replace(fold, train=read(fold.train, fold.clock), inner=read(fold.inner, fold.clock)) for fold in folds
        ]
        scales = (_scale(fold.train) for fold in featured)

        def build(config: Config, signature: Signature) -> keras.Model:  # called once a fold, in turn
            return _build_head(config, signature, next(scales))

        network = KerasModel(build, settings, replace(self.signature, inputs=(vectors,)))
        for fitted in network.fit(featured, watched):
            fitted.prepared, fitted.widths = base, ()
            yield fitted

    def _whole(self, cut: Cut, fitted: keras.Model, tuning: Config) -> keras.Model:
        """Build base and head as one model, of which the base's last stages and the head can be trained."""
        image = self.signature.input
        base, ends = cut_base(cut, image)
        names = [layer.name for layer in base.layers]
        first = names.index(ends[-1 - tuning["stages"]]) + 1 if tuning["stages"] < len(ends) else 0
        for i, layer in enumerate(base.layers):  # the file may hold frozen layers
            layer.trainable = i >= first
        pixels = keras.Input(image.shape, dtype=image.dtype)
        vector = pooled_vector(augmented(colours(pixels), tuning["augmentation"]), cut, AtRest(base, name="base"))
        top = keras.models.clone_model(fitted)
        top.set_weights(fitted.get_weights())
        model = keras.Model(pixels, top(vector))
        return compiled(model, {"optimizer": "adam", "learning_rate": tuning["learning_rate"]}, self.signature.target)

    def _tuned(
        self, trainer: Trainer, fold: Fold, fitted: KerasFitted, *, settings: Config, watch: Watch
    ) -> KerasFitted:
        """Train base and head together."""
        target = self.signature.target
        reading = Reading((), (), joined=False, arrays=array_recipes(self.signature, {}, "network"))
        prepared, images = learn(reading, fold.train.table, fold.train.target, target_kind=target.kind)
        whole = KerasFitted(trainer.model, prepared, (), target.kind, fitted.scale, {})
        inner = prepared.matrix(fold.inner.table)

        def arrays(read: Any, rows: Rows) -> TrainingArrays:
            wanted = scaled(rows, fitted.scale, target, outputs=trainer.model.output_shape[-1])
            return TrainingArrays(read, wanted, of_mean_one(row_weights(settings, rows)))

        whole.curves = fit_network(
            trainer,
            arrays(images, fold.train),
            arrays(inner, fold.inner),
            fold=fold,
            config=settings,
            watch=watch,
            look=looking(whole, (inner,)),
        )
        return whole


def _table_of(features: NDArray[np.float32]) -> Table:
    none = np.empty((len(features), 0))
    return Table(none, none.astype(np.int32), arrays=(features,))


def _build_head(config: Config, signature: Signature, scale: Sequence[NDArray[np.float32]]) -> keras.Model:
    """Build what reads features, standardised with mean and variance of training rows, which stay as they are."""
    vector = keras.Input(signature.input.shape)
    standard = keras.layers.BatchNormalization(epsilon=_EPSILON, center=False, scale=False, trainable=False)
    x, layers = standard(vector), layers_of(config["depth"])
    if layers is not None:
        x = hidden(x, {**layers, "dropout": config["dropout"]})
    x = keras.layers.Dropout(config["dropout"])(x)
    standard.set_weights(list(scale))
    return keras.Model(vector, head(x, signature.target))


def _scale(rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and variance of each feature; a constant one gets variance 1, as it may change on other rows."""
    features = np.asarray(rows.table.arrays[0])
    variance = features.var(axis=0)
    return features.mean(axis=0), np.where(variance > 0, variance, 1)


def _later(watch: Watch, before: int) -> Watch:
    """Return a watch whose epochs come after others."""

    def shifted(step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
        watch(before + step, before + steps, curves, predict)

    return shifted
