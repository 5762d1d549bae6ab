"""Images at the border: an array `(rows, height, width, channels)` or files, checked once, and how they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.checked import checked_shape, finite, numeric
from spaces.inputs.image.files import common_shape, kept_images, read_images
from spaces.rows.arrays import Array
from spaces.rows.columns import Column, TableError


@dataclass(frozen=True)
class Image:
    """What a user says of images: options of the kind.

    Attributes:
        size: Height and width in pixels that images in files are brought to; not needed where all are of one size.
    """

    kind: ClassVar[str] = "image"
    size: Sequence[int] | None = None


def accepts(array: Array) -> bool:
    """Return whether an array may be images: it has four axes, or three of whole numbers of eight bits, grey ones."""
    return array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8)


def _with_channels(array: Array, wanted: bool) -> Array:
    """Return grey images with the axis of channels that they may lack."""
    return np.asarray(array)[..., None] if wanted and array.ndim == 3 else array


def describe(name: str, array: Array, said: Image) -> Column:
    """Return the column of some images: whole numbers are kept in eight bits.

    Raises:
        TableError: They hold no numbers, or have other than four axes.
    """
    numeric(name, array)
    array = _with_channels(array, array.dtype == np.uint8)
    if array.ndim != 4:
        shape = tuple(array.shape)
        raise TableError(f"{name!r} must be images (rows, height, width, channels), got shape {shape}")
    return Column(name, "image", shape=tuple(array.shape[1:]), dtype="uint8" if _whole(array) else "float32")


def encode(column: Column, array: Array) -> Array:
    """Return images in the type in which they are kept.

    Raises:
        TableError: They are of another shape or type, or a pixel is missing or out of range.
    """
    numeric(column.name, array)
    array = _with_channels(array, column.shape[-1] == 1)
    checked_shape(column, array)
    if _whole(array):
        pixels = array if array.dtype == np.uint8 else _in_eight_bits(column.name, np.asarray(array))
        if column.dtype != "uint8":
            raise TableError(
                f"{column.name!r} must hold numbers with fractions, as in training, got whole ones: scale them"
            )
        return pixels
    numbers = array if array.dtype == np.float32 else np.asarray(array).astype(np.float32)
    finite(column.name, numbers, "bring them to a range")
    if np.isnan(np.asarray(numbers)).any():
        raise TableError(f"{column.name!r} holds images with missing pixels")
    return _without_fractions(column.name, np.asarray(numbers)) if column.dtype == "uint8" else numbers


def column_of_files(name: str, files: Sequence[Any], said: Image) -> Column:
    """Return the column of images in files, by their sizes.

    Raises:
        TableError, ValueError: As `spaces.inputs.image.files.common_shape`.
    """
    return Column(name, "image", shape=common_shape(files, said.size), dtype="uint8")


def read(files: Sequence[Any], column: Column) -> Array:
    """Read images from files; see `spaces.inputs.image.files.read_images`."""
    height, width, channels = column.shape
    return read_images(list(files), (height, width, channels))


def kept(files: Sequence[Any], column: Column) -> Array:
    """Read images once; see `spaces.inputs.image.files.kept_images`."""
    height, width, channels = column.shape
    return kept_images(files, (height, width, channels))


def _whole(array: Array) -> bool:
    return array.dtype.kind in "iub"


def _in_eight_bits(name: str, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 255):
        raise TableError(
            f"{name!r} must hold whole numbers from 0 to 255, or numbers with fractions, got {pixels.dtype} from "
            f"{pixels.min()} to {pixels.max()}"
        )
    return pixels.astype(np.uint8)


def _without_fractions(name: str, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return images that come as floats though they were whole numbers in training."""
    if len(pixels) and not (pixels.max() > 1 and pixels.min() >= 0 and (pixels == pixels.astype(np.uint8)).all()):
        raise TableError(f"{name!r} must hold whole numbers from 0 to 255, as in training, got fractions")
    return pixels.astype(np.uint8)
