"""Models that a user's own loop trains: rows are prepared here, training is the user's, and the model is stored here.

An engine says in its `loop` how a trained model becomes a fitted one: a Keras network as those of ours, a model of a
user's class by the class's own `predict`, `save` and `load`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fitted, Fold, InSteps, Read, ShippingError, Store, Watch, looking
from spaces.engines.curves import Curves, curve_named
from spaces.engines.engine import Engine, at, engine_named
from spaces.engines.keras.scale import TargetScale, finished, scaled
from spaces.engines.readings import network_reading
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.inputs.prepared import Columns, Prepared, learn
from spaces.language.space import Config
from spaces.machine.strange import inside
from spaces.rows.signature import Signature
from spaces.rows.target import Target

EPOCHS = 100  # where the config names no number
_OWN = "own"  # the folder that a user's model writes into


class OwnModel(Protocol):
    """A model of a user's class."""

    def predict(self, x: Any, /) -> NDArray[Any]:
        """Return values `(rows, 1)` on the scale that it was trained on, or probabilities `(rows, classes)`."""
        ...

    def save(self, folder: Path, /) -> None:
        """Write it into an empty folder."""
        ...

    @classmethod
    def load(cls, folder: Path, /) -> Self:
        """Read what `save` wrote."""
        ...


@dataclass(frozen=True)
class Training:
    """What a loop of yours trains on, and whom it tells.

    Attributes:
        x: Training rows as networks read them: a float32 matrix `(rows, columns)`, or a tuple of arrays of several
            inputs.
        y: float32 `(rows, 1)`, standardised values; int32 class indices `(rows,)`, or float32 `(rows, 1)` where a
            network has a single output for two classes; of several targets float32 `(rows, targets)`.
        weight: float32 `(rows,)` of mean one, how much each row counts; None where all count alike.
        inner_x: The rows that early stopping may watch, and the pruner does.
        inner_y: Their targets.
        inner_weight: Their weights.
        epochs: How many epochs there may be at most.
        seed: Seeds what is random about this training.
    """

    x: Columns
    y: NDArray[Any]
    weight: NDArray[np.float32] | None
    inner_x: Columns
    inner_y: NDArray[Any]
    inner_weight: NDArray[np.float32] | None
    epochs: int
    seed: int
    _told: Callable[[int, Mapping[str, float]], bool]

    def report(self, epoch: int, numbers: Mapping[str, float]) -> bool:
        """Tell that an epoch has ended, and return whether training is to go on.

        Call it after each epoch: it shows the numbers, lets the pruner look at the inner rows, and knows the time.

        Args:
            epoch: The epoch, counted from 0.
            numbers: Its losses and metrics; names of those of the inner rows begin with `val_`.
        """
        return self._told(epoch, numbers)


Train = Callable[[Any, Training, Config], Any]


class Loop(Protocol):
    """How an engine takes models that a user's loop trains."""

    def outputs(self, model: Any, target: Target, /) -> int:
        """Return how many numbers the model predicts of a row."""
        ...

    def begin(self, seed: int, /) -> None:
        """Seed what a builder draws."""
        ...

    def fitted(self, model: Any, prepared: Prepared, target: Target, /, *, scale: TargetScale, engine: str) -> Fitted:
        """Return the model as one that predicts rows and is stored."""
        ...


@dataclass(frozen=True)
class LoopModel:
    """One configuration of a builder whose models a user's loop trains.

    Attributes:
        build: Makes the model, of a config and a signature.
        train: Trains it; what it returns is the model, or nothing where it is the one it was given.
        engine: What the model is of.
        config: The configuration.
        signature: The task's.
    """

    build: Callable[[Config, Signature], Any]
    train: Train
    engine: Engine
    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[Fitted]:
        """Let the loop train on each fold in turn."""
        before: list[Any] = []
        for fold in folds:
            yield self._fit_fold(fold, watch, before)

    def _fit_fold(self, fold: Fold, watch: Watch, before: list[Any]) -> Fitted:
        target = self.signature.target
        loop: Loop = at(self.engine.loop)
        reading = network_reading(self.signature, self.config)
        prepared, x = learn(reading, fold.train.table, fold.train.target, target_kind=target.kind)
        scale = TargetScale.of(fold.train.target, target)
        loop.begin(fold.seed)
        model = self.build(copy.deepcopy(self.config), self.signature.with_widths(prepared.widths))
        outputs = loop.outputs(model, target)
        inner_x, curves = prepared.matrix(fold.inner.table), Curves()
        epochs = int(fold.steps or self.config.get("epochs", EPOCHS))

        def told(epoch: int, numbers: Mapping[str, float]) -> bool:
            named = {curve_named(name): float(value) for name, value in numbers.items()}
            for curve, value in named.items():
                curves.setdefault(curve, []).append(value)
            whole = loop.fitted(model, prepared, target, scale=scale, engine=self.engine.name)
            watch(epoch, epochs, named, looking(whole, (inner_x,)))
            return not fold.clock.over(epoch + 1) and epoch + 1 < epochs

        given = Training(
            x,
            scaled(fold.train, scale, target, outputs=outputs),
            of_mean_one(row_weights(self.config, fold.train)),
            inner_x,
            scaled(fold.inner, scale, target, outputs=outputs),
            of_mean_one(row_weights(self.config, fold.inner)),
            epochs,
            fold.seed % 2**32,
            told,
        )
        returned = self.train(model, given, copy.deepcopy(self.config))
        trained = model if returned is None else returned
        if any(trained is one for one in before):
            raise ShippingError(
                "the same model was trained for two folds, so on held-out rows too: make it anew inside of build"
            )
        before.append(trained)
        fitted = loop.fitted(trained, prepared, target, scale=scale, engine=self.engine.name)
        fitted.curves.update(curves)
        return fitted


@dataclass(eq=False)
class OwnFitted(InSteps):
    """A model of a user's class, trained on one fold."""

    library: str
    model: OwnModel
    prepared: Prepared
    kind: str
    scale: TargetScale
    curves: Curves

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[NDArray[Any], ...] = ()) -> NDArray[Any]:
        """Return what the model predicts, on the target's scale, or as a probability for each class."""
        return finished(np.asarray(self.model.predict(read[0])), self.scale, self.kind)

    def save(self, folder: Path) -> None:
        """Let the model write into a folder of its own, beside `model.json` and the preprocessing."""
        (folder / _OWN).mkdir()
        self.model.save(folder / _OWN)
        settings = {"library": self.library, "prepared": self.prepared.save(folder), "kind": self.kind}
        (folder / "model.json").write_text(json.dumps(settings | self.scale.to_json()))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> OwnFitted:
        """Read what `save` wrote, by the class that the engine names."""
        name = settings["library"]
        model = at(engine_named(name).own).load(inside(folder, _OWN))
        prepared, scale = store.prepared(folder, settings["prepared"]), TargetScale.from_json(settings)
        return OwnFitted(name, model, prepared, settings["kind"], scale, {})


class _OwnLoop:
    """Takes models of a user's class."""

    def outputs(self, model: Any, target: Target) -> int:
        return target.outputs

    def begin(self, seed: int) -> None:
        np.random.seed(seed % 2**32)  # noqa: NPY002  # what a builder of a user's draws from

    def fitted(self, model: Any, prepared: Prepared, target: Target, *, scale: TargetScale, engine: str) -> Fitted:
        return OwnFitted(engine, model, prepared, target.kind, scale, {})


OWN_LOOP = _OwnLoop()


def own_engine(name: str, model: type[OwnModel], *, weighs_rows: bool = False) -> Engine:
    """Make an engine of a class of models that a loop of yours trains.

    Args:
        name: Where the engine itself stands, `"module:NAME"`: what is stored, and imported to load.
        model: The class, in the same module: `predict(x)` returns values `(rows, 1)` or probabilities
            `(rows, classes)`, `save(folder)` writes into an empty folder, and the class method `load(folder)` reads it.
        weighs_rows: Whether the loop counts rows by `Training.weight`.

    Raises:
        ValueError: The class lacks one of the three, or stands in another module.
    """
    lacking = [method for method in ("predict", "save", "load") if not callable(getattr(model, method, None))]
    if lacking:
        raise ValueError(f"{model.__name__} needs predict(x), save(folder) and load(folder); it has no {lacking[0]}")
    module = name.partition(":")[0]
    if model.__module__ != module:
        raise ValueError(f"{model.__name__} stands in {model.__module__}, and the engine is called by {name!r}")
    return Engine(
        name,
        "spaces.engines.own_loop:OwnFitted",
        loop="spaces.engines.own_loop:OWN_LOOP",
        own=f"{module}:{model.__qualname__}",
        weighs_rows=weighs_rows,
    )
