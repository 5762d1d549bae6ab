"""A second engine of networks, in a few lines of numpy: linear and softmax regression by gradient descent.

It is handed over with the family, as a user's own would be, and registered nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from spaces import Engine, Float, Fold, Int, Signature, family
from spaces.engines.contract import InSteps, Watch, looking
from spaces.engines.curves import Curve, Curves
from spaces.inputs.prepared import Prepared, joined_reading, learn
from spaces.inputs.table.matrix import Recipe

BEGUN: list[int] = []
"""The threads with which `begin` was called in this process."""


_LOSS = Curve("loss")


@dataclass(frozen=True)
class Line:
    """A layer without anything behind it; `fused` counts how often several were run together."""

    weights: NDArray[np.float64]
    fused: ClassVar[int] = 0

    def run(self, feed: NDArray[Any]) -> NDArray[np.float64]:
        return np.hstack([feed, np.ones((len(feed), 1))]) @ self.weights

    @staticmethod
    def fuse(networks: Sequence[Line]) -> Callable[[list[Any]], list[NDArray[Any]]]:
        def run(feeds: list[Any]) -> list[NDArray[Any]]:
            Line.fused += 1
            return [network.run(feed) for network, feed in zip(networks, feeds, strict=True)]

        return run


@dataclass(eq=False)
class ToyFitted(InSteps):
    library: ClassVar[str] = "toys.network:TOY"
    line: Line
    prepared: Prepared
    centre: float
    curves: Curves

    @property
    def readers(self) -> tuple[Prepared]:
        return (self.prepared,)

    @property
    def networks(self) -> tuple[Line]:
        return (self.line,)

    def feeds(self, read: tuple[Any, ...]) -> tuple[Any, ...]:
        return read

    def finish(self, read: tuple[Any, ...], outputs: tuple[NDArray[Any], ...]) -> NDArray[Any]:
        if outputs[0].shape[1] == 1:
            return outputs[0] + self.centre
        return softmax(outputs[0], axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        np.save(folder / "weights.npy", self.line.weights)
        settings = {"library": self.library, "centre": self.centre, "prepared": self.prepared.save(folder)}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Any) -> ToyFitted:
        prepared = store.prepared(folder, settings["prepared"])
        return ToyFitted(Line(np.load(folder / "weights.npy")), prepared, settings["centre"], {})


@dataclass(frozen=True)
class ToyModel:
    """Trains what a user's function begins with, `(columns + 1, outputs)`."""

    build: Callable[[Any, Signature], NDArray[np.float64]]
    config: Mapping[str, Any]
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[ToyFitted]:
        for fold in folds:
            target = self.signature.target
            recipe = Recipe("standard", "onehot", self.signature.cardinalities)
            reading = joined_reading(recipe, None, self.signature, config=self.config, by="linear")
            prepared, matrix = learn(reading, fold.train.table, fold.train.target, target_kind=target.kind)
            centre = float(fold.train.target.mean()) if target.kind == "regression" else 0.0
            wanted = (
                np.eye(target.outputs)[fold.train.target] if target.classes else fold.train.target[:, None] - centre
            )
            widths = self.signature.with_widths([matrix.shape[1]])
            weights = 0.01 * np.random.default_rng(fold.seed).normal(size=self.build(self.config, widths).shape)
            fitted = ToyFitted(Line(weights), prepared, centre, {_LOSS: []})
            inner = prepared.matrix(fold.inner.table)
            epochs = fold.steps or self.config["epochs"]
            for epoch in range(epochs):
                said = fitted.finish((matrix,), (fitted.line.run(matrix),)) - centre
                slope = np.hstack([matrix, np.ones((len(matrix), 1))]).T @ (said - wanted) / len(matrix)
                fitted.line = Line(fitted.line.weights - self.config["rate"] * slope)
                fitted.curves[_LOSS].append(float(np.mean((said - wanted) ** 2)))
                watch(epoch, epochs, {_LOSS: fitted.curves[_LOSS][-1]}, looking(fitted, (inner,)))
            yield fitted


def begin(threads: int) -> None:
    BEGUN.append(threads)


TOY = Engine("toys.network:TOY", "toys.network:ToyFitted", model="toys.network:ToyModel", begin="toys.network:begin")


def zeros(config: Mapping[str, Any], signature: Signature) -> NDArray[np.float64]:
    assert signature.table is not None
    return np.zeros((signature.table.shape[0] + 1, signature.target.outputs))


SPACE = {"epochs": Int(30, 200, default=100), "rate": Float(0.05, 0.5, log=True, default=0.3)}
FAMILY = family(zeros, SPACE, name="toy", engine=TOY)
