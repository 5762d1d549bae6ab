"""Spaces that are written for Hyperopt, `hp.*` expressions, as ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hyperopt
from hyperopt.pyll import Apply, Literal, as_apply

from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Config, Space


def from_hyperopt(expression: Any) -> tuple[Space, Callable[[Config], Any]]:
    """Return a Hyperopt expression as a space, and what turns its configs into what Hyperopt would hand over.

    Args:
        expression: An `hp.*` node, or a mapping or list with such nodes. An option of `hp.choice` is called by its
            value where that is a plain word or number, else by its place.

    Raises:
        ValueError: A parameter has no bounds, or another distribution that our spaces cannot say.
    """
    space = _space(as_apply(expression), {})
    return space, lambda config: hyperopt.space_eval(expression, dict(_values(space, config)))


def _space(node: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a part of an expression, without those of `known`, which stand around it."""
    found: dict[str, Any] = {}
    choices: list[Any] = []
    for one in _parameters(node):
        if one.name == "switch":
            choices.append(one)
        elif (label := one.pos_args[0].obj) not in known:
            found[label] = _leaf(label, one.pos_args[1])
    for one in choices:
        drawn, *options = one.pos_args
        label = drawn.pos_args[0].obj
        if drawn.pos_args[1].name != "randint":
            raise ValueError(f"hp.pchoice({label!r}, ...) has chances that our choices have not: use hp.choice")
        if label not in known:
            names = [_name(option, i) for i, option in enumerate(options)]
            if len(set(names)) < len(names):
                names = [str(i) for i in range(len(names))]
            inner = {**known, **found}
            found[label] = Choice({name: _space(o, inner) for name, o in zip(names, options, strict=True)})
    return found


def _parameters(node: Any) -> Iterator[Any]:
    """Yield the parameters and choices of an expression, not those within the options of a choice."""
    if isinstance(node, Apply):
        if node.name in ("switch", "hyperopt_param"):
            yield node
            return
        for one in node.inputs():
            yield from _parameters(one)


def _leaf(label: str, drawn: Any) -> Float | Int:
    numbers = [one.obj for one in drawn.pos_args] + [one.obj for _, one in drawn.named_args]
    match drawn.name, numbers:
        case "uniform", [low, high]:
            return Float(low, high)
        case "loguniform", [low, high]:
            return Float(math.exp(low), math.exp(high), log=True)
        case "randint", [upper]:
            return Int(0, upper - 1)
        case "randint", [low, upper]:
            return Int(low, upper - 1)
        case "quniform", [low, high, q]:
            first, last = round(low / q) * q, round(high / q) * q
            return _stepped(first, last, q)
        case ("normal" | "qnormal" | "lognormal" | "qlognormal") as name, [mu, sigma, *_]:
            ends = f"{mu - 3 * sigma:g}, {mu + 3 * sigma:g}"
            bounded = f"hp.{'log' if 'log' in name else ''}uniform({label!r}, {ends})"
            raise ValueError(f"hp.{name}({label!r}, ...) has no bounds: {bounded} has, at three standard deviations")
        case name, _:
            raise ValueError(f"hp.{name}({label!r}, ...) has no counterpart: use hp.uniform, loguniform or uniformint")


def _stepped(low: float, high: float, step: float) -> Float | Int:
    if all(float(one).is_integer() for one in (low, high, step)):
        return Int(int(low), int(high), step=int(step))
    return Float(low, high, step=step)


def _name(option: Any, place: int) -> str:
    value = option.obj if isinstance(option, Literal) else None
    plain = isinstance(value, str | int | float) and "." not in str(value) and str(value)
    return str(value) if plain else str(place)


def _values(space: Space, config: Config) -> Iterator[tuple[str, Any]]:
    """Yield a value for each label, as Hyperopt draws it."""
    for label, value in config.items():
        if isinstance(leaf := space[label], Choice):
            ((name, inner),) = value.items()
            yield label, list(leaf.options).index(name)
            yield from _values(leaf.options[name], inner)
        else:
            yield label, value
