"""The spaces of the branches that read series."""

from __future__ import annotations

from dataclasses import replace

from spaces.inputs.kind import LEARNING_RATE
from spaces.inputs.series.convolutions import SHORTEST
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Space
from spaces.layers.spaces import convolution_space, recurrent_space, shortened_space
from spaces.rows.signature import Input, Signature

SERIES_BRANCHES = ("dense", "conv", "recurrent", "conv_recurrent")
_SPARE_NONE = 500  # rows
_FEW_ROWS = 2_000  # of so many, the products of all with all are quickly decomposed
_CELLS = 20_000_000  # float32 numbers of a matrix, 80 MB
_WIDTHS = ((32, 50_000), (16, 200_000))  # filters for so many steps of all rows
_FEWEST_EPOCHS, _MOST_EPOCHS = 30, 100
_STEPS_READ = 360_000  # by all epochs together
_MANY_STEPS = 50_000  # of all rows
_FEWEST_PASSES, _MOST_PASSES = 15, 40
_STEPS_PASSED = 2_500_000
_FEW_FEATURES = 1_008
_KERNELS = 84


def convolvable(signature: Signature) -> bool:
    """Return whether there are series, and nothing but series as arrays, as long as a fixed convolution."""
    series = [one for one in signature.arrays if one.kind == "series"]
    return bool(series) and series == [*signature.arrays] and min(one.shape[0] for one in series) >= SHORTEST


def joined_series(signature: Signature, most: int) -> Space:
    """Return the space of how models that want a line of numbers read series; empty where there is one way.

    Classes differ by shapes wherever they stand, which convolutions find; values, and forecasts above all, depend on
    the last steps and on levels. What comes first is the default.

    Args:
        signature: The task's.
        most: How many shares of fixed random convolutions there are at most; fewer where rows are many.
    """
    if not convolvable(signature):
        return {}
    ways: dict[str, Space] = {**_convolutions(signature, most), "lags": {}}
    names = ("convolutions", "lags") if signature.target.of_classes else ("lags", "convolutions")
    return {"series": Choice({name: ways[name] for name in names})}


def _conv_branch(signature: Signature) -> Space:
    """Return the space of blocks of convolutions.

    Blocks whose steps are averaged find a shape wherever it stands: the default for classes. For values it matters
    when something happened, so there it is one plain convolution.
    """
    series = [one for one in signature.arrays if one.kind == "series"]
    steps = max(one.shape[0] for one in series)
    wide = conv_filters(signature)
    plain = convolution_space()
    dropout = Float(0.0, 0.5, default=0.0)
    blocks: dict[str, Space] = {
        "residual": {
            "filters": Int(8, 128, log=True, default=wide),
            "kernel_size": Int(3, 16, default=8),
            "depth": Int(1, 4, default=3),
            "dropout": dropout,
        },
        "inception": {
            "filters": Int(4, 64, log=True, default=wide // 2),
            "kernel_size": Int(4, max(8, min(40, steps)), default=max(8, min(40, steps // 2))),
            "depth": Int(1, 6, default=3),
            "dropout": dropout,
        },
        "plain": plain["conv"],
    }
    by_place = not signature.target.of_classes
    names = ("plain", "residual", "inception") if by_place else ("residual", "inception", "plain")
    return {
        "blocks": Choice({name: blocks[name] for name in names}),
        "scaled": Choice(["by_channel", "by_series"]),
        "pooling": Choice(["max", "average", "attention"] if by_place else ["average", "max", "attention"]),
    }


def conv_filters(signature: Signature) -> int:
    """Return the default width of blocks: less the more steps there are to read."""
    return next((filters for filters, most in _WIDTHS if steps_read(signature) <= most), 8)


def conv_epochs(signature: Signature) -> Space:
    """Return how often blocks of convolutions read all steps, and how patiently: less the more steps there are."""
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, _STEPS_READ // steps_read(signature)))
    return {"epochs": epochs, "patience": max(5, epochs // 5)}


def recurrent_training(signature: Signature, batch_size: Int) -> Space:
    """Return in which batches and how often recurrent layers read: where steps are many, in the largest, and not often.

    A step of a recurrent layer takes nearly as long for few rows as for many.
    """
    if (steps := steps_read(signature)) <= _MANY_STEPS:
        return {}
    epochs = max(_FEWEST_PASSES, min(_MOST_PASSES, _STEPS_PASSED // steps))
    return {"batch_size": replace(batch_size, default=batch_size.high), "epochs": epochs}


def series_training(branch: str, series: Input, signature: Signature, batch_size: Int, /) -> Space:
    """Return how a branch is trained that reads nothing but series.

    Where rows are few, blocks of convolutions train for all epochs: no rows can be set aside for early stopping.
    """
    if branch == "conv" and signature.target.of_classes:
        stopping = {"stopping": "training_loss", "batch_size": 16} if signature.rows <= _SPARE_NONE else {}
        return {LEARNING_RATE: (2e-4, 1e-2, 1e-3), **stopping, **conv_epochs(signature)}
    return recurrent_training(signature, batch_size) if "recurrent" in branch else {}


def steps_read(signature: Signature) -> int:
    """Return how many steps the training rows have together."""
    return signature.rows * max(one.shape[0] for one in signature.arrays if one.kind == "series")


def _convolutions(signature: Signature, most: int) -> dict[str, Space]:
    """Return how many fixed random convolutions there are, and what draws them; empty where series are too short."""
    if not convolvable(signature):
        return {}
    return {"convolutions": {"features": _features(signature.rows, most), "seed": 0}}


def _features(rows: int, most: int) -> int:
    """Return how many shares of rows are read: a multiple of the kernels."""
    few = most if rows <= _FEW_ROWS else min(most, _FEW_ROWS, _CELLS // rows)
    return max(1, few // _KERNELS) * _KERNELS


def series_branch(name: str, series: Input, signature: Signature) -> Space:
    """Return the space of what reads a series: all steps side by side, convolutions, recurrent layers, or both."""
    match name:
        case "dense":
            ways: dict[str, Space] = {"steps": {}, **_convolutions(signature, _FEW_FEATURES)}
            reads = {"reads": Choice(ways)} if len(ways) > 1 else {}
            return {**reads, "units": Int(16, 256, log=True), "dropout": Float(0.0, 0.5, default=0.1)}
        case "conv":
            return _conv_branch(signature)
        case "recurrent":
            return _quick(recurrent_space(masking=False), signature)
    return _quick(shortened_space(), signature)


def _quick(space: Space, signature: Signature) -> Space:
    """Return the space with a default that reads forward with few units, where there are many steps to read."""
    if steps_read(signature) <= _MANY_STEPS:
        return space
    lighter = {
        "units": Int(8, 128, log=True, default=16),
        "direction": Choice(["forward", "bidirectional", "backward"]),
    }
    return {**space, "recurrent": {**space["recurrent"], **lighter}}
