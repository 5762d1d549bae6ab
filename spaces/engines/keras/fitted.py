"""Networks trained on one fold: predicting, saving as `.keras`, loading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import InSteps, Output, Read, Store
from spaces.engines.curves import Curves
from spaces.engines.engine import KERAS
from spaces.engines.keras.prediction import fuse, predict
from spaces.engines.keras.scale import TargetScale, finished
from spaces.engines.keras.stored import open_network
from spaces.inputs.prepared import (
    Columns,
    Prepared,
)
from spaces.layers.members import MemberHeads


@dataclass(frozen=True, eq=False)
class KerasNetwork:
    """A Keras model that predicts, alone or in one trace with others."""

    model: keras.Model

    def run(self, feed: Columns) -> NDArray[np.float32]:
        """Return outputs `(rows, outputs)`, from some rows at a time."""
        return predict(self.model, feed)

    @staticmethod
    def fuse(networks: Sequence[KerasNetwork]) -> Callable[[list[Columns]], list[Output]]:
        """Return one traced function of all."""
        return fuse([network.model for network in networks])


@dataclass(eq=False)
class KerasFitted(InSteps):
    """A network trained on one fold."""

    library: ClassVar[str] = KERAS.name
    model: keras.Model
    prepared: Prepared
    widths: tuple[int, ...]
    kind: str
    scale: TargetScale
    curves: Curves

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    @property
    def networks(self) -> tuple[KerasNetwork]:
        """The network."""
        return (KerasNetwork(self.model),)

    def feeds(self, read: Read) -> tuple[Columns]:
        """Return inputs whose tables have the columns of zeros that the network expects beyond their own."""
        return (padded(read[0], self.widths),)

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return the network's outputs on the target's scale, or as a probability for each class.

        Those of several members, which stand side by side, are averaged.
        """
        (mean,) = outputs
        for layer in self.model.layers:
            if isinstance(layer, MemberHeads):
                mean = mean.reshape(-1, layer.members, layer.outputs).mean(axis=1)
        return finished(mean, self.scale, self.kind)

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
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> KerasFitted:
        """Read what `save` wrote; needs neither the builder nor the training data."""
        model = open_network(folder / "model.keras")
        prepared = store.prepared(folder, settings["prepared"])
        scale = TargetScale.from_json(settings)
        return KerasFitted(model, prepared, tuple(settings["widths"]), settings["kind"], scale, {})


def padded(read: Columns, widths: tuple[int, ...]) -> Columns:
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
