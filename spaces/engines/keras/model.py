"""Models that are Keras networks: preprocessing and training with early stopping."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import keras

from spaces.engines.contract import Fold, ShippingError, Watch, looking
from spaces.engines.folds import named, with_dropped_features, without_rungs
from spaces.engines.keras.compiling import compiled, never_built_before, stops_on_training_loss
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.fitted import KerasFitted, padded
from spaces.engines.keras.fitting import each_fold, fit_network
from spaces.engines.keras.own_inputs import unfit_inputs
from spaces.engines.keras.scale import TargetScale, scaled
from spaces.engines.keras.training import Trainer
from spaces.engines.readings import network_reading
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.inputs.prepared import Columns, Reading, learn, learn_tables
from spaces.inputs.text.vocabulary import Tokens, prepare_texts
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Rows

Builder = Callable[[Config, Signature], keras.Model]


@dataclass(frozen=True)
class KerasModel:
    """One configuration of a builder of Keras models.

    Attributes:
        builder: Makes the network.
        config: The configuration.
        signature: The task's; its tables are made one where the builder reads a single matrix.
        twins: Whether one branch reads the last two tables, so that their columns mean the same.
        start: Changes a network before it is trained, by what it is trained on and a seed.
    """

    builder: Builder
    config: Config
    signature: Signature
    twins: bool = False
    start: Callable[[keras.Model, TrainingArrays, int], None] | None = None

    @property
    def stops_early(self) -> bool:
        """Whether it trains without the inner rows; with few rows a config may use all of them."""
        return not stops_on_training_loss(self.config)

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[KerasFitted]:
        """Train on each fold in turn, all folds through one trace; see `spaces.engines.contract.Model.fit`."""
        reading, kind, done = self.reading(), self.signature.target.kind, len(folds[0].beside)
        folds = [*folds[0].beside, *folds]
        if share := self.config.get("dropped_features"):
            if any(recipe.wide for recipe in reading.tables):  # a row's copy would tell the row its own target
                raise ValueError("dropped_features does not go with category columns of so many values: leave it out")
            folds = [replace(fold, train=with_dropped_features(fold.train, share, fold.seed)) for fold in folds]
        folds = [named(fold if self.stops_early else replace(fold, train=fold.full)) for fold in folds]
        # A category can be absent from one fold: the narrower matrices get columns of zeros.
        learned = [learn_tables(reading, fold.train.table, fold.train.target, target_kind=kind) for fold in folds]
        widths = tuple(max(table.width for table, _ in of_each) for of_each in zip(*learned, strict=True))
        signature, folds = self.signature.with_widths(widths), folds[done:]

        def built(fold: Fold) -> keras.Model:
            # A builder may change its config, which the other folds are to be built of too.
            model = self.builder(copy.deepcopy(self.config), signature)
            fresh = compiled(never_built_before(model), self.config, signature.target)
            words = [recipe for recipe, _ in reading.texts if isinstance(recipe, Tokens) and recipe.unit == "word"]
            for text in signature.texts[:1] if words else ():  # texts share a vocabulary, and so their vectors
                if vectors := text.details.vectors:
                    from spaces.inputs.text.networks import start_from_vectors  # builders are not needed to load

                    start_from_vectors(fresh, prepare_texts(words[0], fold.train.table).vocabulary, vectors)
            return fresh

        def fit(trainer: Trainer, fold: Fold, _: Fold) -> KerasFitted:
            return self._fit_fold(trainer, reading, fold, widths=widths, watch=watch)

        yield from each_fold(zip(folds, folds, strict=True), built, fit)

    def reading(self) -> Reading:
        """Return how rows become what the network reads."""
        return network_reading(self.signature, self.config, twins=self.twins)

    def _fit_fold(
        self, trainer: Trainer, reading: Reading, fold: Fold, *, widths: tuple[int, ...], watch: Watch
    ) -> KerasFitted:
        kind = self.signature.target.kind
        prepared, matrix = learn(reading, fold.train.table, fold.train.target, target_kind=kind)
        scale = TargetScale.of(fold.train.target, self.signature.target)
        fitted = KerasFitted(trainer.model, prepared, widths, kind, scale, {})
        inner = padded(prepared.matrix(fold.inner.table), widths)
        train = self._arrays(padded(matrix, widths), fold.train, scale, model=trainer.model)
        if found := unfit_inputs(trainer.model, train.x):
            raise ShippingError(found)
        if self.start is not None:
            self.start(trainer.model, train, fold.seed)
        fitted.curves = fit_network(
            trainer,
            train,
            self._arrays(inner, fold.inner, scale, model=trainer.model) if self.stops_early else None,
            fold=fold,
            config=self.config,
            watch=watch if self.stops_early else without_rungs(watch),
            look=looking(fitted, (inner,)),
        )
        return fitted

    def _arrays(self, read: Columns, rows: Rows, scale: TargetScale, *, model: keras.Model) -> TrainingArrays:
        target = scaled(rows, scale, self.signature.target, outputs=model.output_shape[-1])
        return TrainingArrays(read, target, of_mean_one(row_weights(self.config, rows)))
