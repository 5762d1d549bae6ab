"""The spaces of networks that learn rows themselves."""

from __future__ import annotations

import math

from spaces.families.shared_spaces import training
from spaces.inputs.kinds import kind_named
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Input, Signature

_RATES = (2e-4, 1e-2, 1e-3)

_GAN_STEPS, _GAN_BATCH = 1000, 64


def autoencoder_space(signature: Signature) -> Space:
    """Return the space: how long a code is, the layers that encode and decode, and how much noise rows get."""
    return {**_coded(signature), "noise": Choice([0.0, 0.1, 0.3]), **_trained(signature)}


def variational_space(signature: Signature) -> Space:
    """Return the space of variational autoencoders."""
    return {**_coded(signature), **_trained(signature)}


def gan_space(signature: Signature) -> Space:
    """Return the space of two convolutional networks: a generator of images, and a discriminator.

    Few rows are read more often by default, as it takes some thousand steps to learn from each other.
    """
    epochs = min(max(round(_GAN_STEPS * _GAN_BATCH / signature.rows), 20), 200)
    return {
        "latent": Int(16, 128, log=True, default=64),
        "body": {"conv": {"filters": Int(16, 64, log=True, default=32), "depth": _depth(signature.input)}},
        "dropout": Float(0.0, 0.5, default=0.3),
        "label_noise": Float(0.0, 0.2, default=0.1),
        "learning_rate": Float(5e-5, 1e-3, log=True, default=2e-4),
        "beta_1": Choice([0.5, 0.9]),
        "batch_size": Int(32, 256, log=True, default=_GAN_BATCH),
        "epochs": Int(5, 200, log=True, default=epochs),
    }


def anomaly_space(signature: Signature) -> Space:
    """Return the space: what is to be restored or told of a window, and how large an error is an anomaly."""
    told: Space = {"ahead": Float(0.1, 0.5, default=0.25), "units": Int(16, 256, log=True), "depth": Int(1, 3)}
    restored: Space = {**_coded(signature), "noise": Choice([0.0, 0.1, 0.3])}
    return {
        "error": Choice({"reconstruction": restored, "forecast": told}),
        "quantile": Float(0.9, 0.999, default=0.98),
        **_trained(signature),
    }


def _coded(signature: Signature) -> Space:
    one = signature.input
    dense: Space = {"units": Int(32, 512, log=True), "depth": Int(1, 3)}
    bodies: dict[str, Space] = {"dense": dense}
    wanted = kind_named(one.kind).bodies
    if "conv" in wanted and min(one.shape[:-1]) >= 4:
        conv: Space = {"filters": Int(8, 64, log=True, default=16), "depth": _depth(one)}
        bodies = {name: {"conv": conv, **bodies}[name] for name in wanted}
    return {
        "latent": Int(2, max(3, min(64, math.prod(one.shape) // 2)), log=True),
        "body": Choice(bodies),
    }


def _depth(one: Input) -> Int | int:
    deepest = min(4, int(math.log2(min(one.shape[:-1]))) - 1)
    return Int(1, deepest, default=min(2, deepest)) if deepest > 1 else 1


def _trained(signature: Signature) -> Space:
    settings = training(signature, learning_rate=_RATES)
    return {
        **{name: its for name, its in settings.items() if name != "class_weight"},
        "batch_size": Int(16, 256, log=True, default=64),
        "epochs": 60,
        "patience": 6,
    }
