"""Whether the loss and the metrics that a builder compiles its model with fit what the model is trained on."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from spaces.engines.contract import ShippingError
from spaces.layers.heads import loss_for
from spaces.rows.target import Target

_ONE_HOT = ("categoricalcrossentropy", "categoricalfocalcrossentropy", "categoricalhinge", "kldivergence")
_OF_NUMBERS = ("meansquarederror", "meanabsoluteerror", "huber", "logcosh")


def unfit_loss(model: keras.Model, target: Target) -> str:
    """Say why the loss of a compiled model cannot train it towards a target, or nothing.

    A loss of the user's own is taken as it is.
    """
    losses = [loss for loss in keras.tree.flatten(model.loss) if loss is not None]
    if not losses:
        return _without_loss(model, target)
    return next(filter(None, (_unfit(loss, model.output_shape[-1], target) for loss in losses)), "")


def check_metrics(model: keras.Model, target: Target) -> None:
    """Refuse metrics of a compiled model that cannot be computed of class indices.

    Raises:
        ShippingError: There are some.
    """
    metrics: Any = getattr(model, "_compile_metrics", None)
    if metrics is None or target.parts or not target.of_classes or len(model.output_shape) != 2:
        return
    outputs = model.output_shape[-1]
    rows = outputs + 2  # as many as outputs would be taken for them
    try:
        metrics.update_state(np.zeros(rows, dtype=np.int32), np.full((rows, outputs), 1 / outputs, dtype=np.float32))
    except Exception as error:  # whatever a metric of Keras's or of the user's raises
        names = [getattr(one, "name", None) or getattr(one, "__name__", one) for one in _given(metrics)]
        said = re.sub(r"{{.*?}} *| *\[Op:.*", "", str(error)).strip() or type(error).__name__
        raise ShippingError(
            f"the model is compiled with the metrics {', '.join(map(str, names))}, which cannot be computed of labels "
            f"(rows,), class indices, and predictions (rows, {outputs}): {said.splitlines()[0].rstrip('.')}. Leave "
            "them out of compile: the task's own metrics are shown, Task(..., metrics=[...])"
        ) from error
    metrics.reset_state()


def _given(metrics: Any) -> list[Any]:
    both = (metrics._user_metrics, metrics._user_weighted_metrics)
    return [one for one in keras.tree.flatten(both) if one is not None]


def _without_loss(model: keras.Model, target: Target) -> str:
    kind = type(model)
    own = kind.train_step is not keras.Model.train_step or kind.compute_loss is not keras.Model.compute_loss
    if own or model.losses:
        return ""
    return f"the model is compiled without a loss: {_mended(model.output_shape[-1], target)}"


def _unfit(loss: Any, outputs: int, target: Target) -> str:
    try:
        known = keras.losses.get(loss)
    except (TypeError, ValueError):
        return f"the model is compiled with the loss {loss!r}, which Keras does not know: {_mended(outputs, target)}"
    name = getattr(known, "__name__", type(known).__name__)
    plain = name.replace("_", "").lower()
    if complaint := _unfit_for_target(plain, outputs, target) if _is_keras(known) else "":
        return f"the model is compiled with {name}, {complaint}: {_mended(outputs, target)}"
    if target.of_classes and isinstance(known, keras.losses.Loss) and known.get_config().get("from_logits"):
        ending = "sigmoid" if outputs == 1 else "softmax"
        return (
            f"the model is compiled with {name}(from_logits=True), but predictions are to be probabilities: end the "
            f"model with a {ending} and leave from_logits out"
        )
    return ""


def _unfit_for_target(plain: str, outputs: int, target: Target) -> str:
    """Say what a loss of Keras's own reads that the model is not trained on, or nothing."""
    if target.parts and any(part.classes for part in target.parts):
        return "which reads one target, and several stand side by side"
    if not target.of_classes:
        return "" if plain in _OF_NUMBERS else "but numbers are trained on standardised, with values below zero"
    if plain in _ONE_HOT:
        return "which reads one-hot labels; labels are class indices"
    columns = "1 column" if outputs == 1 else f"{outputs} columns"
    if plain.startswith("sparse") == (outputs == 1):
        return (
            f"but its output has {columns}"
            if outputs == 1 or plain.startswith("binary")
            else (f"which compares each of {columns} with the label, a class index")
        )
    return ""


def _is_keras(loss: Any) -> bool:
    module = getattr(loss, "__module__", None) or type(loss).__module__
    return bool(module.split(".")[0] == keras.__name__)


def _mended(outputs: int, target: Target) -> str:
    plain = loss_for(target, outputs)
    return (
        f"compile with {plain!r}, or leave the model uncompiled"
        if isinstance(plain, str)
        else ("leave the model uncompiled, and it is trained on the sum of the targets' losses")
    )
