"""The weight solvers by name. One file and one line here make a new one.

Every solver is `(predictions, target, loss, *, ...) -> weights`: predictions `(members, rows, outputs)`, target
`(rows,)`, weights `(members,)` on the simplex.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from ensembles.bagged_greedy import bagged_greedy
from ensembles.convex import convex
from ensembles.greedy import greedy
from ensembles.losses import Loss
from ensembles.nelder_mead import nelder_mead
from ensembles.pools import Predictions, Weights
from ensembles.random_search import random_search
from ensembles.uniform import uniform


class Solver(Protocol):
    """A weight solver."""

    def __call__(self, predictions: Predictions, target: NDArray[Any], loss: Loss, /) -> Weights:
        """Return weights `(members,)`, at least 0, of sum 1."""
        ...


METHODS: dict[str, Solver] = {
    "uniform": uniform,
    "greedy": greedy,
    "bagged_greedy": bagged_greedy,
    "random_search": random_search,
    "nelder_mead": nelder_mead,
    "convex": convex,
}
