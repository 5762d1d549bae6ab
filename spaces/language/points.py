"""Points of a space that name some of its parameters: the others have their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spaces.language.complaints import unknown_name
from spaces.language.leaves import Choice, Float, Int, Leaf
from spaces.language.space import Params, Space, by_dotted_name, flatten, leaves, resolve


def point(space: Space, said: Mapping[str, Any]) -> Params:
    """Return the params of a point, flat.

    Args:
        space: The space.
        said: Values by name, nested or dotted. What is said inside an option chooses it.

    Raises:
        ValueError: A name does not exist (the nearest that does is named) or belongs to an option that is not chosen,
            or a value is none that its parameter can have.

    >>> space = {"depth": Int(1, 5), "kind": Choice({"plain": {}, "rich": {"width": Int(1, 9, default=3)}})}
    >>> point(space, {"kind.rich.width": 4})
    {'depth': 3, 'kind': 'rich', 'kind.rich.width': 4}
    """
    values = dict(by_dotted_name(said))
    known = leaves(space)
    params = flatten(space, resolve(space, lambda name, leaf: _member(name, leaf, values)))
    for name in values:
        if any(_is_option(space_name, leaf, name) for space_name, leaf in known.items()):
            continue
        if name not in known:
            raise ValueError(unknown_name(name, list(known)))
        if name not in params:
            raise ValueError(f"{name} belongs to an option that is not chosen; chosen are {_choices(params, known)}")
    return params


def nearest_point(space: Space, said: Mapping[str, Any]) -> Params:
    """Return the params of the point that comes nearest.

    Numbers are brought into their range. What a space lacks, or cannot be there, says nothing.

    Args:
        space: The space.
        said: Values by dotted name.

    >>> nearest_point({"depth": Int(1, 5)}, {"depth": 9, "width": 3})
    {'depth': 5}
    """
    return flatten(space, resolve(space, lambda name, leaf: _nearest(name, leaf, said)))


def _member(name: str, leaf: Leaf, values: Mapping[str, Any]) -> Any:
    if name in values:
        return leaf.member(values[name], name)
    return _implied(name, leaf, values)


def _nearest(name: str, leaf: Leaf, values: Mapping[str, Any]) -> Any:
    if name not in values:
        return _implied(name, leaf, values)
    if isinstance(leaf, Float | Int):
        return leaf.snap(values[name]) if isinstance(values[name], int | float) else leaf.middle
    try:
        return leaf.member(values[name], name)
    except ValueError:
        return leaf.middle


def _implied(name: str, leaf: Leaf, values: Mapping[str, Any]) -> Any:
    """Return the option inside of which something is said, or else the default."""
    if isinstance(leaf, Choice) and leaf.conditional:
        for option in leaf.options:
            inside = f"{name}.{option}"
            if any(other == inside or other.startswith(f"{inside}.") for other in values):
                return option
    return leaf.middle


def _is_option(name: str, leaf: Leaf, other: str) -> bool:
    """Return whether another name is that of an option without parameters."""
    options = leaf.options if isinstance(leaf, Choice) and leaf.conditional else {}
    return any(other == f"{name}.{option}" for option, node in options.items() if not isinstance(node, Float | Int))


def _choices(params: Params, known: Mapping[str, Leaf]) -> str:
    chosen = [name for name in params if isinstance(leaf := known[name], Choice) and leaf.conditional]
    return ", ".join(f"{name} = {params[name]}" for name in chosen)
