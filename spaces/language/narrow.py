"""Narrow or replace parts of a family's space, by name.

>>> from spaces.language.leaves import Choice, Float, Int
>>> from spaces.language.parts import counted
>>> space = {"units": Int(16, 512, log=True), "optimizer": Choice({"adam": {"rate": Float(0.1, 1.0)}, "sgd": {}})}
>>> narrow(space, {"units": {"low": 32, "high": 64}, "optimizer": ["adam"]})["units"]
Int(32, 64, log=True)
>>> narrow(space, {"optimizer.adam.rate": 0.5})["optimizer"].options["adam"]
{'rate': 0.5}

A parameter of a part that is there or not is named as if it stood beside it, and a count says whether it is there (see
`spaces.language.parts`). What stands beside a depth may differ by layer.

>>> space = {"depth": counted("depth", Int(0, 2), {"units": Int(8, 64)})}
>>> narrow(space, {"depth": 2, "units": {1: 32, 2: 64}})["depth"].options
{'layers': {'depth': 2, 'units': {'1': 32, '2': 64}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int
from spaces.language.parts import by_layer, check_layers, inside, is_part, with_count
from spaces.language.space import Space, by_dotted_name, dotted, leaves

_KEPT = object()
"""Stands for the options that are kept, beside changes inside of them."""


def narrow(space: Space, changes: Mapping[str, Any]) -> Space:
    """Return the space with some parts changed.

    Args:
        space: The family's space.
        changes: By name (nested, or dotted): a plain value fixes a parameter, also outside its range; a
            `{"low": ..., "high": ...}` mapping or a new leaf of the same type changes its range, or gives a constant
            one; a list keeps those options of a `Choice`; a name keeps one; a mapping reaches inside an option; both
            may be said of one `Choice`; a mapping from 1, 2, ... says each of these of a layer.

    Raises:
        ValueError: A name does not exist (the right ones are listed), or the type would change.
    """
    return _mapping(space, nested(changes), "")


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted and nested names into nested mappings; refuse a name that is given twice."""
    whole: dict[str, Any] = {}
    for name, change in by_dotted_name(changes):
        *parents, last = name.split(".")
        place = whole
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
    return whole


def _mapping(space: Space, changes: Mapping[str, Any], name: str) -> dict[str, Any]:
    there = {key: its for key, its in changes.items() if key in space}
    layered = {key: its for key, its in there.items() if by_layer(its) and _plain(space[key])}
    narrowed = {
        key: _node(child, there[key], dotted(name, key)) if key in there.keys() - layered.keys() else child
        for key, child in space.items()
    }
    for key, its in layered.items():
        check_layers(narrowed, its, dotted(name, key))
        narrowed[key] = {
            layer: _node(space[key], its[layer], dotted(name, f"{key}.{layer}")) for layer in sorted(its, key=int)
        }
    for key in changes.keys() - there.keys():
        part = _part_with(key, space, narrowed, name=name)
        narrowed[part] = _in_part(narrowed[part], {key: changes[key]}, dotted(name, part))
    return narrowed


def _plain(node: Any) -> bool:
    """Return whether a node is a parameter without others inside."""
    return not isinstance(node, Mapping) and not (isinstance(node, Choice) and node.conditional)


def _part_with(key: str, space: Space, narrowed: Space, *, name: str) -> str:
    """Return the one part that has a parameter of this name: one that may be there or not, or else the only option."""
    proper = {part: node.options[option] for part, node in space.items() if is_part(node) and (option := inside(node))}
    kept = {part: node.options[option] for part, node in narrowed.items() if (option := inside(node))}
    for parts in (proper, kept):
        having = [part for part, its in parts.items() if key in its]
        if len(having) == 1:
            return having[0]
        if having:
            which = " or ".join(dotted(name, f"{part}.{key}") for part in having)
            raise ValueError(f"{dotted(name, key)} may be {which}: write which")
    known = dict.fromkeys([*space, *(its for part in proper.values() for its in part)])
    raise ValueError(unknown_name(dotted(name, key), [dotted(name, one) for one in known]))


def _in_part(part: Choice, changes: Mapping[str, Any], name: str) -> Choice:
    """Return a part with changes of its parameters."""
    option = inside(part)
    if option is None:
        raise ValueError(f"{name} is {part.middle!r}, so {', '.join(changes)} would change nothing: leave it out")
    its = _mapping(part.options[option], changes, dotted(name, option))
    return Choice({**part.options, option: its}, default=part.default)


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
    return _constant(node, change, name)


def _constant(value: Any, change: Any, name: str) -> Any:
    """Return another constant of the same type, or a leaf of such values."""
    given = change.middle if isinstance(change, Float | Int | Choice) else change
    if type(value) is float and type(given) is int:
        return float(given) if given is change else change
    if type(given) is not type(value) or (isinstance(change, Choice) and change.conditional):
        raise ValueError(f"{name} is the constant {value!r}: give another {type(value).__name__}, got {change!r}")
    return change


def _range(leaf: Float | Int, change: Any, name: str) -> Any:
    kind = type(leaf)
    if isinstance(change, Float | Int | Choice):
        if not isinstance(change, kind):
            raise ValueError(f"{name} is of type {kind.__name__}, so its new range must be too, got {change!r}")
        return change
    if not isinstance(change, Mapping):
        return leaf.constant(change, name)
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
    if (part := with_count(leaf, change, name)) is not None:
        return part
    if isinstance(change, Choice):
        if change.conditional != leaf.conditional:
            raise ValueError(f"{name}: a Choice of {'sub-spaces' if leaf.conditional else 'values'} is needed here")
        return change
    if isinstance(change, Float | Int):
        raise ValueError(f"{name} is a Choice of {list(leaf.options)}, got {change!r}")
    if leaf.conditional and isinstance(change, int | float) and (found := _fixed(leaf, change)):
        return Choice(found)
    if isinstance(change, Mapping) and leaf.conditional:
        option = inside(leaf)
        of_part = [key for key in change if option and key not in leaf.options and key in leaf.options[option]]
        named = {key: its for key, its in change.items() if key not in of_part}
        narrowed = Choice(_mapping(leaf.options, named, name), default=leaf.default)
        return _in_part(narrowed, {key: change[key] for key in of_part}, name) if of_part else narrowed
    kept = [_member(leaf, option, name) for option in (change if isinstance(change, list | tuple) else [change])]
    if not kept:
        raise ValueError(f"{name} must keep at least one of {list(leaf.options)}")
    default = leaf.default if leaf.default in kept else None
    if leaf.conditional:
        return Choice({option: leaf.options[option] for option in kept}, default=default)
    return Choice(kept, default=default) if isinstance(change, list | tuple) else kept[0]


def _fixed(leaf: Choice, number: float) -> dict[str, Any]:
    """Return the option that can be just this number, fixed to it; nothing where none can."""
    for option, its in leaf.options.items():
        try:
            if isinstance(its, Float | Int):
                return {option: its.constant(number, option)}
            if its == number and isinstance(its, int | float):
                return {option: its}
        except ValueError:
            continue
    return {}


def _member(leaf: Choice, option: Any, name: str) -> Any:
    """Return an option."""
    try:
        return leaf.member(option, name)
    except ValueError as error:
        if leaf.conditional:
            raise
        raise ValueError(f"{error}; a value that is not among them is written Choice([{option!r}])") from None
