"""A space as a person reads it: a line for each parameter, and in notebooks a nested list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spaces.html import text
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space, describe


class Shown(dict[str, Any]):
    """A space that shows itself, and is used as any other.

    >>> Shown({"units": Int(16, 256, log=True), "activation": Choice(["relu", "selu"]), "patience": 5})
    Space of 2 parameters
      units: Int(16, 256, log=True)
      activation: Choice(['relu', 'selu'])
    """

    def __init__(self, space: Space) -> None:
        super().__init__(space)

    def __repr__(self) -> str:
        return "\n  ".join([self._title, *describe(self)])

    def _repr_html_(self) -> str:
        return f"<div><strong>{self._title}</strong></div>{_inside(self)}"

    @property
    def _title(self) -> str:
        count = sum(1 for _ in describe(self))
        return f"Space of {count} parameter{'' if count == 1 else 's'}"


def _inside(space: Mapping[str, Any]) -> str:
    lines = "".join(f"<li>{_node(name, node)}</li>" for name, node in space.items())
    return f'<ul style="margin:0;padding-left:22px">{lines}</ul>' if lines else ""


def _node(name: str, node: Any) -> str:
    """Return a name and what it may be; what exists only under an option stands below it."""
    named = f"<b>{text(name)}</b>"
    if isinstance(node, Choice) and node.conditional:
        return f"{named}: one of{_inside(node.options)}"
    if isinstance(node, Choice):
        return f"{named}: {text(' | '.join(map(str, node.options)))}"
    if isinstance(node, Float | Int):
        return f"{named}: {text(_range(node))}"
    if isinstance(node, Mapping):
        return f"{named}{_inside(node)}"
    return named if node is None else f"{named} = {text(node)}"


def _range(leaf: Float | Int) -> str:
    """Return a range in words.

    >>> _range(Float(1e-4, 0.1, log=True)), _range(Int(2, 8, step=2, default=4))
    ('0.0001 to 0.1, log scale', '2 to 8, step 2, default 4')
    """
    said = [f"{leaf.low:g} to {leaf.high:g}" if isinstance(leaf, Float) else f"{leaf.low} to {leaf.high}"]
    said += ["log scale"] if leaf.log else []
    said += [f"step {leaf.step:g}"] if leaf.step not in (None, 1) else []
    return ", ".join([*said, *([] if leaf.default is None else [f"default {leaf.default:g}"])])
