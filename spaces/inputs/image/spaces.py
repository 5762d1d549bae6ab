"""The spaces of the branches that read images."""

from __future__ import annotations

import math

from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Input

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
        "augmentation": augmentation(channels),
    }


def augmentation(channels: int) -> Choice:
    """Return the space of how images are moved at random while training."""
    moved: Space = {
        "flip": Choice([channels > 1, channels == 1]),  # digits are not to be mirrored
        "shift": Float(0.0, 0.2, default=0.1),
        "rotation": Float(0.0, 0.1, default=0.03),
        "zoom": Float(0.0, 0.3, default=0.1),
    }
    return Choice({"none": {}, "random": moved})
