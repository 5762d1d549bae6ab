"""Where pretrained bases come from: a `.keras` file, weights with their builder, or `keras.applications` on disk."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spaces.machine.disk import cache_folder, kept
from spaces.machine.torn import is_whole

if TYPE_CHECKING:
    import keras


class BaseError(ValueError):
    """A pretrained base that cannot be used; the message says why."""


def base_file(base: str | Path) -> Path:
    """Return the `.keras` file of a base.

    Args:
        base: The path of such a file, or the name of a function of `keras.applications` whose weights (without the top)
            lie in Keras's own folder, as `keras.applications.MobileNetV2(include_top=False)` leaves them there.

    Raises:
        BaseError: There is no such file, and no such weights.
    """
    path = Path(base)
    if path.suffix == ".keras":
        if not path.is_file():
            raise BaseError(f"there is no file {path}")
        return path
    if path.suffix:
        raise BaseError(f"{path} is no .keras file: make one of weights and a builder with tuner.pretrained_base")
    return _application(str(base))


def pretrained_base(weights: str | Path, build: Callable[[Mapping[str, NDArray[Any]]], keras.Model]) -> str:
    """Make a base of an npz file of weights and the function that builds the network.

    Args:
        weights: The file.
        build: Takes the arrays by name and returns a `keras.Model` of images `(height, width, 3)` with its weights set.

    Returns:
        The path of a `.keras` file in the user's cache, for `{"image_pretrained": {"base": path}}`.

    Raises:
        BaseError: The file cannot be read, or its shapes do not fit the network.
    """
    import keras

    path = Path(weights)
    if not path.is_file():
        raise BaseError(f"there is no file {path}")
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise BaseError(f"{path} cannot be read as npz: {error}") from error
    try:
        model = build(arrays)
    except (KeyError, ValueError) as error:
        raise BaseError(f"the weights in {path} do not fit the network: {error}") from error
    if not isinstance(model, keras.Model):
        raise BaseError(f"build must return a keras.Model, got {type(model).__name__}")
    layers = [(type(layer).__name__, {**layer.get_config(), "name": ""}) for layer in model.layers]
    digest = hashlib.sha256(path.read_bytes() + repr(layers).encode()).hexdigest()
    return str(_kept(digest, lambda: model))


def _application(name: str) -> Path:
    """Make a base of a network of `keras.applications`, of weights that are on disk already."""
    from keras import applications

    builders = {one: getattr(applications, one) for one in dir(applications) if one[0].isupper()}
    if name not in builders:
        raise BaseError(
            f"the base must be a .keras file or of keras.applications ({', '.join(sorted(builders))}), got {name!r}"
        )
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    files = [path for path in sorted(folder.glob("*.h5")) if _are_weights_of(name, path.name)]
    if not files:
        raise BaseError(
            f"there are no weights of {name} in {folder}: where there is a network, "
            f"keras.applications.{name}(include_top=False) fetches them"
        )
    digest = hashlib.sha256(name.encode())
    for file in files:
        digest.update(file.read_bytes())
    return _kept(digest.hexdigest(), lambda: _with_weights(builders[name](include_top=False, weights=None), files))


def _are_weights_of(name: str, file: str) -> bool:
    """Tell from its name whether a file holds the weights of a network without its top, in this version and size."""
    plain, wanted = _plain(file).removeprefix("weights"), _plain(name)
    further = re.match(r"v\d", plain.removeprefix(wanted))
    return plain.startswith(wanted) and "notop" in plain and not further


def _with_weights(model: keras.Model, files: Sequence[Path]) -> keras.Model:
    """Load the file that fits: there are networks of several widths."""
    complaint = ""
    for file in files:
        try:
            with warnings.catch_warnings():  # Keras only warns of layers that a file does not hold
                warnings.simplefilter("error")
                model.load_weights(file)
        except (OSError, ValueError, UserWarning) as error:
            complaint = f"{file}: {str(error).strip().splitlines()[0]}"
        else:
            return model
    raise BaseError(f"no weights fit the network; {complaint}")


def _kept(digest: str, make: Callable[[], keras.Model]) -> Path:
    path = cache_folder() / "bases" / f"{digest[:24]}.keras"
    return kept(path, lambda part: make().save(part), there=is_whole)


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
