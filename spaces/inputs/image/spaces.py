"""The spaces of the branches that read images."""

from __future__ import annotations

import math
from dataclasses import replace

from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.rows.signature import Input, Signature

IMAGE_BRANCHES = ("conv", "separable", "residual", "inception")
_DEEPEST = 5
# Pixels of all rows, up to which the first network of a family has so many filters; beyond, the fewest.
_WIDTHS = ((32, 2_000_000), (16, 6_000_000))
_FEWEST = 8
_PIXELS_READ, _MOST_PIXELS_READ = 100_000_000, 600_000_000  # by all epochs together
_FEWEST_EPOCHS, _MOST_EPOCHS = 8, 40


def image_branch(name: str, image: Input, signature: Signature) -> Space:
    """Return the space of what reads an image: stacked 3 x 3 convolutions, separable, residual or inception blocks.

    Each block halves the image; there are no more of them than leave two pixels. The default is small enough to be
    trained in a minute: the more pixels there are, the fewer filters it has, it strides rather than pools, and keeps
    the places of what it finds, as a few averages would say too little. A study grows from there.
    """
    height, width, channels = image.shape
    deepest = max(1, min(_DEEPEST, int(math.log2(max(2, min(height, width)))) - 1))
    pixels = signature.rows * height * width
    wide = next((filters for filters, most in _WIDTHS if pixels <= most), _FEWEST)
    few = wide > _FEWEST
    plain: Space = {}
    if name == "conv":
        plain = {
            "convolutions": Int(1, 2, default=2 if few and max(height, width) <= 64 else 1),
            "padding": Choice(["same", "valid"]),
            "downsampling": Choice(["pooling", "strides"] if few else ["strides", "pooling"]),
            "batch_normalization": Choice([True, False]),
        }
    return {
        "filters": Int(8, 64, log=True, default=wide),
        "depth": Int(1, deepest, default=min(3, deepest)) if deepest > 1 else 1,
        **plain,
        "pooling": Choice(["average", "flatten"] if few or name != "conv" else ["flatten", "average"]),
        "dropout": Float(0.0, 0.5, default=0.1),
        "augmentation": augmentation(channels),
    }


def image_epochs(image: Input, rows: int) -> Int | int:
    """Return how often all images are read at most: less the more pixels there are, and least by default."""
    height, width, _ = image.shape
    low, high = (
        max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, pixels // (rows * height * width)))
        for pixels in (_PIXELS_READ, _MOST_PIXELS_READ)
    )
    return Int(low, high, log=True, default=low) if low < high else low


def image_training(branch: str, image: Input, signature: Signature, batch_size: Int, /) -> Space:
    """Return in which batches and how often images are read: largest ones, and less often the more pixels there are."""
    return {
        "batch_size": replace(batch_size, default=batch_size.high),
        "epochs": image_epochs(image, signature.rows),
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
