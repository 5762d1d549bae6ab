"""Hypothesis strategies that several test files share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from spaces import Choice, Float, Int

_DEPTH = 3
_NAMES = st.text(st.characters(categories=["Lu", "Ll", "Nd"], include_characters="_- "), min_size=1, max_size=6)
_WORDS = st.text("abcxyz", max_size=4)
_SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | _WORDS
_VALUES = _SCALARS | st.lists(st.integers(-3, 3) | _WORDS, max_size=3)

NETWORK = {
    "units": Int(16, 512, log=True, default=128),
    "dropout": Float(0.0, 0.5, step=0.1),
    "optimizer": Choice(
        {
            "adam": {"learning_rate": Float(1e-4, 1e-1, log=True)},
            "sgd": {"learning_rate": Float(1e-3, 1.0, log=True), "momentum": Float(0.0, 0.95)},
        }
    ),
    "kernel": Choice([[3, 3], [5, 5]]),
    "epochs": 10,
}


def spaces() -> st.SearchStrategy[dict[str, Any]]:
    """Search spaces of every kind of node, conditions nested to depth 3."""
    return st.dictionaries(_NAMES, _nodes(_DEPTH), min_size=1, max_size=4)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """A continuous range."""
    low = draw(st.floats(-1e6, 1e6))
    high = low + draw(st.floats(1e-6, 1e6))  # Hyperopt's densities divide by zero on ranges narrower than 1e-11
    return Float(low, high, default=draw(st.none() | st.floats(low, high)))


@st.composite
def log_floats(draw: st.DrawFn) -> Float:
    """A logarithmic range."""
    low = draw(st.floats(1e-9, 1e3))
    high = low * draw(st.floats(1.01, 1e6))
    return Float(low, high, log=True, default=draw(st.none() | st.floats(low, high)))


@st.composite
def stepped_floats(draw: st.DrawFn) -> Float:
    """A range with steps, written as people write it: in few decimal digits."""
    step = draw(st.sampled_from([Decimal("0.001"), Decimal("0.05"), Decimal("0.1"), Decimal("0.25"), Decimal("2.5")]))
    low = draw(st.integers(-20, 20)) * step
    n_steps = draw(st.integers(1, 20))
    default = draw(st.none() | st.integers(0, n_steps).map(lambda k: float(low + k * step)))
    return Float(float(low), float(low + n_steps * step), step=float(step), default=default)


@st.composite
def ints(draw: st.DrawFn) -> Int:
    """A range of whole numbers, with a step of 1 or more."""
    low, step, n_steps = draw(st.integers(-50, 50)), draw(st.integers(1, 7)), draw(st.integers(1, 30))
    default = draw(st.none() | st.integers(0, n_steps).map(lambda k: low + k * step))
    return Int(low, low + n_steps * step, step=step, default=default)


@st.composite
def log_ints(draw: st.DrawFn) -> Int:
    """A logarithmic range of whole numbers."""
    low = draw(st.integers(1, 64))
    high = low + draw(st.integers(1, 1000))
    return Int(low, high, log=True, default=draw(st.none() | st.integers(low, high)))


@st.composite
def value_choices(draw: st.DrawFn) -> Choice:
    """A choice of plain values, no two of them equal."""
    options: list[Any] = []
    for value in draw(st.lists(_VALUES, min_size=1, max_size=5)):
        if value not in options:
            options.append(value)
    return Choice(options, default=draw(st.none() | st.sampled_from(options)))


def leaves() -> st.SearchStrategy[Float | Int | Choice]:
    """Every kind of leaf but a condition."""
    return st.one_of(floats(), log_floats(), stepped_floats(), ints(), log_ints(), value_choices())


def _nodes(depth: int) -> st.SearchStrategy[Any]:
    if not depth:
        return leaves() | _VALUES
    inner = st.deferred(lambda: _nodes(depth - 1))
    mappings = st.dictionaries(_NAMES, inner, max_size=3)
    return st.one_of(leaves(), _VALUES, mappings, _conditions(inner))


@st.composite
def _conditions(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Choice:
    options = draw(st.dictionaries(_NAMES, inner, min_size=1, max_size=3))
    return Choice(options, default=draw(st.none() | st.sampled_from(list(options))))
