"""Models that read sequences step by step and say something of every step: Keras networks over windows of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, InSteps, Read, Store, Watch, looking
from spaces.engines.curves import Curves
from spaces.engines.keras.compiling import compiled
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.fitted import inference_view
from spaces.engines.keras.fitting import each_fold, fit_network
from spaces.engines.keras.prediction import step_function
from spaces.engines.keras.scale import TargetScale, finished
from spaces.engines.keras.stored import open_network
from spaces.engines.keras.training import Trainer
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.families.sequences.windows import PreparedWindows, Windows, prepare_windows
from spaces.inputs.text.vocabulary import text_recipe
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Rows


@dataclass(eq=False)
class StepFitted(InSteps):
    """A network over windows, trained on one fold."""

    library: ClassVar[str] = "steps"
    model: keras.Model
    prepared: PreparedWindows
    kind: str
    scale: TargetScale
    curves: Curves
    _traced: tuple[keras.Model, Callable[..., NDArray[np.float32]]] | None = None
    _below: tuple[keras.Model, Callable[..., NDArray[np.float32]]] | None = None

    def _run(self, x: Any, wanted: NDArray[np.bool_]) -> NDArray[np.float32]:
        if self._traced is None or self._traced[0] is not self.model:
            self._traced = (self.model, step_function(self.model))
        return self._traced[1](x, wanted)

    def hidden(self, windows: Windows) -> NDArray[np.float32]:
        """Return what the last hidden layer makes of every step, `(rows, units)`."""
        if self._below is None or self._below[0] is not self.model:
            *_, last = (layer for layer in self.model.layers if isinstance(layer, keras.layers.Dense))
            read = tuple(self.model.inputs)
            self._below = (self.model, step_function(keras.Model(read if len(read) > 1 else read[0], last.input)))
        return _by_row(windows, self._below[1](fed(windows), windows.fresh))

    @property
    def readers(self) -> tuple[PreparedWindows]:
        """Its preprocessing, which cuts rows into windows: they keep a trace of their own."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`, of every step."""
        (windows,) = read
        return finished(_by_row(windows, self._run(fed(windows), windows.fresh)), self.scale, self.kind)

    def save(self, folder: Path) -> None:
        """Write `model.keras`, `model.json`, and `preprocess.skops` where there are numbers."""
        inference_view(self.model).save(folder / "model.keras")
        settings = {
            "library": self.library,
            "prepared": self.prepared.save(folder),
            **self.scale.to_json(),
            "kind": self.kind,
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> StepFitted:
        """Read what `save` wrote."""
        model = open_network(folder / "model.keras")
        prepared = PreparedWindows.load(folder, settings["prepared"])
        return StepFitted(model, prepared, settings["kind"], TargetScale.from_json(settings), {})


@dataclass(frozen=True)
class StepModel:
    """One configuration of a network over windows.

    Attributes:
        builder: Takes config, signature and columns of numbers, and returns a model of windows: codes
            `(windows, length, categories)` and numbers `(windows, length, columns)`, texts before them, to
            `(windows, length, outputs)`.
        config: The configuration.
        signature: The task's.
    """

    builder: Callable[[Config, Signature, int], keras.Model]
    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[StepFitted]:
        """Train on each fold in turn, all folds through one trace; see `spaces.engines.contract.Model.fit`."""
        kind, length = self.signature.target.kind, self.config["length"]
        prepared = [
            prepare_windows(
                self.config.get("scaling", "standard"),
                fold.train.table,
                fold.train.target,
                target_kind=kind,
                length=length,
                # A window's first steps have no past to be told from: half of it is context for the other half.
                overlap=length // 2,
                text=text_recipe(self.config) if "text" in self.config else None,
            )
            for fold in (*folds[0].beside, *folds)
        ]
        width = max(one.width for one in prepared)

        def built(one: PreparedWindows) -> keras.Model:
            built = self.builder(self.config, self.signature, width)
            return compiled(built, self.config, self.signature.target, steps=True)

        def fit(trainer: Trainer, fold: Fold, one: PreparedWindows) -> StepFitted:
            return self._fit_fold(trainer, replace(one, width=width), fold, watch=watch)

        yield from each_fold(zip(folds, prepared[len(folds[0].beside) :], strict=True), built, fit)

    def _fit_fold(self, trainer: Trainer, prepared: PreparedWindows, fold: Fold, *, watch: Watch) -> StepFitted:
        scale = TargetScale.of(fold.train.target, self.signature.target)
        fitted = StepFitted(trainer.model, prepared, self.signature.target.kind, scale, {})
        inner = prepared.matrix(fold.inner.table)
        fitted.curves = fit_network(
            trainer,
            self._arrays(prepared.cut(fold.train.table, 0), fold.train, scale, model=trainer.model),
            self._arrays(inner, fold.inner, scale, model=trainer.model),
            fold=fold,
            config=self.config,
            watch=watch,
            look=looking(fitted, (inner,)),
        )
        return fitted

    def _arrays(self, windows: Windows, rows: Rows, scale: TargetScale, *, model: keras.Model) -> TrainingArrays:
        """Return windows with the targets of their steps; what is behind the end, or context, weighs nothing."""
        target = np.asarray(rows.target)[windows.rows]
        if model.output_shape[-1] == 1:
            target = ((target - scale.mean) / scale.deviation).astype(np.float32)[:, :, None]
        else:
            target = target.astype(np.int32)
        weights = of_mean_one(row_weights(self.config, rows))
        each = windows.fresh.astype(np.float32)
        each *= each.size / each.sum()  # a loss is divided by all steps of all windows
        return TrainingArrays(fed(windows), target, each if weights is None else each * weights[windows.rows])


def _by_row(windows: Windows, steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return predictions of the windows' steps in the order of the rows."""
    each = np.empty_like(steps)
    each[windows.rows[windows.fresh]] = steps
    return each


def fed(windows: Windows) -> Any:
    """Return what the network reads: texts, codes and numbers, of them what there is."""
    given = [*windows.tokens, *(array for array in (windows.codes, windows.numbers) if array.shape[2])]
    return tuple(given) if len(given) > 1 else given[0]
