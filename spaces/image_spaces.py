"""The spaces of the branches that read images."""

from __future__ import annotations

import math

from spaces.leaves import Choice, Float, Int
from spaces.signature import Input, Signature
from spaces.space import Space
from spaces.tables import training, trees_space

IMAGE_BRANCHES = ("conv", "separable", "residual", "inception")
_DEEPEST = 5


def image_branch(name: str, image: Input) -> Space:
    """Return the space of what reads an image: stacked 3 x 3 convolutions, separable, residual or inception blocks.

    Each block halves the image; there are no more of them than leave two pixels.
    """
    height, width, channels = image.shape
    deepest = max(1, min(_DEEPEST, int(math.log2(max(2, min(height, width)))) - 1))
    plain: Space = {}
    if name == "conv":
        plain = {
            "convolutions": Int(1, 2, default=2 if max(height, width) <= 64 else 1),
            "padding": Choice(["same", "valid"]),
            "downsampling": Choice(["pooling", "strides"]),
            "batch_normalization": Choice([True, False]),
        }
    return {
        "filters": Int(8, 64, log=True, default=32),
        "depth": Int(1, deepest, default=min(3, deepest)) if deepest > 1 else 1,
        **plain,
        "pooling": Choice(["average", "flatten"]),
        "dropout": Float(0.0, 0.5, default=0.1),
        "augmentation": _augmentation(channels),
    }


def pretrained_space(signature: Signature) -> Space:
    """Return the space of what stands on a pretrained base, cut and pooled; which, and what it expects, is to be told.

    A network may then be trained further together with the last stages of the base, at a lower rate.
    """
    tuned: Space = {
        "stages": Int(1, 2),
        "learning_rate": Float(1e-5, 1e-3, log=True, default=1e-4),
        "epochs": 8,
        "augmentation": _augmentation(3),
    }
    network: Space = {
        "depth": Int(0, 1, default=0),
        "units": Int(16, 256, log=True),
        "shape": "rectangle",
        "activation": "relu",
        "batch_normalization": False,
        "dropout": Float(0.0, 0.7, default=0.4),
        **training(signature, learning_rate=(5e-4, 3e-2, 5e-3)),  # an epoch over features costs next to nothing
        "batch_size": Int(16, 64, log=True),
        "epochs": 100,
        "patience": 10,
        "fine_tuning": Choice({"none": {}, "top": tuned}),
    }
    return {
        "base": "",
        "preprocessing": "none",
        "cut": Int(0, 3, default=0),
        "pooling": Choice(["average", "max", "both"]),
        "head": Choice({"network": network, "trees": trees_space()}),
    }


def _augmentation(channels: int) -> Choice:
    moved: Space = {
        "flip": Choice([channels > 1, channels == 1]),  # digits are not to be mirrored
        "shift": Float(0.0, 0.2, default=0.1),
        "rotation": Float(0.0, 0.1, default=0.03),
        "zoom": Float(0.0, 0.3, default=0.1),
    }
    return Choice({"none": {}, "random": moved})
