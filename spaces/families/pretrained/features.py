"""What a cut base makes of images: computed once, and kept."""

from __future__ import annotations

import hashlib
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.clock import Clock, NoTime
from spaces.engines.contract import ShippingError, Store
from spaces.engines.keras.prediction import predict
from spaces.engines.keras.stored import open_network
from spaces.families.pretrained.bases import BaseError, base_file
from spaces.language.complaints import unknown_name
from spaces.language.space import Config
from spaces.machine.disk import cache_folder, can_take, kept, link_or_copy
from spaces.machine.memory import cached
from spaces.machine.strange import inside
from spaces.machine.torn import is_array, is_whole
from spaces.rows.arrays import Picked, pieces
from spaces.rows.signature import Input
from spaces.rows.table import Rows, Table

_VERSION = 1  # of what is kept
_FILE = "base.keras"
_MOST_OPEN = 4  # bases in memory
_PIECE = 512  # images
_SHARE = 0.5  # of what is left of the study, for features in one trial
# What a base expects, as factors and offsets of red, green and blue from 0 to 255 (keras.applications' words).
_SCALES: dict[str, tuple[Any, Any]] = {
    "none": (1.0, 0.0),
    "unit": (1 / 255, 0.0),
    "tf": (1 / 127.5, -1.0),
    "torch": ([1 / 58.395, 1 / 57.12, 1 / 57.375], [-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375]),
    "caffe": (1.0, [-103.939, -116.779, -123.68]),  # blue comes first
}


class Cut(NamedTuple):
    """How a base is used: its file, what it expects, how many of its last stages are left out, how it is pooled."""

    path: str
    preprocessing: str
    stages: int
    pooling: str

    @staticmethod
    def of(config: Config) -> Cut:
        """Return what a config of the family says."""
        path = str(base_file(config["base"]))
        return Cut(path, config["preprocessing"], config["cut"], config["pooling"])


@dataclass(eq=False)
class BaseFeatures:
    """What a base makes of images, as the preprocessing of networks and trees: nothing of it is learned.

    Attributes:
        model: From images to vectors.
        file: Where the model is stored.
        key: Names it.
    """

    model: keras.Model
    file: Path
    key: str
    widths: ClassVar[tuple[int, ...]] = ()

    def matrix(self, table: Table) -> NDArray[np.float32]:
        """Return `(rows, features)`; of rows of a larger array, it is computed once for all of them."""
        return self._features(table, None)

    def kept(self, rows: Rows, clock: Clock) -> NDArray[np.float32]:
        """Return the features of training rows, which are kept on disk for other processes and studies.

        Args:
            rows: The rows; features are computed of the whole array that they are of.
            clock: Stands still meanwhile. What takes more than half of what is left of the study is given up; its
                pieces are kept, so that the next training goes on from there.

        Raises:
            NoTime: Half of the study's time was over before all pieces were done.
        """
        with clock.standing_still():
            return self._features(rows.table, clock)

    def _features(self, table: Table, clock: Clock | None) -> NDArray[np.float32]:
        (given,) = table.arrays
        if not isinstance(given, Picked):
            return predict(self.model, np.asarray(given))
        path = cache_folder() / "features" / f"{_VERSION}-{self.key}-{_digest_of(given.base)}.npy"
        features: NDArray[np.float32] = cached(path.stem, lambda: self._computed(given.base, path, clock))
        return features[given.rows]

    def _computed(self, images: NDArray[Any], path: Path, clock: Clock | None) -> NDArray[np.float32]:
        """Compute features, or read those that were kept. One process keeps them, by a clock; others wait."""
        if clock is None:
            return np.load(path) if is_array(path, len(images)) else predict(self.model, images)
        found: NDArray[np.float32] = np.load(
            kept(path, lambda part: np.save(part, self._all(images, path, clock)), there=_holds(len(images)))
        )
        for piece in path.parent.glob(f"{path.stem}.*.npy"):
            piece.unlink(missing_ok=True)
        return found

    def _all(self, images: NDArray[Any], path: Path, clock: Clock) -> NDArray[np.float32]:
        """Return the features of all images, computed in pieces that are kept until the last one is done."""
        if len(images) <= _PIECE:
            return predict(self.model, images)
        found: list[NDArray[np.float32]] = []
        computed, now = False, time.monotonic()
        latest = now + _SHARE * (clock.ends - now)
        for start in range(0, len(images), _PIECE):
            piece, some = path.with_name(f"{path.stem}.{start}.npy"), images[start : start + _PIECE]
            if not is_array(piece, len(some)):
                if computed and time.monotonic() > latest:
                    raise NoTime(
                        f"half of the study's time was over after the features of {start} of {len(images)} images, "
                        "which are kept"
                    )
                computed = True
                kept(piece, partial(self._write, some), there=_holds(len(some)))
            found.append(np.load(piece))
        return np.concatenate(found)

    def _write(self, images: NDArray[Any], part: Path) -> None:
        np.save(part, predict(self.model, images))

    def save(self, folder: Path) -> dict[str, Any]:
        """Put the base into a folder: a link where that can be, as it may be large."""
        target = folder / _FILE
        target.unlink(missing_ok=True)
        link_or_copy(self.file, target)
        return {"kind": "base", "base": _FILE, "key": self.key}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> BaseFeatures:
        """Read what `save` wrote and returned."""
        return _opened(settings["key"], inside(folder, settings["base"]))


def _holds(rows: int) -> Callable[[Path], bool]:
    """Return what tells whether a file holds features of so many images: one that is torn is made anew."""
    return lambda path: is_array(path, rows)


_known: dict[str, keras.Model] = {}

_digests: dict[int, tuple[weakref.ref[NDArray[Any]], str]] = {}


def _opened(key: str, file: Path) -> BaseFeatures:
    """Open a stored model of vectors once for all members and folds."""
    if key not in _known:
        while len(_known) >= _MOST_OPEN:
            _known.pop(next(iter(_known)))
        _known[key] = open_network(file)
    return BaseFeatures(_known[key], file, key)  # the file that was opened first may be gone


def _digest_of(array: NDArray[Any]) -> str:
    """Return a digest of an array's numbers, which is computed once while the array is there."""
    known = _digests.get(id(array))
    if known is not None and known[0]() is array:
        return known[1]
    digest = hashlib.blake2b(repr((array.shape, array.dtype)).encode(), digest_size=16)
    for piece in pieces(array):
        digest.update(piece.data)
    _digests[id(array)] = (weakref.ref(array), digest.hexdigest())
    return digest.hexdigest()


def base_features(cut: Cut, image: Input) -> BaseFeatures:
    """Return what makes vectors of images, stored in the cache.

    Raises:
        ShippingError: The base cannot read such images.
    """
    digest = hashlib.sha256(Path(cut.path).read_bytes())
    digest.update(repr((cut[1:], image.shape, image.dtype)).encode())
    key = digest.hexdigest()[:24]
    file = cache_folder() / "bases" / f"{key}.keras"

    def write(part: Path) -> None:
        pixels = keras.Input(image.shape, dtype=image.dtype)
        keras.Model(pixels, pooled_vector(colours(pixels), cut, cut_base(cut, image)[0])).save(part)

    return _opened(key, kept(file, write, there=is_whole))


def open_base(base: str, preprocessing: str, image: Input) -> None:
    """Open a base and cut it, to check that it can be used with its preprocessing.

    Raises:
        ValueError: It cannot.
    """
    if preprocessing not in _SCALES:
        raise BaseError(f"preprocessing: {unknown_name(preprocessing, list(_SCALES))}")
    if not can_take(cache_folder()):
        raise BaseError(f"features of images are kept in {cache_folder()}, which cannot be written: set $TUNER_CACHE")
    try:
        cut_base(Cut(str(base_file(base)), preprocessing, 0, "average"), image)
    except (OSError, TypeError) as error:  # what Keras says of files that hold no model
        raise BaseError(f"{base} holds no model that Keras can open: {str(error).strip().splitlines()[0]}") from error


def colours(pixels: Any) -> Any:
    """Return an image as numbers from 0 to 255, a grey one with three channels."""
    x = keras.layers.Rescaling(1.0)(pixels)
    return keras.layers.Concatenate()([x, x, x]) if x.shape[-1] == 1 else x


def pooled_vector(pixels: Any, cut: Cut, base: keras.layers.Layer) -> Any:
    """Return what a cut base makes of pixels from 0 to 255, pooled to a vector."""
    scale, offset = _SCALES[cut.preprocessing]
    x = pixels[..., ::-1] if cut.preprocessing == "caffe" else pixels
    x = base(keras.layers.Rescaling(scale, offset)(x))
    average, largest = keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D()
    match cut.pooling:
        case "average":
            return average(x)
        case "max":
            return largest(x)
    return keras.layers.Concatenate()([average(x), largest(x)])


def cut_base(cut: Cut, image: Input) -> tuple[keras.Model, list[str]]:
    """Return the base without its last stages, for images of this size, and the layers at which its stages end."""
    loaded = open_network(Path(cut.path))
    height, width, _ = image.shape
    try:
        model = keras.models.clone_model(loaded, input_tensors=keras.Input((height, width, 3)))
        model.set_weights(loaded.get_weights())
        ends = stage_ends(model)
    except KeyError:
        raise ShippingError(
            f"the base {cut.path} cannot be cut: it uses operations that are no layers; use keras.layers, as Add for +"
        ) from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ShippingError(
            f"the base {cut.path} cannot read images of {height} x {width} pixels; it reads {loaded.input_shape}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    kept = ends[: max(1, len(ends) - cut.stages)]
    return keras.Model(model.input, model.get_layer(kept[-1]).output, name="base"), kept


def stage_ends(model: keras.Model) -> list[str]:
    """Return the last layer of each stage: behind it images become smaller, and all that follows depends on it alone.

    A stage has weights: padding alone belongs to the next one, and pooling behind the last one to that.

    Raises:
        ValueError: No layer of the model makes images of images.
    """
    names = [layer.name for layer in model.layers]
    places = _narrow_places(model)
    stages: list[int] = []
    begin = 0
    for place in places:
        if any(map(_learns, model.layers[begin : place + 1])):
            stages.append(place)
            begin = place + 1
    if not places:
        raise ValueError("none of its layers makes smaller images of images")
    return [names[place] for place in (*stages[:-1], places[-1])]


def _learns(layer: keras.layers.Layer) -> bool:
    """Tell whether a layer has weights of its own, frozen or not; mean and variance of pixels are none."""
    return bool(layer.weights) and not isinstance(layer, keras.layers.Normalization)


def _narrow_places(model: keras.Model) -> list[int]:
    """Return the place of the last layer of each height on which alone all that follows depends."""
    layers = model.layers
    made_by = {id(tensor): i for i, layer in enumerate(layers) for tensor in keras.tree.flatten(layer.output)}
    last_use = list(range(len(layers)))
    for i, layer in enumerate(layers[1:], 1):
        for tensor in keras.tree.flatten(layer.input):
            place = made_by[id(tensor)]
            last_use[place] = max(last_use[place], i)
    ends: dict[int, int] = {}
    furthest, height = 0, layers[0].output.shape[1]
    for i, layer in enumerate(layers):
        alone = furthest <= i  # nothing before it is used behind it
        furthest = max(furthest, last_use[i])
        shape: tuple[int, ...] = getattr(layer.output, "shape", ())
        if alone and len(shape) == 4 and shape[1] != height:
            ends[shape[1]] = i
    return sorted(ends.values())
