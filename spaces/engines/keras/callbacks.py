"""Callbacks that a user adds to those of each family: by name with settings, or from a factory of the user's.

They see training rows and the inner rows only, as everything does that can end a training.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from spaces.engines.curves import curve_named
from spaces.engines.engine import at
from spaces.language.complaints import unknown_name

Given = str | Mapping[str, Any] | Callable[..., Any]
_NAMES = ("CSVLogger", "EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "SwapEMAWeights", "TensorBoard")
_USELESS = {
    "BackupAndRestore": "a trial that was cut off goes on by itself",
    "History": "curves are stored anyway",
    "LambdaCallback": "it takes functions: name a factory of yours, 'module:function', that returns it",
    "LearningRateScheduler": "it takes a function: name a factory of yours, 'module:function', that returns it",
    "ProgbarLogger": "the study shows how far trials are",
    "RemoteMonitor": "curves are sent to MLflow anyway",
    "TerminateOnNaN": "a trial whose loss is NaN fails anyway",
}
_PATHS = ("filename", "filepath", "log_dir")
_BATCHES = [f"on_{part}batch_{end}" for part in ("", "train_", "test_", "predict_") for end in ("begin", "end")]


def check(given: Sequence[Given]) -> None:
    """Make each callback once, before anything is trained.

    Raises:
        ValueError: One of them cannot be made, or would have nothing to do.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise ValueError(f"callbacks must be a list, such as ['CSVLogger'], got {given!r}")
    with tempfile.TemporaryDirectory() as folder:
        for one in given:
            _made(one, Path(folder))


def made(given: Sequence[Given], folder: Path | None, *, watched: bool) -> list[keras.callbacks.Callback]:
    """Return fresh callbacks for one training.

    Args:
        given: What the user gave.
        folder: Where they may write.
        watched: Whether inner rows are evaluated; what watches these is left out where they are not.
    """
    own = [_made(one, folder or Path()) for one in given]
    kept = [one for one in own if watched or curve_named(_monitor(one)).part == "train"]
    return [_Monitored(kept), *kept] if kept else []


def _made(one: Given, folder: Path) -> keras.callbacks.Callback:
    factory, name, settings = _factory(one)
    try:
        callback = factory(**_with_folder(factory, settings, folder))
    except TypeError as error:
        raise ValueError(f"callback {name} cannot be made: {error}") from error
    if not isinstance(callback, keras.callbacks.Callback):
        raise ValueError(f"callback {name} must be a keras.callbacks.Callback, got {callback!r}")
    if what := _never_called(callback):
        raise ValueError(
            f"callback {name} has {what}, which is never called: whole epochs run without Python. Use on_epoch_end"
        )
    return callback


def _factory(one: Given) -> tuple[Callable[..., Any], str, dict[str, Any]]:
    """Return what makes a callback, its name, and its settings."""
    if callable(one):
        return one, getattr(one, "__qualname__", repr(one)), {}
    name, settings = next(iter(one.items())) if isinstance(one, Mapping) and len(one) == 1 else (one, {})
    if not isinstance(name, str) or not isinstance(settings, Mapping):
        raise ValueError(
            "a callback is a name, a name with settings, {'ReduceLROnPlateau': {'factor': 0.5}}, or a class or "
            f"function that makes one, as each fold of each trial needs a fresh one; got {one!r}"
        )
    if ":" in name:
        try:
            return at(name), name, dict(settings)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"callback {name} cannot be found: {error}") from error
    if name in _USELESS:
        raise ValueError(f"callback {name} has no place here: {_USELESS[name]}")
    if name not in _NAMES:
        raise ValueError(f"callbacks: {unknown_name(name, list(_NAMES))}, or a factory of yours, 'module:function'")
    if name == "TensorBoard" and find_spec("tensorboard") is None:
        raise ValueError("callback TensorBoard needs TensorBoard: pip install 'tuned-ensembles[tensorboard]'")
    return getattr(keras.callbacks, name), name, dict(settings)


def _with_folder(factory: Callable[..., Any], settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return settings whose files lie in a folder, and the folder itself where a factory asks for it."""
    found = dict(settings)
    for name in _PATHS if getattr(factory, "__module__", "").startswith("keras.") else ():
        if name not in found:
            continue
        path = Path(found[name])
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{name} must be a path within the trial's folder, got {found[name]!r}")
        found[name] = str(folder / path)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    if "folder" in inspect.signature(factory).parameters and "folder" not in found:
        folder.mkdir(parents=True, exist_ok=True)
        found["folder"] = folder
    return found


def _never_called(callback: keras.callbacks.Callback) -> str:
    """Return the method or setting of a callback that wants to be called at batches, as none is here; else nothing."""
    for name in _BATCHES:
        if not getattr(type(callback), name).__module__.startswith("keras."):
            return name
    for name in ("save_freq", "update_freq"):
        if getattr(callback, name, "epoch") != "epoch":
            return f"{name}={getattr(callback, name)!r}"
    return ""


def _monitor(callback: keras.callbacks.Callback) -> str:
    return str(getattr(callback, "monitor", ""))


class _Monitored(keras.callbacks.Callback):
    """Refuses, after the first epoch, what watches a number that is not there; Keras would only warn."""

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._watching = {_monitor(one): type(one).__name__ for one in callbacks if hasattr(one, "monitor")}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Compare with the numbers of the epoch."""
        for monitor, name in self._watching.items():
            if monitor not in (logs or {}):
                raise ValueError(f"callback {name} watches {monitor!r}; there is {', '.join(logs or {})}")
