"""The space language: nested mappings whose leaves say what may vary.

A space is a mapping from names to nodes. A node is a plain JSON value (a constant), a `Float`, an `Int`, a
`Choice` of plain values, a `Choice` of named sub-spaces (a condition), or another mapping. One walk serves
every use: `walk` visits the leaves and the caller says what to do with each.

    >>> space = {
    ...     "units": Int(16, 256, log=True),
    ...     "optimizer": Choice({
    ...         "adam": {"learning_rate": Float(1e-4, 1e-1, log=True)},
    ...         "sgd": {"learning_rate": Float(1e-3, 1.0, log=True), "momentum": Float(0.0, 0.95)},
    ...     }),
    ... }
    >>> config = defaults(space)
    >>> config["units"], config["optimizer"]
    (64, {'adam': {'learning_rate': 0.00316227766016838}})
    >>> flatten(space, config)["optimizer"]
    'adam'

A *config* is nested like the space, a chosen sub-space being a mapping of one name. *Params* are the same
values, flat: dotted names to numbers and strings, only those that are active.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int, Leaf, label_of

Space = Mapping[str, Any]

Config = dict[str, Any]

Params = dict[str, Any]

Descend = Callable[[Any], Any]


def walk(space: Space, visit: Callable[[str, Leaf, Descend], Any]) -> Config:
    """Rebuild a space's nesting with every leaf replaced by what `visit` returns.

    Args:
        space: The space, checked.
        visit: Called with a leaf's dotted name, the leaf, and `descend`, which walks the sub-space of one option
            of a conditional `Choice`. A sampler descends into the option it chose, a compiler into all of them.
    """

    def node(value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return {key: node(child, dotted(name, key)) for key, child in value.items()}
        if isinstance(value, Choice) and value.conditional:
            return visit(name, value, lambda option: node(value.options[option], f"{name}.{option}"))
        if isinstance(value, Float | Int | Choice):
            return visit(name, value, lambda option: option)
        return copy.deepcopy(value)

    result: Config = node(space, "")
    return result


def resolve(space: Space, pick: Callable[[str, Leaf], Any]) -> Config:
    """Build a config: `pick` gives each active leaf's value, conditional choices are followed."""

    def visit(name: str, leaf: Leaf, descend: Descend) -> Any:
        value = pick(name, leaf)
        if isinstance(leaf, Choice) and leaf.conditional:
            return {value: descend(value)}
        return copy.deepcopy(value)

    return walk(space, visit)


def defaults(space: Space) -> Config:
    """Return the config of every parameter's default."""
    return resolve(space, lambda name, leaf: leaf.middle)


def sample(space: Space, rng: np.random.Generator) -> Config:
    """Draw a config from the prior: uniform in each parameter's own scale."""
    return resolve(space, lambda name, leaf: leaf.sample(rng))


def suggest(space: Space, trial: Any) -> Config:
    """Ask an Optuna trial (or anything with its `suggest_*` methods) for a config."""
    return resolve(space, lambda name, leaf: leaf.suggest(name, trial))


def configure(space: Space, params: Mapping[str, Any]) -> Config:
    """Turn flat params back into a nested config.

    Raises:
        ValueError: A parameter is missing, unknown, or outside its range.
    """
    used: set[str] = set()

    def pick(name: str, leaf: Leaf) -> Any:
        if name not in params:
            raise ValueError(f"parameter {name!r} is missing from {sorted(params)}")
        used.add(name)
        return leaf.member(leaf.unlabel(params[name]), name)

    config = resolve(space, pick)
    if unknown := sorted(set(params) - used):
        raise ValueError(f"unknown or inactive parameter {unknown[0]!r}; active are {sorted(used)}")
    return config


def flatten(space: Space, config: Mapping[str, Any]) -> Params:
    """Turn a config into flat params, checking that it is a member of the space.

    Raises:
        ValueError: The config does not fit the space; the message names the parameter.
    """
    params: Params = {}

    def node(value: Any, given: Any, name: str) -> None:
        if isinstance(value, Mapping):
            _check_keys(value, given, name)
            for key, child in value.items():
                node(child, given[key], dotted(name, key))
        elif isinstance(value, Choice) and value.conditional:
            if not isinstance(given, Mapping) or len(given) != 1:
                raise ValueError(f"{name} must be a mapping of one of {list(value.options)}, got {given!r}")
            (option, inner), *_ = given.items()
            params[name] = value.member(option, name)
            node(value.options[option], inner, f"{name}.{option}")
        elif isinstance(value, Float | Int | Choice):
            params[name] = label_of(value.member(given, name))
        elif given != value:
            raise ValueError(f"{name} is the constant {value!r}, got {given!r}")

    node(space, config, "")
    return params


def _check_keys(space: Space, given: Any, name: str) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{name or 'config'} must be a mapping with {sorted(space)}, got {given!r}")
    for key in given:
        if key not in space:
            raise ValueError(unknown_name(dotted(name, key), [dotted(name, other) for other in space]))
    for key in space:
        if key not in given:
            raise ValueError(f"parameter {dotted(name, key)!r} is missing")


def dotted(before: str, name: str) -> str:
    """Return a name behind the dotted name that it is nested in, "" at the top."""
    return f"{before}.{name}" if before else name


def by_dotted_name(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values by dotted name, of mappings that may be nested, or have dotted names already.

    >>> dict(by_dotted_name({"optimizer": {"adam.rate": 0.1}, "units": 64}))
    {'optimizer.adam.rate': 0.1, 'units': 64}
    """
    for key, value in values.items():
        name = dotted(before, str(key))
        if isinstance(value, Mapping) and value:
            yield from by_dotted_name(value, name)
        else:
            yield name, value


def leaves(space: Space) -> dict[str, Leaf]:
    """List every leaf of a space, inactive branches too, by dotted name."""
    found: dict[str, Leaf] = {}

    def visit(name: str, leaf: Leaf, descend: Descend) -> None:
        found[name] = leaf
        if isinstance(leaf, Choice) and leaf.conditional:
            for option in leaf.options:
                descend(option)

    walk(space, visit)
    return found


def check(space: Any, name: str = "") -> None:
    """Refuse what is not a space.

    Raises:
        ValueError: A key is not a plain name, or a node is neither a leaf, a mapping nor a JSON value.
    """
    if isinstance(space, Mapping):
        for key, child in space.items():
            if not isinstance(key, str) or not key or "." in key:
                raise ValueError(f"names in a space are non-empty strings without dots, got {key!r} in {name or 'it'}")
            check(child, dotted(name, key))
    elif isinstance(space, Choice):
        for option in space.options if space.conditional else ():
            check({option: space.options[option]}, name)
    elif not isinstance(space, Float | Int):
        try:
            json.dumps(space, allow_nan=False)
        except (TypeError, ValueError) as error:
            ranges = "a range is Float(0, 1), Int(1, 9) or Choice(['a', 'b'])"
            raise ValueError(f"{name}: a constant must be a JSON value, got {space!r}; {ranges}") from error
    if not name and not isinstance(space, Mapping):
        raise ValueError(f"a space is a mapping from names to Float, Int, Choice or constants, got {space!r}")


def to_json(space: Any) -> Any:
    """Return the space as JSON values; `from_json` is the inverse."""
    if isinstance(space, Mapping):
        return {"space": {key: to_json(child) for key, child in space.items()}}
    if isinstance(space, Choice):
        options: Any = space.options
        inner = (
            {key: to_json(child) for key, child in options.items()}
            if space.conditional
            else [{"constant": option} for option in options]
        )
        return {"choice": inner, "default": space.default}
    if isinstance(space, Float | Int):
        kind = type(space).__name__.lower()
        return {kind: [space.low, space.high], "log": space.log, "step": space.step, "default": space.default}
    return {"constant": space}


def from_json(data: Mapping[str, Any]) -> Any:
    """Rebuild a space from what `to_json` returned."""
    match data:
        case {"space": children}:
            return {key: from_json(child) for key, child in children.items()}
        case {"choice": list() as options, "default": default}:
            return Choice([from_json(option) for option in options], default=default)
        case {"choice": options, "default": default}:
            return Choice({key: from_json(child) for key, child in options.items()}, default=default)
        case {"float": [low, high], "log": log, "step": step, "default": default}:
            return Float(low, high, log=log, step=step, default=default)
        case {"int": [low, high], "log": log, "step": step, "default": default}:
            return Int(low, high, log=log, step=step, default=default)
        case {"constant": value}:
            return value
    raise ValueError(f"not a stored space: {data!r}")


def digest(space: Space) -> str:
    """Return 16 hex digits that change when the space does.

    Order counts: the same parameters asked in another order draw other values from the same seed.
    """
    return hashlib.sha256(json.dumps(to_json(space)).encode()).hexdigest()[:16]


def describe(space: Space) -> Iterator[str]:
    """Yield one line for each leaf, as `name: leaf`."""
    for name, leaf in leaves(space).items():
        yield f"{name}: {leaf!r}"
