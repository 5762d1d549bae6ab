"""Odd windows of a series: those that a network of usual ones restores or foretells badly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, InSteps, Network, Output, Read, Store, Watch
from spaces.engines.curves import Curves
from spaces.engines.folds import unwatched
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.model import KerasModel
from spaces.families.unsupervised.networks import (
    build_autoencoder,
    build_forecaster,
)
from spaces.inputs.prepared import Columns, Reader
from spaces.language.space import Config
from spaces.rows.signature import Signature
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, Target


@dataclass(eq=False)
class AnomalyFitted(InSteps):
    """Windows whose error is larger than a threshold are of the rarer class.

    Attributes:
        network: Tells the error of a window.
        threshold: A quantile of the logarithms of errors of usual training rows.
        spread: Their deviation: an error so much larger is more likely odd than not by a factor of e.
        odd: Which class is the rarer one.
    """

    library: ClassVar[str] = "anomaly"
    network: KerasFitted
    threshold: float
    spread: float
    odd: int

    @property
    def readers(self) -> tuple[Reader, ...]:
        """What the network reads."""
        return self.network.readers

    @property
    def networks(self) -> tuple[Network, ...]:
        """The network."""
        return self.network.networks

    @property
    def curves(self) -> Curves:
        """The network's losses."""
        return self.network.curves

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return what the network is fed."""
        return self.network.feeds(read)

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return probabilities `(rows, 2)`."""
        logits = np.clip((_logarithms(self.network.finish(read, outputs)) - self.threshold) / self.spread, -30, 30)
        odd = 1 / (1 + np.exp(-logits))
        return np.stack([odd, 1 - odd] if self.odd == 0 else [1 - odd, odd], axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the network into a folder of its own, and `model.json`."""
        (folder / "network").mkdir(exist_ok=True)
        self.network.save(folder / "network")
        settings = {"library": self.library, "threshold": self.threshold, "spread": self.spread, "odd": self.odd}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> AnomalyFitted:
        """Read what `save` wrote."""
        network = cast(KerasFitted, store.fitted(folder / "network"))
        return AnomalyFitted(network, settings["threshold"], settings["spread"], settings["odd"])


@dataclass(frozen=True)
class AnomalyModel:
    """One configuration: a network that learns usual windows, and a threshold above which an error is odd.

    Nothing is learned of odd windows but which class is the rarer, so that kinds of oddity which never occurred are
    found as well.
    """

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[AnomalyFitted]:
        """Train on each fold's rows of the more frequent class."""
        ((error, settings),) = self.config["error"].items()
        builder = build_forecaster if error == "forecast" else build_autoencoder
        itself = Target("itself", ITSELF, loss="reconstruction")
        network = KerasModel(builder, {**self.config, **settings}, replace(self.signature, targets=(itself,)))
        every = np.concatenate([fold.full.target for fold in (*folds[0].beside, *folds)])
        odd = 1 if 2 * np.count_nonzero(every == 1) <= len(every) else 0  # the same in all folds
        usual = [_usual(fold, odd) for fold in folds]
        for fold, fitted in zip(usual, network.fit(usual, unwatched), strict=True):
            logarithms = _logarithms(fitted.predict(fold.train.table))
            threshold = float(np.quantile(logarithms, self.config["quantile"]))
            yield AnomalyFitted(fitted, threshold, float(logarithms.std()) or 1.0, odd)


def _usual(fold: Fold, odd: int) -> Fold:
    def kept(rows: Rows) -> Rows:
        at = np.flatnonzero(rows.target != odd)
        return replace(rows.take(at), target=np.zeros(len(at)))

    return replace(
        fold,
        full=kept(fold.full),
        train=kept(fold.train),
        inner=kept(fold.inner),
        beside=tuple(_usual(one, odd) for one in fold.beside),
    )


def _logarithms(errors: NDArray[Any]) -> NDArray[np.float64]:
    return np.log(np.maximum(errors[:, 0].astype(np.float64), 1e-12))
