"""Images as models read them: as they are, or each as one line of pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaces.inputs.kind import ReadBy
from spaces.language.space import Config
from spaces.rows.arrays import Array
from spaces.rows.signature import Input

# An image of more pixels is too much for a linear model.
MOST_PIXELS = 4096


@dataclass(frozen=True)
class ImageReading:
    """How an image is read. Nothing is learned of training rows.

    Attributes:
        flat: Whether it becomes a line of pixels from 0 to 1.
    """

    flat: bool

    def read(self, rows: Array, key: str | None) -> Array:
        """Return images as they are stored, or float32 `(rows, pixels)`."""
        if not self.flat:
            return rows
        pixels = np.asarray(rows, np.float32).reshape(len(rows), math.prod(rows.shape[1:]))
        return pixels / np.float32(255) if rows.dtype == np.uint8 else pixels

    def save(self, folder: Path, name: str) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"flat": self.flat}


def how(image: Input, config: Config, by: ReadBy) -> ImageReading:
    """Return how an image is read."""
    return ImageReading(flat=by != "network")


def prepare(reading: ImageReading, train: Array, key: str | None) -> ImageReading:
    """Learn nothing."""
    return reading


def load(folder: Path, settings: Mapping[str, Any]) -> ImageReading:
    """Rebuild what `ImageReading.save` returned."""
    return ImageReading(settings["flat"])


def width(image: Input, by: ReadBy) -> int | None:
    """Return how many pixels a linear model reads; trees read none, as single pixels say nothing."""
    pixels = math.prod(image.shape)
    return pixels if by == "linear" and pixels <= MOST_PIXELS else None
