"""What networks are compiled with, by their configuration: optimizer, loss, callbacks, schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import keras

from spaces.engines.clock import Clock
from spaces.engines.contract import Look, ShippingError, Watch
from spaces.engines.curves import Curve, curve_named
from spaces.engines.keras.own_losses import check_metrics, unfit_loss
from spaces.engines.keras.schedules import Scheduled, cosine, coslog4, flat_cosine, learning_rate, regularisation
from spaces.language.space import Config
from spaces.layers.heads import loss_for
from spaces.rows.target import Target

DEFAULTS: dict[str, Any] = {"epochs": 100, "batch_size": 64, "patience": 10, "schedule": "constant"}
DEFAULT_LEARNING_RATE = 1e-3
_DESCENT_STEP = 10.0
_BUILT = "_built_for_a_fold"
_WANTED = (
    "give it its inputs and outputs: keras.Model(inputs, outputs) with inputs = keras.Input(signature.input.shape)"
)
_Value = TypeVar("_Value")


def compiled(model: keras.Model, config: Config, target: Target, *, steps: bool = False) -> keras.Model:
    """Compile a model that its builder left uncompiled, with the task's loss and the config's optimizer.

    Args:
        model: What the builder returned.
        config: The configuration.
        target: What is predicted.
        steps: Whether it is predicted of every step of a sequence.

    Raises:
        ShippingError: What the builder returned cannot be trained; the message says what was found and what is wanted.
    """
    if found := _no_model(model) or _no_single_output(model) or _always_one(model):
        raise ShippingError(found)
    columns, members = model.output_shape[-1], config.get("members", 1)
    found = unfit_loss(model, target) if model.compiled else ""
    if found or (members == 1 and (found := _unfit_output(model, target, steps=steps))):
        raise ShippingError(found)
    check_metrics(model, target)
    if not model.compiled:
        loss = loss_for(target, columns, config.get("loss_weights"), members=members)
        model.compile(optimizer=optimizer(config), loss=loss)
    return model


def never_built_before(model: Any) -> Any:
    """Return what a builder made, each time anew.

    A network that it keeps outside of itself has been trained before, on rows that are held out of the next fold.

    Raises:
        ShippingError: It shares weights that can be trained, or the optimizer, with what the builder made before.
    """
    weights = model.trainable_variables if isinstance(model, keras.Model) else []
    for weight in weights:
        if getattr(weight, _BUILT, False):
            raise ShippingError(
                f"build returned a model whose weights {weight.path!r} it has returned before, trained on other rows "
                "since: make all layers inside of build, or freeze those that are to be shared, layer.trainable = False"
            )
        setattr(weight, _BUILT, True)
    made = getattr(model, "optimizer", None)  # which a model that is not compiled lacks
    if isinstance(made, keras.optimizers.Optimizer):
        if getattr(made, _BUILT, False):
            raise ShippingError(
                "build returned a model that is compiled with an optimizer of an earlier one, which remembers the rows "
                "that it was trained on: make the optimizer inside of build"
            )
        setattr(made, _BUILT, True)
    return model


def _no_model(model: Any) -> str:
    """Say why what a builder returned is no model that can be trained and saved, or nothing."""
    if model is None:
        return "build must return a keras.Model, got None: end it with `return model`"
    if not isinstance(model, keras.Model):
        return f"build must return a keras.Model, got {type(model).__name__}"
    if isinstance(model, keras.Sequential):
        begun = "begin it with keras.Input(signature.input.shape)"
        return "" if model.built else f"the Sequential model {model.name!r} does not know its inputs: {begun}"
    if getattr(model, "outputs", None) is None:
        return (
            f"the model is of a class of its own ({type(model).__name__}), which no fresh process could load: {_WANTED}"
        )
    return ""


def _always_one(model: keras.Model) -> str:
    """Say why every probability that a model predicts is 1, or nothing."""
    last = model.outputs[0]._keras_history.operation
    softmax = isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
    if not softmax or model.output_shape[-1] != 1:
        return ""
    return (
        "the model ends with a softmax over one column, whose probability is exactly 1 for every row: end it with a "
        "sigmoid of one column, or a softmax over all classes"
    )


def _no_single_output(model: keras.Model) -> str:
    """Say that a model has several outputs, or one in a list or under a name, or nothing."""
    outputs = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    if isinstance(outputs, Mapping):
        found = "outputs by name (" + ", ".join(map(repr, outputs)) + ")"
    elif isinstance(outputs, Sequence):
        found = f"a list of {len(outputs)} outputs" if len(outputs) > 1 else "a list of one output"
    else:
        return ""
    return (
        f"the model has {found}; one array is wanted: keras.Model(inputs, output), where output is "
        "keras.layers.Concatenate()([...]) if there are several targets"
    )


def _unfit_output(model: keras.Model, target: Target, *, steps: bool) -> str:
    """Say that a model has an output of another shape than is predicted, or nothing."""
    wanted = sorted({target.outputs, 1} if target.kind == "binary" else {target.outputs})
    shape = tuple(model.output_shape)
    if len(shape) == 2 + steps and shape[-1] in wanted:
        return ""
    what = "these targets need, side by side," if target.parts else f"a {target.kind} target needs"
    columns = " or ".join(f"(rows, {one})" for one in wanted)
    return f"the model's output has the shape (rows, {', '.join(map(str, shape[1:]))}); {what} {columns}"


def stops_on_training_loss(config: Config) -> bool:
    """Return whether a config trains on all rows of a fold, and stops on their loss: with few rows, none is spared."""
    return bool(config.get("stopping") == "training_loss")


def callbacks(
    config: Config, epochs: int, *, watched: bool, clock: Clock | None = None
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that the config asks for.

    Args:
        config: The configuration.
        epochs: How many there will be at most.
        watched: Whether inner rows are evaluated, and early stopping looks at them.
        clock: Ends training when it is over; a schedule then ends with it.
    """
    patience = int(setting(config, "patience"))
    found: list[keras.callbacks.Callback] = []
    if average_steps(config):  # first, so that what is watched and kept are the averaged weights
        found.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    loss = "val_loss" if watched else "loss"
    scheduled = partial(Scheduled, epochs=epochs, clock=clock or Clock())
    if watched or stops_on_training_loss(config):
        found.append(keras.callbacks.EarlyStopping(loss, patience=patience, restore_best_weights=True))
    match setting(config, "schedule"):
        case "cosine" | {"cosine": _}:
            found.append(scheduled(learning_rate, cosine))
        case "coslog4" | {"coslog4": _}:
            found.append(scheduled(learning_rate, coslog4, middle=True))
        case "reduce_on_plateau":
            found.append(_lower_on_plateau(loss, patience, {}))
        case {"reduce_on_plateau": settings}:
            found.append(_lower_on_plateau(loss, patience, settings))
    if config.get("fading") == "flat_cosine":
        found.append(scheduled(regularisation, flat_cosine, middle=True))
    return found


def _lower_on_plateau(loss: str, patience: int, settings: Config) -> keras.callbacks.Callback:
    """Return what lowers the rate where a loss stands still; by default for a third of the epochs of early stopping."""
    waits = settings.get("patience") or max(1, patience // 3)
    return keras.callbacks.ReduceLROnPlateau(loss, factor=settings.get("factor", 0.3), patience=waits)


def setting(config: Config, name: str) -> Any:
    """Return a setting of the training loop, by the config or by default."""
    return config.get(name, DEFAULTS[name])


def optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Return the optimizer of a `{"optimizer": {name: settings}}` config; Adam when there is none.

    A learning rate beside the optimizer is meant for Adam; gradient descent takes ten times as much.
    """
    settings: dict[str, Any]
    match config.get("optimizer", "adam"):
        case str() as name:
            settings = {"learning_rate": config.get("learning_rate", DEFAULT_LEARNING_RATE)}
        case chosen:
            ((name, settings),) = chosen.items()
            if "learning_rate" in config:
                rate = config["learning_rate"] * (_DESCENT_STEP if name == "sgd" else 1.0)
                settings = {"learning_rate": rate, **settings}
    average = {"use_ema": True, "ema_momentum": 1 - 1 / steps} if (steps := average_steps(config)) else {}
    made: keras.optimizers.Optimizer = keras.optimizers.get({"class_name": name, "config": {**settings, **average}})
    return made


def average_steps(config: Config) -> int:
    """Return over how many steps, about, a config averages the weights of a network; 0 for not at all."""
    match config.get("weight_averaging"):
        case {"ema": {"steps": steps}}:
            return int(steps)
    return 0


def named_curves(history: Mapping[str, _Value]) -> dict[Curve, _Value]:
    """Return curves, or a number of each, by what they tell in place of Keras's names."""
    return {curve_named(name): value for name, value in history.items()}


class Listener(keras.callbacks.Callback):
    """Shows every epoch to the trial."""

    def __init__(self, watch: Watch, epochs: int, look: Look) -> None:
        super().__init__()
        self._watch, self._epochs, self._look = watch, epochs, look

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Show the epoch."""
        self._watch(epoch, self._epochs, named_curves(logs or {}), self._look)
