"""A leaf that may be switched off: nothing at all is a value of its own, which a range alone would hardly ever meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spaces.language.leaves import Choice, Float, Int


def none_or(leaf: Float | Int, none: Any = 0.0, *, default: str = "some") -> Choice:
    """Return a choice between nothing and a leaf.

    Args:
        leaf: The leaf.
        none: What stands for nothing.
        default: `"some"`, or `"none"` where the untuned model has nothing.

    >>> none_or(Float(0.01, 0.7, default=0.1)).options
    {'none': 0.0, 'some': Float(0.01, 0.7, default=0.1)}
    """
    return Choice({"none": none, "some": leaf}, default=default)


def chosen(value: Any) -> Any:
    """Return the value of the chosen option, or a value that was no choice.

    >>> chosen({"none": 0.0}), chosen({"some": 0.3}), chosen(0.3)
    (0.0, 0.3, 0.3)
    """
    if not isinstance(value, Mapping):
        return value
    (one,) = value.values()
    return one
