"""Narrow or replace parts of a family's space, by name.

>>> from spaces.language.leaves import Choice, Float, Int
>>> space = {"units": Int(16, 512, log=True), "optimizer": Choice({"adam": {"rate": Float(0.1, 1.0)}, "sgd": {}})}
>>> narrow(space, {"units": {"low": 32, "high": 64}, "optimizer": ["adam"]})["units"]
Int(32, 64, log=True)
>>> narrow(space, {"optimizer.adam.rate": 0.5})["optimizer"].options["adam"]
{'rate': 0.5}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space, leaves

_KEPT = object()
"""Stands for the options that are kept, beside changes inside of them."""


def narrow(space: Space, changes: Mapping[str, Any]) -> Space:
    """Return the space with some parts changed.

    Args:
        space: The family's space.
        changes: By name (nested, or dotted): a plain value fixes a parameter, also a number that can be nothing; a
            `{"low": ..., "high": ...}` mapping or a new leaf of the same type changes its range; a list keeps those
            options of a `Choice`; a name keeps one; a mapping reaches inside an option; both may be said of one
            `Choice`.

    Raises:
        ValueError: A name does not exist (the right ones are listed), or the type would change.
    """
    return _mapping(space, _nest(changes), "")


def _nest(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted and nested names into nested mappings; nothing is said twice."""
    nested: dict[str, Any] = {}
    for name, change in _dotted(changes, ""):
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            inside = place.setdefault(parent, {})
            if not isinstance(inside, dict):
                if not isinstance(inside, str | list | tuple):
                    raise ValueError(f"{parent} is changed twice: as {inside!r}, and by {name!r}")
                inside = place[parent] = {_KEPT: inside}
            place = inside
        there = place.get(last)
        if isinstance(there, dict) and _KEPT not in there and isinstance(change, str | list | tuple):
            there[_KEPT] = change
        elif last in place:
            raise ValueError(f"{name} is changed twice: as {there!r}, and as {change!r}")
        else:
            place[last] = change
    return nested


def _dotted(changes: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, change in changes.items():
        name = _join(before, str(key))
        if isinstance(change, Mapping) and change:
            yield from _dotted(change, name)
        else:
            yield name, change


def _mapping(space: Space, changes: Mapping[str, Any], name: str) -> dict[str, Any]:
    for key in changes:
        if key not in space:
            raise ValueError(unknown_name(_join(name, key), [_join(name, known) for known in space]))
    return {
        key: _node(child, changes[key], _join(name, key)) if key in changes else child for key, child in space.items()
    }


def _node(node: Any, change: Any, name: str) -> Any:
    if isinstance(change, Mapping) and _KEPT in change:
        if not (isinstance(node, Choice) and node.conditional):
            raise ValueError(f"{name} is changed twice, as {change[_KEPT]!r} and inside, but it has no options to keep")
        inside = {key: value for key, value in change.items() if key != _KEPT}
        return _node(_choice(node, change[_KEPT], name), inside, name)
    if isinstance(node, Mapping):
        if not isinstance(change, Mapping):
            raise ValueError(f"{name} holds {', '.join(leaves(node)) or 'constants'}: name one of them, got {change!r}")
        return _mapping(node, change, name)
    if isinstance(node, Choice):
        return _choice(node, change, name)
    if isinstance(node, Float | Int):
        return _range(node, change, name)
    if type(change) is not type(node):
        raise ValueError(f"{name} is the constant {node!r}: give another {type(node).__name__}, got {change!r}")
    return change


def _range(leaf: Float | Int, change: Any, name: str) -> Any:
    kind = type(leaf)
    if isinstance(change, Float | Int | Choice):
        if not isinstance(change, kind):
            raise ValueError(f"{name} is of type {kind.__name__}, so its new range must be too, got {change!r}")
        return change
    if not isinstance(change, Mapping):
        return kind(leaf.low, leaf.high, log=leaf.log, step=leaf.step).member(change, name)  # type: ignore[arg-type]
    known = [field.name for field in fields(kind)]
    for key in change:
        if key not in known:
            raise ValueError(f"{name}: {unknown_name(key, known)}")
    settings = {key: getattr(leaf, key) for key in known} | dict(change)
    if settings["log"] and "step" not in change:
        settings["step"] = None if kind is Float else 1
    try:
        kept = settings["default"]
        if "default" not in change and kept is not None and not settings["low"] <= kept <= settings["high"]:
            settings["default"] = None
        return kind(settings.pop("low"), settings.pop("high"), **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from error


def _choice(leaf: Choice, change: Any, name: str) -> Any:
    if isinstance(change, Choice):
        if change.conditional != leaf.conditional:
            raise ValueError(f"{name}: a Choice of {'sub-spaces' if leaf.conditional else 'values'} is needed here")
        return change
    if isinstance(change, Float | Int):
        raise ValueError(f"{name} is a Choice of {list(leaf.options)}, got {change!r}")
    if leaf.conditional and isinstance(change, int | float) and (found := _fixed(leaf, change)):
        return Choice(found)
    if isinstance(change, Mapping) and leaf.conditional:
        return Choice(_mapping(leaf.options, change, name), default=leaf.default)
    kept = [leaf.member(option, name) for option in (change if isinstance(change, list | tuple) else [change])]
    if not kept:
        raise ValueError(f"{name} must keep at least one of {list(leaf.options)}")
    default = leaf.default if leaf.default in kept else None
    if leaf.conditional:
        return Choice({option: leaf.options[option] for option in kept}, default=default)
    return Choice(kept, default=default) if isinstance(change, list | tuple) else kept[0]


def _fixed(leaf: Choice, number: float) -> dict[str, Any]:
    """Return the option that can be just this number, fixed to it; nothing where none can."""
    for option, inside in leaf.options.items():
        try:
            if isinstance(inside, Float | Int):
                return {option: inside.member(number, option)}
            if inside == number and isinstance(inside, int | float):
                return {option: inside}
        except ValueError:
            continue
    return {}


def _join(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
