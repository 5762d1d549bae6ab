"""Two networks that are trained against each other: one makes images of noise, one tells them from real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.engines.contract import Fold, InSteps, Read, Store, Watch, looking
from spaces.engines.curves import Curves
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.fitting import fit_network
from spaces.engines.keras.prediction import predict
from spaces.engines.keras.stored import open_network
from spaces.engines.keras.training import Trainer
from spaces.families.unsupervised.networks import (
    build_discriminator,
    build_generator,
)
from spaces.families.unsupervised.two_sample import told_apart
from spaces.families.unsupervised.usual import flat_values, plain_reading
from spaces.inputs.prepared import Prepared, learn
from spaces.language.space import Config
from spaces.rows.signature import Signature


@dataclass(eq=False)
class GanFitted(InSteps):
    """A network that makes images of noise.

    Attributes:
        generator: From noise to images, numbers from 0 to 1.
        prepared: How rows are read that it is compared with.
        curves: Losses of both networks.
    """

    library: ClassVar[str] = "gan"
    generator: keras.Model
    prepared: Prepared
    curves: Curves

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Return one number a row, `(rows, 1)`."""
        (matrix,) = read
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
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> GanFitted:
        """Read what `save` wrote."""
        generator = open_network(folder / "model.keras")
        return GanFitted(generator, store.prepared(folder, settings["prepared"]), {})


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
            prepared, images = learn(
                plain_reading(self.signature), fold.train.table, fold.train.target, target_kind="regression"
            )
            generator = build_generator(config, image)
            model = Adversarial(generator, build_discriminator(config, image), config["label_noise"])
            model.compile(optimizer=keras.optimizers.Adam(config["learning_rate"], beta_1=config["beta_1"]))
            fitted = GanFitted(generator, prepared, {})
            inner = prepared.matrix(fold.inner.table)
            fitted.curves = fit_network(
                Trainer(model),
                TrainingArrays(images, np.zeros((len(fold.train), 1), np.float32)),
                None,
                fold=fold,
                config=config,
                watch=watch,
                look=looking(fitted, (inner,)),
            )
            yield fitted


class Adversarial(keras.Model):
    """A network that makes images of noise, and one that tells them from real ones, trained against each other.

    Args:
        generator: From noise to images, numbers from 0 to 1.
        discriminator: From images to a logit, larger for real ones.
        label_noise: Labels of real images are below one by up to this much, as the discriminator would be too sure
            otherwise; of made ones they are zero (Salimans et al., "Improved techniques for training GANs", NIPS 2016).
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model, label_noise: float) -> None:
        super().__init__()
        self.generator, self.discriminator, self._label_noise = generator, discriminator, label_noise
        self._seeds = keras.random.SeedGenerator()
        self._losses = [keras.metrics.Mean(name=name) for name in ("generator_loss", "discriminator_loss")]
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The mean losses of an epoch."""
        return self._losses

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Tell real images from others."""
        return self.discriminator(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step with both networks, on the same made images."""
        real = tf.cast(data[0], tf.float32) / (255.0 if data[0].dtype == tf.uint8 else 1.0)
        rows = tf.shape(real)[0]
        noise = keras.random.normal((rows, self.generator.input_shape[1]), seed=self._seeds)
        labels = 1.0 - self._label_noise * keras.random.uniform((rows, 1), seed=self._seeds)
        with tf.GradientTape(persistent=True) as tape:
            made = self.generator(noise, training=True)
            of_real, of_made = self.discriminator(real, training=True), self.discriminator(made, training=True)
            right = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=of_real) + tf.nn.softplus(of_made)
            telling, fooling = tf.reduce_mean(right) / 2, tf.reduce_mean(tf.nn.softplus(-of_made))
        mine, theirs = self.generator.trainable_variables, self.discriminator.trainable_variables
        gradients = [*tape.gradient(fooling, mine), *tape.gradient(telling, theirs)]
        self.optimizer.apply(gradients, [*mine, *theirs])
        for metric, value in zip(self._losses, (fooling, telling), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self._losses}

    def test_step(self, data: Any) -> dict[str, Any]:
        """Score nothing: what matters is a test of two samples."""
        return {metric.name: metric.result() for metric in self._losses}
