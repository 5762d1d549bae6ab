"""What every engine keeps to: folds go in, fitted models come out, and these predict and are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from spaces.inputs.prepared import Columns, Prepared, Reader
from spaces.rows.table import Rows, Table


class ShippingError(ValueError):
    """A model that cannot be saved here and loaded in a fresh process."""


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


class Store(Protocol):
    """Opens what was stored. It is handed to every `load`, as a model may hold others of any library."""

    def fitted(self, folder: Path, /) -> Fitted:
        """Read what a fitted model's `save` wrote."""
        ...

    def prepared(self, folder: Path, settings: Mapping[str, Any], /) -> Prepared:
        """Read what a preprocessing's `save` wrote and returned."""
        ...


class Fitted(Protocol):
    """A model trained on one fold."""

    @property
    def library(self) -> str:
        """The name under which `spaces.store` finds it."""
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
