"""Two networks that are trained against each other; beside `training.py` the only file that knows TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Adversarial(keras.Model):
    """A network that makes images of noise, and one that tells them from real ones, trained against each other.

    Args:
        generator: From noise to images, numbers from 0 to 1.
        discriminator: From images to a logit, larger for real ones.
        label_noise: Labels for the discriminator are off by up to this much, as it would be too sure otherwise.
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
        off = self._label_noise * keras.random.uniform((2 * rows, 1), seed=self._seeds)
        truth = tf.concat([tf.ones((rows, 1)), tf.zeros((rows, 1))], axis=0)
        with tf.GradientTape(persistent=True) as tape:
            made = self.generator(noise, training=True)
            told = self.discriminator(tf.concat([real, made], axis=0), training=True)
            labels = tf.abs(truth - off)
            telling = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=told))
            fooling = tf.reduce_mean(tf.nn.softplus(-told[rows:]))
        mine, theirs = self.generator.trainable_variables, self.discriminator.trainable_variables
        gradients = [*tape.gradient(fooling, mine), *tape.gradient(telling, theirs)]
        self.optimizer.apply(gradients, [*mine, *theirs])
        for metric, value in zip(self._losses, (fooling, telling), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self._losses}

    def test_step(self, data: Any) -> dict[str, Any]:
        """Score nothing: what matters is a test of two samples."""
        return {metric.name: metric.result() for metric in self._losses}
