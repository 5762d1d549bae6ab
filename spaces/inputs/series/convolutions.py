"""Fixed random convolutions turn a series into numbers: shares of its steps. Nothing is trained.

Dempster, Schmidt, Webb, "MiniRocket: a very fast (almost) deterministic transform for time series classification",
KDD 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.language.space import Config
from spaces.rows.arrays import Array

SHORTEST = 9  # steps: as many as a kernel has
_KERNELS = tuple(combinations(range(SHORTEST), 3))  # where a kernel weighs 2; elsewhere it weighs -1
_MOST_DILATIONS = 32
_MOST_CHANNELS = 9
_GOLDEN = (5**0.5 + 1) / 2
_BYTES = 2**18  # of steps looked at together: they stay in a processor's cache
_BYTE = 255  # steps that are counted in one byte


@dataclass(frozen=True)
class Convolutions:
    """How a series is read by fixed random convolutions.

    Attributes:
        features: How many shares there are at most; a multiple of 84 is used.
        seed: Draws training rows and channels.
    """

    features: int
    seed: int = 0

    @property
    def width(self) -> int:
        """How many columns a series becomes."""
        return self.per_kernel * len(_KERNELS)

    @property
    def per_kernel(self) -> int:
        """How many shares each kernel gives, of all its dilations."""
        return max(1, self.features // len(_KERNELS))


def convolutions_of(config: Config) -> Convolutions | None:
    """Return how a config's series are read by fixed random convolutions; None where they are read otherwise."""
    match config.get("series"):
        case {"convolutions": settings} | {"dense": {"reads": {"convolutions": settings}}}:
            return Convolutions(**settings)
    return None


@dataclass(frozen=True, eq=False)
class Convolved:
    """Kernels with what was drawn for them and learned from training rows.

    Attributes:
        dilations: int64 `(dilations,)`, steps between two weights of a kernel.
        per_kernel: int64 `(dilations,)`, how many shares each kernel gives at a dilation.
        channels: bool `(dilations, 84, channels)`, which channels a kernel reads; their convolutions are added.
        biases: float32 `(features,)`: by dilation, by kernel.
        mean: float32 `(features,)`, of the training rows' shares.
        deviation: float32 `(features,)`; 1 where shares are all the same.
    """

    dilations: NDArray[np.int64]
    per_kernel: NDArray[np.int64]
    channels: NDArray[np.bool_]
    biases: NDArray[np.float32]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def columns(self, series: Array) -> NDArray[np.float32]:
        """Return shares `(rows, features)`, standardised by those of the training rows."""
        return (self.shares(series) - self.mean) / self.deviation

    def shares(self, series: Array) -> NDArray[np.float32]:
        """Return the share of steps above each bias, `(rows, features)`.

        At every second kernel the first and last steps are left out, for which a kernel reaches beyond the series;
        elsewhere it reads zeros there.

        Args:
            series: float32 `(rows, steps, channels)`, without missing steps.
        """
        rows, steps, _ = series.shape
        size = max(1, _BYTES // (4 * steps))
        found = np.empty((rows, len(self.biases)), np.float32)
        for start in range(0, rows, size):
            self._fill(found[start : start + size], np.asarray(series[start : start + size], np.float32))
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what has to be stored, by name."""
        return dict(vars(self))

    def _fill(self, found: NDArray[np.float32], series: NDArray[np.float32]) -> None:
        at, by_step = 0, np.ascontiguousarray(series.transpose(2, 1, 0))
        for place, (dilation, size) in enumerate(zip(self.dilations.tolist(), self.per_kernel.tolist(), strict=True)):
            edge = SHORTEST // 2 * dilation
            for kernel, convolution in enumerate(_convolved(by_step, dilation, self.channels[place])):
                inner = convolution[edge:-edge] if (place + kernel) % 2 else convolution
                for bias in self.biases[at : at + size]:
                    found[:, at] = _counted(inner > bias)
                    at += 1
                found[:, at - size : at] /= np.float32(len(inner))


def learn_convolutions(recipe: Convolutions, series: Array) -> tuple[Convolved, NDArray[np.float32]]:
    """Draw kernels' channels, learn biases as quantiles of training rows' convolutions, and their shares' scale.

    Args:
        recipe: How many, and the seed.
        series: The training rows, float32 `(rows, steps, channels)`, without missing steps.

    Returns:
        What was learned, and the training rows' own columns.
    """
    rows, steps, channels = series.shape
    rng = np.random.default_rng(recipe.seed)
    dilations, per_kernel = dilations_of(steps, recipe.per_kernel)
    chosen = _channels(rng, len(dilations), channels)
    quantiles = iter(np.arange(1, recipe.width + 1) * _GOLDEN % 1)
    biases: list[NDArray[np.float64]] = []
    for place, dilation in enumerate(dilations.tolist()):
        picked = np.asarray(series[rng.integers(rows, size=len(_KERNELS))], np.float32).transpose(2, 1, 0)
        for kernel, convolution in enumerate(_convolved(picked, dilation, chosen[place])):
            its = [next(quantiles) for _ in range(per_kernel[place])]
            biases.append(np.quantile(convolution[:, kernel], its))
    nothing, one = np.zeros(recipe.width, np.float32), np.ones(recipe.width, np.float32)
    drawn = Convolved(dilations, per_kernel, chosen, np.concatenate(biases).astype(np.float32), nothing, one)
    shares = drawn.shares(series)
    mean, deviation = shares.mean(axis=0), shares.std(axis=0)
    deviation[deviation == 0] = 1
    learned = Convolved(dilations, per_kernel, chosen, drawn.biases, mean, deviation)
    return learned, (shares - mean) / deviation


def dilations_of(steps: int, per_kernel: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return dilations spread as powers of two up to the length of a series, and how many shares each is to give.

    >>> [array.tolist() for array in dilations_of(33, 8)]
    [[1, 2, 3, 4], [4, 2, 1, 1]]
    """
    most = min(per_kernel, _MOST_DILATIONS)
    spread = np.logspace(0, np.log2((steps - 1) / (SHORTEST - 1)), most, base=2).astype(np.int64)
    dilations, counts = np.unique(spread, return_counts=True)
    shares = counts * per_kernel // most
    shares[: per_kernel - shares.sum()] += 1  # what is left, one each from the shortest on
    return dilations, shares


def _channels(rng: np.random.Generator, dilations: int, channels: int) -> NDArray[np.bool_]:
    """Draw the channels of each dilation and kernel: few more often than many, at most nine."""
    chosen = np.zeros((dilations, len(_KERNELS), channels), bool)
    for of_kernel in chosen.reshape(-1, channels):
        many = int(2 ** rng.uniform(0, np.log2(min(channels, _MOST_CHANNELS) + 1)))
        of_kernel[rng.choice(channels, many, replace=False)] = True
    return chosen


def _convolved(by_step: NDArray[np.float32], dilation: int, channels: NDArray[np.bool_]) -> Iterator[Any]:
    """Yield what each kernel makes of series `(channels, steps, rows)`, zeros beyond the ends: `(steps, rows)`.

    A kernel is -1 everywhere and 3 more at three places: all of them share the sum of nine shifts.
    """
    steps, edge = by_step.shape[1], SHORTEST // 2 * dilation
    padded = np.pad(by_step, ((0, 0), (edge, edge), (0, 0)))
    shifts = [padded[:, i * dilation : i * dilation + steps] for i in range(SHORTEST)]
    low = -sum(shifts[1:], shifts[0])
    for kernel, read in zip(_KERNELS, channels, strict=True):
        first, *others = np.flatnonzero(read).tolist()
        high = sum((shifts[i][c] for c in (first, *others) for i in kernel), np.float32(0))
        yield sum((low[c] for c in others), low[first]) + np.float32(3) * high


def _counted(above: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many steps of `(steps, rows)` are true, counted in bytes as these are added many at a time."""
    counts = np.zeros(above.shape[1], np.int64)
    for start in range(0, len(above), _BYTE):
        counts += np.add.reduce(above[start : start + _BYTE].view(np.uint8), axis=0, dtype=np.uint8)
    return counts
