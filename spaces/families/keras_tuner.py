"""Families of builders in KerasTuner's form, `build(hp)`; KerasTuner itself is not needed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from spaces.engines.contract import ShippingError
from spaces.families.family import Family
from spaces.families.hyper_parameters import HyperParameters, by_name, found_space
from spaces.families.own import family, source_digest
from spaces.language.space import Config, Space
from spaces.machine.mistakes import briefly
from spaces.rows.signature import Signature

_TRAINING: Space = {"epochs": 100, "batch_size": 64, "patience": 10}
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@briefly
def keras_tuner_family(build: Any, *, name: str, training: Space | None = None) -> Family:
    """Make a family of a builder that is written for KerasTuner.

    Args:
        build: A function of `hp`, or an object with such a method `build`, as KerasTuner's hypermodels are. It may take
            the signature of the task beside, `build(hp, signature)`. It returns a `keras.Model`; a loss and an
            optimizer that it compiles are used, and refused where they do not fit the target (see `tuner.family`). A
            Sequential model without an input is given the task's. `hp` has `Int`, `Float`, `Choice`, `Boolean`,
            `Fixed`, `get`, `conditional_scope` and `name_scope`. Parameters in a conditional scope exist only where
            its condition holds; those behind an `if` are always proposed, as in KerasTuner. A hypermodel with its own
            `fit` is refused, as that would not be called.
        name: What studies call the family.
        training: A space of what the training loop reads: `epochs`, `batch_size`, `patience`, `schedule` and others
            (see `tuner.family`).

    Raises:
        ValueError: There is no such builder, or what it asks for cannot be searched; the latter when a study begins.
    """
    called = _builder(build)
    known: dict[int, Space] = {}

    def space_of(signature: Signature) -> Space:
        key = hash(signature)
        if key not in known:
            known[key] = found_space(lambda hp: _build(called, hp, signature))
        settings = {**_TRAINING, **(training or {})}
        if both := sorted(known[key].keys() & (training or {}).keys()):
            raise ValueError(f"{both[0]!r} is asked for by the builder and given as training: leave one out")
        return {**settings, **known[key]}

    def built(config: Config, signature: Signature) -> Any:
        given = dict(by_name(config))
        hp = HyperParameters(given)
        model = _build(called, hp, signature)
        if new := [one.name for one in hp.asked if one.name not in given and one.searched and one.holds(hp.values)]:
            raise ShippingError(
                f"the builder asks for {new[0]!r} only where several choices meet, so it was not found: ask outside"
            )
        return _fitted_to(model, signature)

    return replace(family(built, space_of, name=name), source=source_digest(called))


def _builder(given: Any) -> Callable[..., Any]:
    """Return what builds with hp, of a function or a hypermodel.

    Raises:
        ValueError: Nothing does, or the hypermodel trains in its own way too.
    """
    if inspect.isclass(given):
        raise ValueError(f"build is the class {given.__name__}: hand over an object of it, {given.__name__}()")
    called: Any = getattr(given, "_build", None) or getattr(given, "build", given)  # KerasTuner wraps what one writes
    if not callable(called):
        raise ValueError(f"build must be a function of hp, or have a method build(hp), got {given!r}")
    fit = getattr(type(given), "fit", None)
    if hasattr(given, "build") and fit is not None and not fit.__module__.startswith("keras_tuner."):
        name = type(given).__name__
        raise ValueError(
            f"{name}.fit would not be called: what it asks of hp belongs to training={{'batch_size': Choice([8, 16])}} "
            f"and the rest to fit= of tuner.family. Without that fit: keras_tuner_family({name}().build, ...)"
        )
    return called


def _build(build: Callable[..., Any], hp: HyperParameters, signature: Signature) -> Any:
    """Call a builder, with the signature where it takes one: by that name, or without a default."""
    there = [one for one in inspect.signature(build).parameters.values() if one.kind in _BY_PLACE]
    wanted = [one for one in there[1:] if one.name == "signature" or one.default is one.empty]
    return build(hp, signature) if wanted else build(hp)


def _fitted_to(model: Any, signature: Signature) -> Any:
    """Give a Sequential model without an input the task's, and refuse an input of another shape."""
    import keras

    if not isinstance(model, keras.Model) or len(signature.inputs) > 1:
        return model
    wanted = (None, *signature.input.shape)
    if isinstance(model, keras.Sequential) and not model.built:
        model.build(wanted)
    elif getattr(model, "inputs", None) and len(model.inputs) == 1 and tuple(model.inputs[0].shape) != wanted:
        raise ShippingError(
            f"the model reads {tuple(model.inputs[0].shape[1:])}, and a row has the shape {wanted[1:]} after "
            "preprocessing: take the signature, build(hp, signature), and begin with keras.Input(signature.input.shape)"
        )
    return model
