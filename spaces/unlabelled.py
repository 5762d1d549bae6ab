"""Models of rows without a target: what everybody would say, adversarial pairs, and what flags odd windows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.adversarial import Adversarial
from spaces.deep_trees import unwatched
from spaces.family import Fold, Rows, Watch
from spaces.inputs import Columns, Prepared, Reading, array_recipes, learn, load_prepared
from spaces.keras_model import KerasFitted, KerasModel, Listener
from spaces.preprocess import Recipe
from spaces.signature import ITSELF, Signature, Target
from spaces.space import Config
from spaces.table import Table
from spaces.training import Arrays, Trainer, predict
from spaces.two_sample import told_apart
from spaces.unlabelled_networks import build_autoencoder, build_discriminator, build_forecaster, build_generator

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_SURE = 1e-4


@dataclass(frozen=True, eq=False)
class UsualFitted:
    """The mean row, and how far a row is from it: what anybody would say of rows without a target.

    Attributes:
        prepared: Its preprocessing.
        mean: Of the training rows, `(values,)`.
        loss: What is told of a row: its `"reconstruction"` error, its negative `"elbo"`, or what a `"two_sample"` test
            says beside rows that are drawn value by value.
        counted: Whether values are pixels, counted from 0 to 1.
        curves: There are none.
    """

    library: ClassVar[str] = "usual"
    prepared: Prepared
    mean: NDArray[np.float32]
    loss: str
    counted: bool
    curves: dict[str, list[float]] = field(default_factory=dict)

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return one number a row, `(rows, 1)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, matrix: Columns) -> NDArray[np.float32]:
        """Return one number a row that is already preprocessed."""
        rows = flat_values(matrix)
        match self.loss:
            case "two_sample":
                said = told_apart(rows, self._drawn(len(rows)))
            case "elbo" if self.counted:
                mean = np.clip(self.mean, _SURE, 1 - _SURE)
                said = -(rows * np.log(mean) + (1 - rows) * np.log(1 - mean)).sum(axis=1)
            case "elbo":
                said = (0.5 * (rows - self.mean) ** 2 + _HALF_LOG_2PI).sum(axis=1)
            case _:
                said = ((rows - self.mean) ** 2).mean(axis=1)
        return said[:, None].astype(np.float32)

    def _drawn(self, rows: int) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        if self.counted:
            return (rng.random((rows, len(self.mean))) < self.mean).astype(np.float32)
        return (self.mean + rng.normal(size=(rows, len(self.mean)))).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write `model.json` and `mean.npy`."""
        np.save(folder / "mean.npy", self.mean)
        settings = {"library": self.library, "loss": self.loss, "counted": self.counted}
        (folder / "model.json").write_text(json.dumps({**settings, "prepared": self.prepared.save(folder)}))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> UsualFitted:
        """Read what `save` wrote."""
        prepared = load_prepared(folder, settings["prepared"])
        return UsualFitted(prepared, np.load(folder / "mean.npy"), settings["loss"], settings["counted"])


@dataclass(frozen=True)
class UsualModel:
    """The mean row; there is nothing to tune."""

    signature: Signature
    stops_early: ClassVar[bool] = False

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[UsualFitted]:
        """Return the mean of each fold's training rows."""
        for fold in folds:
            prepared, matrix = learn(_reading(self.signature), fold.full.table, fold.full.target, "regression")
            counted = self.signature.input.dtype == "uint8"
            mean = flat_values(matrix).mean(axis=0)
            yield UsualFitted(prepared, mean, self.signature.target.loss, counted)


@dataclass(eq=False)
class GanFitted:
    """A network that makes images of noise.

    Attributes:
        generator: From noise to images, numbers from 0 to 1.
        prepared: How rows are read that it is compared with.
        curves: Losses of both networks.
    """

    library: ClassVar[str] = "gan"
    generator: keras.Model
    prepared: Prepared
    curves: dict[str, list[float]]

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return what a two-sample test says of each row beside as many that were made, `(rows, 1)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, matrix: Columns) -> NDArray[np.float32]:
        """Return the same of rows that are already preprocessed."""
        rows = flat_values(matrix)
        return told_apart(rows, flat_values(self.sample(len(rows))))[:, None].astype(np.float32)

    def sample(self, rows: int, seed: int = 0) -> NDArray[np.float32]:
        """Return images that were made of noise."""
        noise = np.random.default_rng(seed).normal(size=(rows, self.generator.input_shape[1])).astype(np.float32)
        return predict(self.generator, noise).reshape(rows, *self.generator.output_shape[1:])

    def save(self, folder: Path) -> None:
        """Write `model.keras` and `model.json`."""
        self.generator.save(folder / "model.keras")
        settings = {"library": self.library, "prepared": self.prepared.save(folder)}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> GanFitted:
        """Read what `save` wrote."""
        generator = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True)
        return GanFitted(generator, load_prepared(folder, settings["prepared"]), {})


@dataclass(frozen=True)
class GanModel:
    """One configuration of a pair of networks (Goodfellow et al., "Generative adversarial nets", NIPS 2014)."""

    config: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[GanFitted]:
        """Train on each fold in turn."""
        config, image = self.config, self.signature.input
        for fold in folds:
            keras.utils.set_random_seed(fold.seed)
            prepared, images = learn(_reading(self.signature), fold.train.table, fold.train.target, "regression")
            generator = build_generator(config, image)
            model = Adversarial(generator, build_discriminator(config, image), config["label_noise"])
            model.compile(optimizer=keras.optimizers.Adam(config["learning_rate"], beta_1=config["beta_1"]))
            fitted = GanFitted(generator, prepared, {})
            inner, epochs = prepared.matrix(fold.inner.table), int(fold.steps or config["epochs"])
            fitted.curves = Trainer(model).train(
                Arrays(images, np.zeros((len(fold.train), 1), np.float32)),
                None,
                epochs=epochs,
                batch_size=min(int(config["batch_size"]), len(fold.train)),
                callbacks=[Listener(watch, epochs, lambda at=inner, of=fitted: of.predict_matrix(at))],  # type: ignore[misc]
                order=lambda epoch, of=fold: np.random.default_rng([of.seed, epoch]).permutation(len(of.train)),  # type: ignore[misc]
            )
            yield fitted


@dataclass(eq=False)
class AnomalyFitted:
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
    def prepared(self) -> Prepared:
        """Its preprocessing."""
        return self.network.prepared

    @property
    def curves(self) -> dict[str, list[float]]:
        """The network's losses."""
        return self.network.curves

    def predict(self, table: Table) -> NDArray[np.float32]:
        """Return probabilities `(rows, 2)`."""
        return self.predict_matrix(self.prepared.matrix(table))

    def predict_matrix(self, matrix: Columns) -> NDArray[np.float32]:
        """Predict rows that are already preprocessed."""
        logits = np.clip((_logarithms(self.network, matrix) - self.threshold) / self.spread, -30, 30)
        odd = 1 / (1 + np.exp(-logits))
        return np.stack([odd, 1 - odd] if self.odd == 0 else [1 - odd, odd], axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the network into a folder of its own, and `model.json`."""
        (folder / "network").mkdir(exist_ok=True)
        self.network.save(folder / "network")
        settings = {"library": self.library, "threshold": self.threshold, "spread": self.spread, "odd": self.odd}
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any]) -> AnomalyFitted:
        """Read what `save` wrote."""
        network = KerasFitted.load(folder / "network", json.loads((folder / "network" / "model.json").read_text()))
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
        every = np.concatenate([fold.full.target for fold in folds])
        odd = 1 if 2 * np.count_nonzero(every == 1) <= len(every) else 0  # the same in all folds
        usual = [_usual(fold, odd) for fold in folds]
        for fold, fitted in zip(usual, network.fit(usual, unwatched), strict=True):
            logarithms = _logarithms(fitted, fitted.prepared.matrix(fold.train.table))
            threshold = float(np.quantile(logarithms, self.config["quantile"]))
            yield AnomalyFitted(fitted, threshold, float(logarithms.std()) or 1.0, odd)


def flat_values(rows: Any) -> NDArray[np.float32]:
    """Return rows as lines of numbers; whole ones from 0 to 255 from 0 to 1."""
    array = np.asarray(rows)
    values = array.reshape(len(array), -1).astype(np.float32)
    return values / np.float32(255) if array.dtype == np.uint8 else values


def _reading(signature: Signature) -> Reading:
    tables = tuple(Recipe("standard", "onehot", one.cardinalities, 0, one.columns) for one in signature.tables)
    return Reading(tables, None, joined=False, arrays=array_recipes(signature, flat=False))


def _usual(fold: Fold, odd: int) -> Fold:
    def kept(rows: Rows) -> Rows:
        at = np.flatnonzero(rows.target != odd)
        return Rows(rows.table.take(at), np.zeros(len(at)))

    return replace(fold, full=kept(fold.full), train=kept(fold.train), inner=kept(fold.inner))


def _logarithms(network: KerasFitted, matrix: Columns) -> NDArray[np.float64]:
    return np.log(np.maximum(network.predict_matrix(matrix)[:, 0].astype(np.float64), 1e-12))
