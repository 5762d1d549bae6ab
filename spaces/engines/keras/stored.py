"""Stored networks: a `.keras` file is looked into before Keras sees it, as Keras makes whatever classes it names."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from spaces.engines.contract import ShippingError
from spaces.engines.engine import KERAS
from spaces.machine.strange import StrangeFile, check_archive, parse_json

_MODULES = (
    "keras.activations",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.losses",
    "keras.metrics",
    "keras.models",
    "keras.ops",
    "keras.optimizers",
    "keras.random",
    "keras.regularizers",
    "keras.src.layers",
    "keras.src.losses",
    "keras.src.metrics",
    "keras.src.models",
    "keras.src.ops",
    "keras.src.optimizers",
)
"""Where classes stand that a network may be made of; whatever stands below them, too."""
_OF_KERAS = ("DTypePolicy", "FloatDTypePolicy", "Functional", "Model", "Sequential")
_OURS = [
    f"spaces.layers.{name}" for name in ("at_rest", "each_column", "members", "rated", "sampling", "while_training")
]
_RUN_CODE = ("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper", "__lambda__")
_VALUES = ("__bytes__", "__complex__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__")
_CONFIG = "config.json"
_MOST_BYTES = 64 * 1024**2


def open_network(path: Path) -> keras.Model:
    """Open a stored network that is made of layers of Keras, and of ours.

    Raises:
        ShippingError: It names another class, one that runs code or reads other files, or Keras cannot open it.
    """
    check_network(path)
    for module in _OURS:  # importing registers them
        importlib.import_module(module)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:
        raise ShippingError(f"{_ADVICE}. Keras said: {str(error).strip().splitlines()[0]}") from error


def check_network(path: Path) -> None:
    """Look into a stored network without opening it.

    Raises:
        ShippingError: As for `open_network`.
    """
    try:
        check_archive(path)
        with zipfile.ZipFile(path) as archive, archive.open(_CONFIG) as file:
            config = parse_json(file.read(_MOST_BYTES), f"{_CONFIG} in {path}")
    except (StrangeFile, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ShippingError(f"{path} holds no network that Keras can open: {error}") from error
    if not isinstance(config, dict):
        raise ShippingError(f"{path} holds no network that Keras can open: {_CONFIG} holds no names")
    for node in _nodes(config):
        if complaint := _complaint(node):
            raise ShippingError(f"{path}: {_ADVICE}: it holds {complaint}")


_ADVICE = (
    "the model cannot be loaded in a fresh process. Use layers that come with Keras (no Lambda layers and no classes "
    "or functions of your own)"
)


def _nodes(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every mapping, but for what only training reads: Keras looks at that of a network inside of another."""
    left: list[Any] = [{key: value for key, value in config.items() if key != "compile_config"}]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _complaint(node: dict[str, Any]) -> str:
    """Say what is wrong with a node of a network's configuration, or nothing."""
    if isinstance(node.get("vocabulary"), str):
        return "a layer that reads its vocabulary from another file"
    if "class_name" not in node:
        return ""
    name, module, registered = node["class_name"], node.get("module"), node.get("registered_name")
    if not isinstance(name, str):
        return f"the class name {name!r}"
    if name in _RUN_CODE:
        return f"a layer of the kind {name}, which runs code of its own"
    if name in _VALUES and module is None:
        return ""
    return "" if _known(name, module, registered) else f"{module}.{name}"


def _known(name: str, module: Any, registered: Any) -> bool:
    if name == "function":
        return module in (None, "builtins") or _below(module)
    if module in _OURS:
        return registered == f"spaces>{name}"
    if registered not in (None, name):
        return False
    return (module in KERAS.modules and name in _OF_KERAS) or _below(module)


def _below(module: Any) -> bool:
    return isinstance(module, str) and any(module == one or module.startswith(f"{one}.") for one in _MODULES)
