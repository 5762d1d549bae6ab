"""What every engine keeps to: folds go in, fitted models come out, and these predict and are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from spaces.engines.clock import Clock
from spaces.engines.curves import Curve, Curves
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
        beside: Folds that an earlier attempt trained models on. Nothing is trained on them now, but what all folds
            share, such as the number of columns, is learned of them too.
        callbacks: What a user wants to be called while networks train, as `tuner.tune` takes it.
        folder: Where these may write.
        clock: Says when training is to stop and keep the best so far; one for all folds, set again before each.
    """

    full: Rows
    train: Rows
    inner: Rows
    seed: int
    steps: int | None = None
    steps_of: tuple[int, ...] = ()
    beside: tuple[Fold, ...] = ()
    callbacks: tuple[Any, ...] = ()
    folder: Path | None = None
    clock: Clock = field(default_factory=Clock)


Output = NDArray[Any]
"""What a network says of some rows, before it is finished."""
Read = tuple[Columns, ...]
"""What each reader of a model made of some rows."""


class Look(Protocol):
    """Predicts with a model in training, as it is."""

    def __call__(self, table: Table | None = None, /) -> NDArray[Any]:
        """Predict some rows of the task; the inner ones when left out."""


class Watch(Protocol):
    """Called while a model trains, at the end of an epoch or after some boosting rounds."""

    def __call__(self, step: int, steps: int, curves: Mapping[Curve, float], predict: Look, /) -> None:
        """Look at a model in training; an exception raised here ends the training, as when a trial is pruned.

        Args:
            step: The epoch or boosting round that just ended, counted from 0.
            steps: How many there will be at most.
            curves: The epoch's numbers, to be logged.
            predict: Predicts rows with the model as it is; called only when it is needed.
        """


class Store(Protocol):
    """Opens what was stored. It is handed to every `load`, as a model may hold others of any library."""

    def fitted(self, folder: Path, /) -> Fitted:
        """Read what a fitted model's `save` wrote."""
        ...

    def prepared(self, folder: Path, settings: Mapping[str, Any], /) -> Prepared:
        """Read what a preprocessing's `save` wrote and returned."""
        ...


class Network(Protocol):
    """A network that may run together with others of its kind."""

    def run(self, feed: Columns, /) -> Output:
        """Return outputs `(rows, outputs)`."""
        ...

    @staticmethod
    def fuse(networks: Sequence[Any], /) -> Callable[[list[Columns]], list[Output]]:
        """Return one function of what each of several networks is fed, to the outputs of each."""
        ...


class Fitted(Protocol):
    """A model trained on one fold, which predicts in steps: it reads rows, feeds its networks, and finishes.

    So a model that wraps another hands on what the other reads and runs, and all networks of an ensemble run in one
    trace (see `spaces.engines.together`), whatever wraps them.
    """

    @property
    def library(self) -> str:
        """The name under which `spaces.store` finds it."""
        ...

    @property
    def readers(self) -> tuple[Reader, ...]:
        """What it reads; a wrapper appends to what the wrapped model reads."""
        ...

    @property
    def networks(self) -> tuple[Network, ...]:
        """What may be run with others; empty for trees."""
        ...

    @property
    def curves(self) -> Curves:
        """One number an epoch or round."""
        ...

    def feeds(self, read: Read, /) -> tuple[Columns, ...]:
        """Return what each network is fed, of what was read."""
        ...

    def finish(self, read: Read, outputs: tuple[Output, ...], /) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)` in sorted class order.

        Args:
            read: What each reader made of the rows.
            outputs: What each network made of its feed.
        """
        ...

    def predict(self, table: Table) -> NDArray[Any]:
        """Take all steps, alone; see `finish`."""
        ...

    def predict_read(self, read: Read, /) -> NDArray[Any]:
        """Take the steps that are left where rows are read already."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model and its preprocessing into an existing folder, without pickle."""
        ...


class InSteps:
    """Takes the steps of `Fitted` one after the other; for models without networks there is only the last."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """It has none."""
        return ()

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return nothing, for no network."""
        return ()

    def predict(self: Fitted, table: Table) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)` in sorted class order."""
        return self.predict_read(tuple(reader.matrix(table) for reader in self.readers))

    def predict_read(self: Fitted, read: Read) -> NDArray[Any]:
        """Predict rows that are read already."""
        feeds = zip(self.networks, self.feeds(read), strict=True)
        return self.finish(read, tuple(network.run(feed) for network, feed in feeds))


def looking(fitted: Fitted, inner: Read) -> Look:
    """Return what predicts with a model in training.

    Args:
        fitted: Holds the model.
        inner: What its readers made of the inner rows.
    """
    read = reading(fitted.readers, inner)
    return lambda table=None: fitted.predict_read(read(table))


def reading(readers: Sequence[Reader], inner: Read) -> Callable[[Table | None], Read]:
    """Return what reads the inner rows, or others; what was made of others is kept for the next time."""
    known: list[tuple[Table, Read]] = []

    def read(table: Table | None) -> Read:
        if table is None:
            return inner
        if not known or known[0][0] is not table:
            known[:] = [(table, tuple(reader.matrix(table) for reader in readers))]
        return known[0][1]

    return read


class Model(Protocol):
    """One configuration, ready to be trained on the folds of a trial."""

    @property
    def stops_early(self) -> bool:
        """Whether it trains without the inner rows, so that its score on them means something."""
        ...

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[Fitted]:
        """Train on each fold in turn, and yield models that are independent of each other."""
        ...
