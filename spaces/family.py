"""A family: a name, a space, and a way to build a model from one configuration of it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from spaces.inputs import Columns, Reader
from spaces.signature import Signature
from spaces.space import Config, Space, check
from spaces.table import Table


class ShippingError(ValueError):
    """A model that cannot be saved here and loaded in a fresh process."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows with their targets: float64 values, or int64 indices of the sorted classes."""

    table: Table
    target: NDArray[Any]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, eq=False)
class Fold:
    """The training side of one fold.

    Attributes:
        full: All training rows of the fold.
        train: Those of them that train a model which stops early.
        inner: The rest, which early stopping and pruning watch. The rows that score the trial are not here.
        seed: Seeds everything random about training on this fold.
        steps: Train exactly so many epochs or boosting rounds, on all training rows, instead of stopping early; as
            when a configuration is refitted whose best number is known.
        steps_of: The same of each target, where every target has a model of its own.
    """

    full: Rows
    train: Rows
    inner: Rows
    seed: int
    steps: int | None = None
    steps_of: tuple[int, ...] = ()


class Watch(Protocol):
    """Called while a model trains, at the end of an epoch or after some boosting rounds."""

    def __call__(
        self, step: int, steps: int, curves: Mapping[str, float], predict: Callable[[], NDArray[Any]], /
    ) -> None:
        """Look at a model in training; an exception raised here ends the training, as when a trial is pruned.

        Args:
            step: The epoch or boosting round that just ended, counted from 0.
            steps: How many there will be at most.
            curves: The epoch's numbers by name, to be logged.
            predict: Predicts the inner rows with the model as it is; called only when it is needed.
        """


class Fitted(Protocol):
    """A model trained on one fold."""

    @property
    def library(self) -> str:
        """The name under which `spaces.loading` finds it."""
        ...

    @property
    def prepared(self) -> Reader:
        """Its preprocessing."""
        ...

    @property
    def curves(self) -> dict[str, list[float]]:
        """One number an epoch or round, by name."""
        ...

    def predict(self, table: Table) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)` in sorted class order."""
        ...

    def predict_matrix(self, matrix: Columns, /) -> NDArray[Any]:
        """Predict rows that are already preprocessed."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model and its preprocessing into an existing folder, without pickle."""
        ...


class Model(Protocol):
    """One configuration, ready to be trained on the folds of a trial."""

    @property
    def stops_early(self) -> bool:
        """Whether it trains without the inner rows, so that its score on them means something."""
        ...

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[Fitted]:
        """Train on each fold in turn. A fitted model is good until the next one is asked for."""
        ...


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: What studies call it.
        space: The search space for a task's signature.
        build: Makes a model of one configuration.
        library: The package that a worker imports before its first trial, so that no trial pays for it.
        source: A digest of a user's own builder; None for the families that come with us.
        unfit: Says why it cannot be used for a task, or nothing where it can.
        lacking: Says what a narrowed space lacks for a task before it can be used, or nothing.
    """

    name: str
    space: Callable[[Signature], Space]
    build: Callable[[Config, Signature], Model]
    library: str
    source: str | None = None
    unfit: Callable[[Signature], str] = lambda signature: ""
    lacking: Callable[[Space, Signature], str] = lambda space, signature: ""


def family(
    build: Callable[[Config, Signature], Any], space: Space | Callable[[Signature], Space], *, name: str
) -> Family:
    """Make a family of your own Keras function.

    Args:
        build: Takes a config of your space and the task's signature and returns a `keras.Model`, compiled or not.
            `signature.input.shape` is the shape of one row after preprocessing (float32, missing values filled,
            categories encoded). Where the task has texts, the model reads a tuple: the matrix, if
            `signature.table` is there, and int32 `(rows, length)` for each of `signature.texts`, 0 for padding and at
            most `vocabulary + 1`; both are read from the config, and are the longest text's words and 20,000 when it
            does not name them. The model's output must be `(rows, 1)` values for regression (trained on
            standardised targets), `(rows, 1)` sigmoid or `(rows, classes)` softmax probabilities for classes
            (trained on class indices); of several targets these side by side, `signature.target.outputs` columns, with
            a softmax of two columns for two classes. An uncompiled model gets the loss of the task and the optimizer of
            the config.
        space: The space, or a function from the signature to it. These names are read by the training loop where
            they occur: `epochs`, `batch_size`, `patience`, `schedule`, `optimizer`, `learning_rate`, `scaling`,
            `class_weight`, `vocabulary`, `length`, `dropped_features` (train on the rows twice, the second time with
            this share of a table's values missing).
        name: What studies call the family.

    Raises:
        ValueError: The space or the name is not one.
    """
    if not callable(build):
        raise ValueError(f"build must be a function (config, signature) -> keras.Model, got {build!r}")
    if not name or not name.replace("_", "").isalnum():
        raise ValueError(f"a family's name is made of letters, digits and underscores, got {name!r}")
    if not callable(space):
        check(space)

    def space_of(signature: Signature) -> Space:
        return space(signature) if callable(space) else space

    def build_model(config: Config, signature: Signature) -> Model:
        from spaces.keras_model import KerasModel

        return KerasModel(build, config, signature)

    return Family(name, space_of, build_model, library="keras", source=_source_digest(build))


def _source_digest(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # typed into a console, or a callable object
        code = getattr(function, "__code__", None)
        text = repr(code.co_code if code else function)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
