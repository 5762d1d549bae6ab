"""What changes while a network is trained, by how much of its training is done: rates, dropout, weight decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from spaces.engines.clock import Clock
from spaces.layers.while_training import FadingDropout

Shape = Callable[[float], float]
"""From the share of a training that is done to the share that is left of a rate."""
_CYCLES = 4
_MIDDLE = 0.5


def cosine(done: float) -> float:
    """Fall from 1 to nothing along a half cosine.

    >>> cosine(0.0), cosine(0.5), cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return (1 + math.cos(math.pi * done)) / 2


def flat_cosine(done: float) -> float:
    """Stay at 1 for half of a training, then fall to nothing along a half cosine.

    >>> flat_cosine(0.4), flat_cosine(0.75), flat_cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return cosine(max(0.0, 2 * done - 1))


def coslog4(done: float) -> float:
    """Rise and fall four times, each time for twice as long as the last.

    Holzmüller, Grinsztajn and Steinwart, "Better by Default", NeurIPS 2024.

    >>> [round(coslog4(done / 15), 3) for done in (0, 1, 3, 7, 15)]
    [0.0, 0.0, 0.0, 0.0, 0.0]
    >>> [round(coslog4((2**cycle - 1) / 15), 3) for cycle in (0.5, 1.5, 2.5, 3.5)]
    [1.0, 1.0, 1.0, 1.0]
    """
    return (1 - math.cos(2 * math.pi * math.log2(1 + (2**_CYCLES - 1) * done))) / 2


class Scheduled(keras.callbacks.Callback):
    """Sets a model's settings before each epoch, so that a schedule ends with the last epoch or with the time.

    A training that the clock stops has gone through all of it as well (Li, Yumer, Ramanan, "Budgeted training", ICLR
    2020); one that is repeated ends with as many epochs as it had.

    Args:
        settings: Takes a model, and returns what sets them to a share of what they are.
        shape: Says the share.
        epochs: How many there will be at most.
        clock: Ends training when it is over.
        middle: Whether an epoch has the share of its middle, and not of its beginning.
    """

    def __init__(
        self,
        settings: Callable[[keras.Model], Callable[[float], None]],
        shape: Shape,
        *,
        epochs: int,
        clock: Clock,
        middle: bool = False,
    ) -> None:
        super().__init__()
        self._settings, self._shape, self._epochs, self._clock = settings, shape, epochs, clock
        self._offset = _MIDDLE if middle else 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Look at what there is to be set, and at the time."""
        self._set = self._settings(self.model)
        self._epochs = min(self._epochs, self._clock.most or self._epochs)
        self._seconds, self._spent = max(self._clock.left, 1e-9), 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Set it for the epoch."""
        spent = 1 - self._clock.left / self._seconds if math.isfinite(self._seconds) else 0.0
        lasted, self._spent = spent - self._spent, spent
        done = max((epoch + self._offset) / self._epochs, spent + self._offset * lasted)
        self._set(self._shape(min(1.0, done)))


def learning_rate(model: keras.Model) -> Callable[[float], None]:
    """Return what sets a model's learning rate to a share of what it is."""
    optimizer = model.optimizer
    initial = float(optimizer.learning_rate)

    def change(share: float) -> None:
        optimizer.learning_rate = initial * share

    return change


def regularisation(model: keras.Model) -> Callable[[float], None]:
    """Return what sets a model's dropout and weight decay to a share of what they are, where these can fade."""
    dropouts = [layer for layer in model.layers if isinstance(layer, FadingDropout)]
    decay: Any = getattr(model.optimizer, "weight_decay", None)
    decay = decay if isinstance(decay, keras.Variable) else None
    initial = 0.0 if decay is None else float(decay)

    def change(share: float) -> None:
        for layer in dropouts:
            layer.left.assign(share)
        if decay is not None:
            decay.assign(initial * share)

    return change


def with_fading_decay(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Let the weight decay of an optimizer, if it has any, be changed while it trains, and act on kernels alone.

    Args:
        optimizer: One that is not built.
    """
    if optimizer.weight_decay is not None:
        # The step reads the attribute (Keras 3.15), so a variable in its place takes part in the trace.
        optimizer.weight_decay = keras.Variable(optimizer.weight_decay, trainable=False, name="weight_decay")
        # Names are those of TensorFlow, "layer/kernel:0", within a network or alone.
        optimizer.exclude_from_weight_decay(var_names=[r"^(?!(.*/)?kernel(:|$))"])
    return optimizer
