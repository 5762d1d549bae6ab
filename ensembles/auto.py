"""Choose a method: begin with one that hardly fits anything, and leave it only for a gain that is no accident.

The methods are tried in a given order, simplest first. Each is compared with the one held so far on rows that fitted
neither, and takes its place when it is better by more than one standard error of the paired difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.honest import CrossFitted, Index, Score, cross_fit, paired_difference
from ensembles.losses import Loss
from ensembles.methods import METHODS, Method
from ensembles.pools import Predictions, Weights


@dataclass(frozen=True)
class Step:
    """One method that was tried.

    Attributes:
        method: Its name.
        cross_fitted: Its score on rows that did not fit it, lower is better.
        against: The method held so far; None for the first.
        gain: How much lower its score is than that one's.
        standard_error: Of the gain.
        taken: Whether it took that one's place.
    """

    method: str
    cross_fitted: float
    against: str | None
    gain: float
    standard_error: float
    taken: bool


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        name: The name of the method.
        method: The method.
        fitted: Its cross-fitted predictions.
        steps: Every method that was tried, in order.
    """

    name: str
    method: Method
    fitted: CrossFitted
    steps: tuple[Step, ...]


def ladder(families: Sequence[str], loss: Loss) -> dict[str, Method]:
    """Return the methods to try, in order: from one model of each family, equally weighted, to a pool of its own.

    Args:
        families: Each member's family.
        loss: What is minimised; methods that cannot are left out.
    """
    steps = {
        "family_average": Method(family_average(families)),
        "best_single": Method(best_single),
        **{name: METHODS[name] for name in ("regularized", "nelder_mead", "log_linear")},
    }
    return {name: method for name, method in steps.items() if method.accepts(loss)}


def choose(
    methods: Mapping[str, Method],
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    parts: Iterable[tuple[Index, Index]],
    *,
    score: Score | None = None,
    seed: int = 0,
) -> Choice:
    """Try the methods in order and return the one that was left.

    Args:
        methods: By name, simplest first.
        predictions: Held-out predictions `(members, rows, outputs)`.
        target: `(rows,)`.
        loss: What the methods minimise.
        parts: Pairs of positions: rows that fit, rows that are scored.
        score: What is compared, `(rows, outputs) -> float`, lower is better; the loss when left out.
        seed: Draws the resamples of the standard error.

    Raises:
        ValueError: There is no method.
    """
    if not methods:
        raise ValueError("there must be at least one method to choose from")
    score = score or (lambda rows, outputs: loss(target[rows], outputs))
    parts = list(parts)
    held: Choice | None = None
    steps: list[Step] = []
    for name, method in methods.items():
        fitted = cross_fit(method, predictions, target, loss, parts)
        value = score(fitted.rows, fitted.ensemble)
        if held is None:
            steps.append(Step(name, value, None, 0.0, 0.0, True))
        else:
            gain, error = paired_difference(fitted.rows, held.fitted.ensemble, fitted.ensemble, score, seed=seed)
            steps.append(Step(name, value, held.name, gain, error, gain > error))
        if steps[-1].taken:
            held = Choice(name, method, fitted, ())
    assert held is not None
    return Choice(held.name, held.method, held.fitted, tuple(steps))


def best_single(predictions: Predictions, target: NDArray[Any], loss: Loss) -> Weights:
    """Return all weight on the best member.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What decides which is best.
    """
    best: Weights = np.eye(len(predictions))[int(np.argmin([loss(target, member) for member in predictions]))]
    return best


def family_average(families: Sequence[str]) -> Callable[[Predictions, NDArray[Any], Loss], Weights]:
    """Return a solver that gives equal weights to the best member of each family.

    Args:
        families: Each member's family.
    """
    names = np.array(families)

    def solve(predictions: Predictions, target: NDArray[Any], loss: Loss) -> Weights:
        losses = np.array([loss(target, member) for member in predictions])
        weights = np.zeros(len(names))
        for family in dict.fromkeys(families):
            of = np.flatnonzero(names == family)
            weights[of[int(np.argmin(losses[of]))]] = 1.0
        return weights / weights.sum()

    return solve
