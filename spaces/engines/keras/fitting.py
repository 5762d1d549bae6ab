"""What the training loop is given of a fold: batches, their order, callbacks, inner rows and what follows.

Models hand over what differs: their arrays, what predicts the inner rows, callbacks or an order of rows of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, Look, Watch
from spaces.engines.curves import Curves
from spaces.engines.keras.callbacks import made
from spaces.engines.keras.compiling import Listener, callbacks, named_curves, setting
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.prediction import undisturbed
from spaces.engines.keras.training import Trainer
from spaces.language.space import Config


class _Holder(Protocol):
    """A fitted model that holds a network."""

    model: keras.Model


_Given = TypeVar("_Given")
_Fitted = TypeVar("_Fitted", bound=_Holder)


def each_fold(
    folds: Iterable[tuple[Fold, _Given]],
    build: Callable[[_Given], keras.Model],
    fit: Callable[[Trainer, Fold, _Given], _Fitted],
) -> Iterator[_Fitted]:
    """Train networks of one structure on each fold in turn, all through one trace.

    Args:
        folds: Each fold, with what its network is built and trained from.
        build: Makes a compiled network, under the fold's seed.
        fit: Trains the trainer's network on a fold, and returns what holds it. When the next fold begins, the holder is
            given a network of its own, with the same weights.
    """
    trainer: Trainer | None = None
    fitted: _Fitted | None = None
    for fold, given in folds:
        keras.utils.set_random_seed(fold.seed)
        fresh = build(given)
        if trainer is None or fitted is None:
            trainer = Trainer(fresh)
        else:
            fitted.model = trainer.begin_again(fresh)
        fitted = fit(trainer, fold, given)
        yield fitted


def fit_network(
    trainer: Trainer,
    train: TrainingArrays,
    inner: TrainingArrays | None,
    *,
    fold: Fold,
    config: Config,
    watch: Watch,
    look: Look,
    own_callbacks: Sequence[keras.callbacks.Callback] | None = None,
    order: Callable[[int], NDArray[np.int64]] | None = None,
) -> Curves:
    """Train a network on one fold, and return its curves.

    Args:
        trainer: Holds the compiled network.
        train: The training rows, or windows of them.
        inner: Rows that are evaluated after each epoch, unless the fold gives the number of epochs; None for none.
        fold: The fold: its seed orders the rows, and it may give the number of epochs.
        config: Of it `epochs`, `batch_size` and what the callbacks read.
        watch: Called at the end of each epoch.
        look: Predicts rows with the network as it is.
        own_callbacks: In place of those that the config asks for; the user's come after them.
        order: Gives the order of rows of an epoch, in place of one that follows from seed and epoch.
    """
    epochs, rows = int(setting(config, "epochs")), len(train.y)
    evaluated = inner if fold.steps is None else None
    chosen = own_callbacks
    if chosen is None:
        chosen = callbacks(config, epochs, watched=evaluated is not None, clock=fold.clock)
    own = made(fold.callbacks, fold.folder, watched=evaluated is not None)
    history = trainer.train(
        train,
        evaluated,
        epochs=fold.steps or epochs,
        batch_size=min(int(setting(config, "batch_size")), rows),
        callbacks=[*chosen, *own, Listener(watch, epochs, _undisturbed(trainer.model, look))],
        clock=fold.clock,
        order=order or (lambda epoch: np.random.default_rng([fold.seed, epoch]).permutation(rows)),
    )
    return named_curves(history)


def _undisturbed(model: keras.Model, look: Look) -> Look:
    return lambda table=None: undisturbed(model, lambda: look(table))
