"""Parts of a space that are there or not: layers with parameters of their own, where there is at least one layer.

>>> part = counted("depth", Int(0, 2, default=0), {"units": Int(8, 64)})
>>> part.middle, part.options["layers"]
('none', {'depth': Int(1, 2), 'units': Int(8, 64)})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spaces.language.leaves import Choice, Int
from spaces.language.space import Config, Space

NONE, LAYERS, DEPTH = "none", "layers", "depth"


def counted(name: str, count: Int, inner: Space) -> Choice:
    """Return a part whose parameters exist where a count is above zero.

    Args:
        name: What the part and its count are called.
        count: How many there may be; its default says whether the part is there by default.
        inner: The parameters of the part.
    """
    there = count.middle > 0
    some: dict[str, Space] = {NONE: {}} if count.low == 0 else {}
    number = _number(max(1, count.low), count.high, count.middle if count.default is not None and there else None)
    return Choice({**some, LAYERS: {name: number, **inner}}, default=LAYERS if there else NONE)


def layers_of(config: Config) -> Config | None:
    """Return the parameters of a part by its config; None where it is not there."""
    return config.get(LAYERS)


def inside(node: Any) -> str | None:
    """Return the only option of a condition beside `"none"`; None where it is no condition, or has more of them."""
    if not isinstance(node, Choice) or not node.conditional:
        return None
    others = [option for option in node.options if option != NONE]
    return others[0] if len(others) == 1 and isinstance(node.options[others[0]], Mapping) else None


def is_part(node: Any) -> bool:
    """Return whether a condition is of a part that may be there or not."""
    return inside(node) is not None and (NONE in node.options or LAYERS in node.options)


def with_count(part: Choice, change: Any, name: str) -> Choice | None:
    """Return a part whose count is changed by a number or a range, as `narrow` is told; None where it is not.

    Raises:
        ValueError: There is no such count.
    """
    option, last = inside(part), name.rpartition(".")[2]
    if option is None or last not in part.options[option]:
        return None
    low, high = _bounds(part.options[option][last])
    if isinstance(change, Int):
        asked: Mapping[str, Any] = {"low": change.low, "high": change.high, "default": change.default}
    elif isinstance(change, Mapping) and change and all(key in _RANGE for key in change):
        asked = change
    elif isinstance(change, int) and not isinstance(change, bool):
        asked = {"low": change, "high": change}
    else:
        return None
    low, high = asked.get("low", 0 if len(part.options) > 1 else low), asked.get("high", high)
    if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high):
        raise ValueError(f"{name} needs whole numbers with 0 <= low <= high, got low={low!r}, high={high!r}")
    default = asked.get("default")
    options: dict[str, Any] = {NONE: {}} if low == 0 else {}
    if high > 0:
        options[option] = {**part.options[option], last: _number(max(1, low), high, default or None)}
    wanted = part.middle if default is None else option if default else NONE
    return Choice(options, default=wanted if wanted in options else None)


_RANGE = [field.name for field in fields(Int)]


def _number(low: int, high: int, default: int | None) -> Int | int:
    return Int(low, high, default=default) if low < high else low


def _bounds(count: Any) -> tuple[int, int]:
    return (count.low, count.high) if isinstance(count, Int) else (count, count)


def by_layer(change: Any) -> bool:
    """Return whether a change says something of each layer: a mapping from their numbers."""
    return isinstance(change, Mapping) and bool(change) and all(str(key).isdecimal() for key in change)


def check_layers(space: Space, change: Mapping[str, Any], name: str) -> None:
    """Refuse a change of a parameter by layers where there are no layers, or other ones.

    Args:
        space: The parameters beside it, of which the depth says how many layers there are.
        change: By number of the layer, the first being 1.
        name: The parameter's.

    Raises:
        ValueError: There is no depth, or there are more or less layers.
    """
    if DEPTH not in space or not isinstance(space[DEPTH], Int | int):
        raise ValueError(f"{name} cannot differ by layer, as no depth stands beside it: give one value")
    _, deepest = _bounds(space[DEPTH])
    if sorted(map(int, change)) != list(range(1, deepest + 1)):
        raise ValueError(
            f"{name} is given for the layers {', '.join(change)}, and there are up to {deepest}: name 1 to {deepest}, "
            "or change depth too"
        )
