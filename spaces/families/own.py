"""Families of a user's own builder."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from spaces.engines.contract import Model
from spaces.engines.engine import ENGINES, KERAS, Engine, at, hand_over
from spaces.engines.own_loop import LoopModel, Train
from spaces.families.family import Family
from spaces.language.space import Config, Space, check
from spaces.machine.mistakes import briefly
from spaces.rows.signature import Signature


@briefly
def family(
    build: Callable[[Config, Signature], Any],
    space: Space | Callable[[Signature], Space],
    *,
    name: str,
    engine: Engine = KERAS,
    fit: Train | None = None,
) -> Family:
    """Make a family of your own Keras function, or of one for another engine.

    Args:
        build: Takes a config of your space and the task's signature and returns a `keras.Model`, compiled or not.
            `signature.input.shape` is the shape of one row after preprocessing (float32, missing values filled,
            categories encoded). Where the task has texts, the model reads a tuple: the matrix, if
            `signature.table` is there, and int32 `(rows, length)` for each of `signature.texts`, 0 for padding and at
            most `vocabulary + 1`; both are read from the config, and are the longest text's words and 20,000 when it
            does not name them. The model's output must be `(rows, 1)` values for regression (trained on
            standardised targets), `(rows, 1)` sigmoid or `(rows, classes)` softmax probabilities for classes
            (trained on class indices); of several targets these side by side, `signature.target.outputs` columns, with
            a softmax of two columns for two classes. Logits are refused. It is a functional or Sequential model that
            begins with `keras.Input`, and has one output. An uncompiled model gets the loss of the task and the
            optimizer of the config.
        space: The space, or a function from the signature to it. These names are read by the training loop where
            they occur: `epochs`, `batch_size`, `patience`, `schedule`, `optimizer`, `learning_rate`, `scaling`,
            `class_weight`, `vocabulary`, `length`, `dropped_features` (train on the rows twice, the second time with
            this share of a table's values missing).
        name: What studies call the family.
        engine: What trains the model; a `spaces.Engine` of your own may take and return anything in place of a
            `keras.Model` (see `spaces/engines/engine.py`).
        fit: A training loop of your own, `(model, training, config)`, in place of the one that comes with us: it trains
            what `build` made on `training` (see `spaces.engines.own_loop.Training`) and calls `training.report` after
            each epoch. It returns the model, or nothing. For models that are not Keras's, `engine` is
            `spaces.own_engine(...)`.

    Raises:
        ValueError: The space or the name is not one, the engine is not called by where it stands, or takes no loop.
    """
    if not callable(build):
        raise ValueError(f"build must be a function (config, signature) -> keras.Model, got {build!r}")
    _check_arguments(build)
    if not name or not name.replace("_", "").isalnum():
        raise ValueError(f"a family's name is made of letters, digits and underscores, got {name!r}")
    if not callable(space):
        check(space)
    if fit is not None and not (callable(fit) and engine.loop):
        raise ValueError(
            f"fit must be a function (model, training, config) for models of Keras or of spaces.own_engine(...), got "
            f"{fit!r} for the engine {engine.name!r}"
        )
    if engine.name not in ENGINES:
        hand_over([engine])

    def space_of(signature: Signature) -> Space:
        return space(signature) if callable(space) else space

    alone = partial(_alone, build)

    def build_model(config: Config, signature: Signature) -> Model:
        if fit is not None:
            return LoopModel(alone, fit, engine, config, signature)
        model: Model = at(engine.model)(alone, config, signature)
        return model

    return Family(name, space_of, build_model, engines=(engine,), source=_digest(build, fit))


def _alone(build: Callable[..., Any], config: Config, signature: Signature) -> Any:
    """Call a builder. Its warning filters end with it: by its "error", what libraries say would end the training."""
    with warnings.catch_warnings():
        return build(config, signature)


def _check_arguments(build: Callable[..., Any]) -> None:
    """Refuse a builder that does not take a config and a signature."""
    try:
        taken = inspect.signature(build)
    except ValueError:  # of a function that is written in C
        return
    try:
        taken.bind({}, None)
    except TypeError as error:
        raise ValueError(
            f"build is called with two arguments, build(config, signature), and takes {taken}: of a builder in "
            "KerasTuner's form, build(hp), tuner.keras_tuner_family(build, name=...) makes a family"
        ) from error


def _digest(build: Callable[..., Any], fit: Callable[..., Any] | None) -> str:
    if fit is None:
        return source_digest(build)
    return hashlib.sha256(f"{source_digest(build)} {source_digest(fit)}".encode()).hexdigest()[:16]


def source_digest(function: Callable[..., Any]) -> str:
    """Return 16 hex digits that change when the text of a function does."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # typed into a console, or a callable object
        code = getattr(function, "__code__", None)
        text = repr(code.co_code if code else function)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
