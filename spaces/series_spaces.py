"""The spaces of the branches that read series, and of naive forecasts."""

from __future__ import annotations

from spaces.layer_spaces import convolution_space, recurrent_space, shortened_space
from spaces.leaves import Choice, Float, Int
from spaces.signature import Signature
from spaces.space import Space

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


def naive_space(signature: Signature) -> Space:
    """Return the naive forecasts: the last value, the same time a period ago, the mean of the last period, drift."""
    (series,) = signature.arrays
    steps = series.shape[0]
    furthest = max((part.follows.horizon for part in signature.targets if part.follows), default=1)
    fitting = [period for period in series.periods if period * -(-furthest // period) < steps + 1]
    seasons: Space = {"seasonal": {"period": Choice(fitting)}} if fitting else {}
    means = [period for period in series.periods if period <= steps] or [steps]
    return {"forecast": Choice({"last": {}, **seasons, "mean": {"steps": Choice(means[:1])}, "drift": {}})}
