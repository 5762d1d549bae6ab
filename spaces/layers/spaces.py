"""The spaces of stacks of layers: dense ones, and those that read steps in order, of texts and of series."""

from __future__ import annotations

from spaces.language.leaves import Choice, Float, Int
from spaces.language.parts import DEPTH, counted
from spaces.language.space import Space

_LAST = Choice(["last", "max", "average", "attention"])


def hidden_space(depth: Int, units: Int) -> Choice:
    """Return the space of dense layers, if there are any: how many, how wide, and what is between them.

    Args:
        depth: How many there may be.
        units: How wide they may be.
    """
    inner: Space = {
        "units": units,
        "shape": "rectangle",
        "activation": Choice(["relu", "selu", "swish"]),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.6, default=0.3),
    }
    return counted(DEPTH, depth, inner)


def convolution_space() -> Space:
    """Return the space of one-dimensional convolutions, and of what makes one vector of their steps."""
    return {"conv": _convolutions(), "pooling": Choice(["max", "average", "attention"])}


def recurrent_space(*, masking: bool) -> Space:
    """Return the space of recurrent layers, and of what makes one vector of their steps."""
    return {"recurrent": _recurrent(masking=masking), "pooling": _LAST}


def shortened_space() -> Space:
    """Return the space of recurrent layers that read what convolutions have shortened."""
    shorter = {**_convolutions(), "pool_size": Int(2, 5, default=3)}
    return {"conv": shorter, "recurrent": _recurrent(masking=False), "pooling": _LAST}


def _convolutions() -> Space:
    return {
        "filters": Int(16, 256, log=True),
        "kernel_size": Int(2, 9, default=5),
        "depth": Int(1, 3, default=1),
        "separable": Choice([False, True]),
        "padding": "same",
        "pool_size": Int(1, 5, default=2),
        "batch_normalization": Choice([False, True]),
        "dropout": Float(0.0, 0.5, default=0.1),
    }


def _recurrent(*, masking: bool) -> Space:
    return {
        "cell": Choice(["gru", "lstm", "simple"]),
        "units": Int(8, 128, log=True),
        "activation": "tanh",
        "depth": Int(1, 2, default=1),
        "direction": Choice(["bidirectional", "forward", "backward"]),
        **({"masking": Choice([False, True])} if masking else {}),
        "dropout": Float(0.0, 0.5, default=0.1),
        "recurrent_dropout": Float(0.0, 0.5, default=0.0),
    }
