"""Images in files: read in parallel, turned upright, brought to one size, and kept so that they are read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.machine.cores import cores
from spaces.machine.disk import cache_folder, kept
from spaces.machine.torn import is_array
from spaces.rows.arrays import write_array
from spaces.rows.columns import TableError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# Of numbers of more than eight bits nobody can tell what is white.
_DEEP = ("I", "F")
_AT_ONCE = 256
_SHOWN = 3
_VERSION = 1  # of what is kept

Shape = tuple[int, int, int]


def read_images(paths: Sequence[Any], shape: Shape) -> NDArray[np.uint8]:
    """Read images as uint8 `(rows, height, width, channels)`.

    Args:
        paths: The files.
        shape: `(height, width, channels)` of each; other sizes are resized (bilinear, without regard to their
            proportions), and with one channel colours become grey.

    Raises:
        TableError: Some cannot be read, as they are missing, truncated or of more than eight bits; the message names
            the first of them.
    """
    if not len(paths):
        return np.empty((0, *shape), np.uint8)
    return np.concatenate(list(_chunks(_checked(paths), shape)))


def kept_images(paths: Sequence[Any], shape: Shape) -> NDArray[np.uint8]:
    """Read images once: the array is kept in a file, mapped into memory, and found again while no image changes.

    Args:
        paths: The files.
        shape: `(height, width, channels)` of each.

    Raises:
        TableError: As `read_images`; nothing is kept then.
    """
    files = _checked(paths)
    digest = hashlib.sha256(repr((_VERSION, shape)).encode())
    for file in files:
        known = file.stat()
        digest.update(f"{file.absolute()}\0{known.st_size}\0{known.st_mtime_ns}\0".encode())
    path = cache_folder() / "images" / f"{digest.hexdigest()[:24]}.npy"
    dtype = np.dtype(np.uint8)

    def whole(path: Path) -> bool:
        return is_array(path, len(files))

    kept(path, lambda part: write_array(part, (len(files), *shape), dtype, some=_chunks(files, shape)), there=whole)
    array: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return array


def common_shape(paths: Sequence[Any], size: Sequence[int] | None = None) -> Shape:
    """Return `(height, width, channels)` of images that are all alike; a size that is given may differ from theirs.

    Raises:
        TableError: They are of several sizes, or some are grey and others are not.
        ValueError: The size is none.
    """
    if size is not None and (
        len(size) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in size)
    ):
        raise ValueError(f"image_size must be (height, width) in pixels, got {size!r}")
    files = _checked(paths)
    sizes: dict[tuple[int, int], Path] = {}
    channels: dict[int, Path] = {}
    for (its, many), file in zip(_each(_measure, files), files, strict=True):
        sizes.setdefault(its, file)
        channels.setdefault(many, file)
    if len(channels) > 1:
        raise TableError(
            f"some images are grey and others coloured: {channels[1]} and {channels[3]}; convert them to one kind"
        )
    (many,) = channels
    if size is not None:
        return size[0], size[1], many
    if len(sizes) > 1:
        (one, first), (other, second) = list(sizes.items())[:2]
        raise TableError(
            f"images are of {len(sizes)} sizes: {first} is {one[0]} x {one[1]} pixels, {second} is "
            f"{other[0]} x {other[1]}; name the size that all are brought to, image_size=({one[0]}, {one[1]})"
        )
    ((height, width),) = sizes
    return height, width, many


def images_below(folder: Path) -> list[Path]:
    """Return the images in a folder and its subfolders, sorted; hidden ones are left out."""
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def _checked(paths: Sequence[Any]) -> list[Path]:
    files = [Path(path) if isinstance(path, str | Path) and str(path) else None for path in paths]
    if none := [i for i, file in enumerate(files) if file is None]:
        raise TableError(f"an image must be the path of a file, got {paths[none[0]]!r} in row {none[0]}")
    found = [file for file in files if file is not None]
    if missing := [file for file in dict.fromkeys(found) if not file.is_file()]:
        raise TableError(f"{_some(len(missing), 'image')} cannot be found: {_list(map(str, missing))}")
    if not found:
        raise TableError("there are no images")
    return found


def _each(function: Callable[[Path], Any], files: Sequence[Path]) -> Iterator[Any]:
    """Apply a function to files in parallel, and complain of all that failed at once."""
    failed: list[str] = []

    def attempt(file: Path) -> Any:
        try:
            return function(file)
        except Exception as error:  # decoders fail in ways of their own: OSError, SyntaxError, struct.error, ...
            return error

    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            for file, result in zip(some, pool.map(attempt, some), strict=True):
                if isinstance(result, Exception):
                    failed.append(f"{file} ({str(result).splitlines()[0] if str(result) else type(result).__name__})")
                elif not failed:
                    yield result
    if failed:
        raise TableError(f"{_some(len(failed), 'image')} cannot be read: {_list(failed)}; mend or remove them")


def _measure(file: Path) -> tuple[tuple[int, int], int]:
    """Return height and width, after the rotation that the file asks for, and channels."""
    from PIL import Image

    with Image.open(file) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112, 1) >= 5  # orientations that stand on a side
        return ((width, height) if turned else (height, width)), _channels(image)


def _channels(image: Any) -> int:
    if image.mode.split(";")[0] in _DEEP:
        raise ValueError(f"it has more than eight bits a pixel, mode {image.mode}: convert it")
    return 1 if image.mode in ("1", "L", "LA") else 3


def _pixels(file: Path, shape: Shape) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    height, width, channels = shape
    with Image.open(file) as image:
        _channels(image)
        image.draft("RGB" if channels == 3 else "L", (width, height))  # a large JPEG is decoded small
        upright = ImageOps.exif_transpose(image).convert("RGB" if channels == 3 else "L")
    if upright.size != (width, height):
        upright = upright.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(upright, np.uint8).reshape(shape)


def _chunks(files: Sequence[Path], shape: Shape) -> Iterator[NDArray[np.uint8]]:
    images = _each(lambda file: _pixels(file, shape), files)
    for start in range(0, len(files), _AT_ONCE):
        some = [image for _, image in zip(files[start : start + _AT_ONCE], images, strict=False)]
        if some:
            yield np.stack(some)


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _list(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
