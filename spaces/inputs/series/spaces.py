"""The spaces of the branches that read series."""

from __future__ import annotations

from spaces.language.leaves import Float, Int
from spaces.language.space import Space
from spaces.layers.spaces import convolution_space, recurrent_space, shortened_space

SERIES_BRANCHES = ("dense", "conv", "recurrent", "conv_recurrent")


def series_branch(name: str) -> Space:
    """Return the space of what reads a series: all steps side by side, convolutions, recurrent layers, or both."""
    match name:
        case "dense":
            return {"units": Int(16, 256, log=True), "dropout": Float(0.0, 0.5, default=0.1)}
        case "conv":
            return convolution_space()
        case "recurrent":
            return recurrent_space(masking=False)
    return shortened_space()
