"""scikit-learn's estimators, trained for as long as a clock allows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from spaces.engines.clock import Clock

_FEWEST_TREES = 20
_PROBED_ROUNDS = 10
_FIRST_STEPS = 5
_SPARED = 0.8  # of the time that is left, as later rounds are no quicker than the first ones

Fit = Callable[[Any], Any]


def fit_within(made: Any, clock: Clock, fit: Fit) -> Any:
    """Train an estimator, and return it; what cannot be left in between is trained to its end.

    Args:
        made: The estimator. Forests grow tree by tree, histogram boosting is told how many rounds there is time for,
            logistic regression goes on from where it was.
        clock: When to stop, or after how many trees, rounds or steps.
        fit: Trains it on the rows of a fold.
    """
    if not hasattr(made, "warm_start"):
        return fit(made)
    if hasattr(made, "n_estimators"):
        return _grown(made, clock, fit, total=_at_most(made.n_estimators, clock))
    if hasattr(made, "max_leaf_nodes"):
        return _boosted(made, clock, fit, total=_at_most(made.max_iter, clock))
    if hasattr(made, "max_iter"):
        return _descended(made, clock, fit, total=_at_most(made.max_iter, clock))
    return fit(made)


def _at_most(steps: int, clock: Clock) -> int:
    return steps if clock.most is None else min(steps, clock.most)


def _grown(made: Any, clock: Clock, fit: Fit, *, total: int) -> Any:
    """Train a forest, where time is limited in pieces of about a second, until it is over.

    A forest has at least 20 trees, or all where fewer are asked for: fewer make probabilities of 0 and 1.
    The trees are those of one call, as scikit-learn draws the seeds of earlier trees again.
    """
    if math.isinf(clock.left):
        return fit(made.set_params(n_estimators=total))
    trees, piece = 0, 1
    made.set_params(warm_start=True)
    while trees < total and not clock.over(trees, least=_FEWEST_TREES):
        goal = total if clock.left > 0 else min(_FEWEST_TREES, total)
        began, grown = time.monotonic(), max(1, min(piece, goal - trees))
        trees += grown
        fit(made.set_params(n_estimators=trees))
        piece = max(1, int(grown / max(time.monotonic() - began, 1e-3)))
    return made.set_params(warm_start=False)


def _boosted(made: Any, clock: Clock, fit: Fit, *, total: int) -> Any:
    """Train boosted trees for as many rounds as ten rounds, which are thrown away, say that there is time for.

    Rounds that go on from earlier ones would draw the same columns once more (scikit-learn 1.9).
    """
    if math.isinf(clock.left) or total <= _PROBED_ROUNDS:
        return fit(made.set_params(max_iter=total))
    began = time.monotonic()
    fit(made.set_params(max_iter=_PROBED_ROUNDS))
    each = max(time.monotonic() - began, 1e-6) / _PROBED_ROUNDS
    rounds = min(total, int(_SPARED * clock.left / each))
    if rounds < total:
        clock.note(max(rounds, _PROBED_ROUNDS))
    return fit(made.set_params(max_iter=rounds)) if rounds > _PROBED_ROUNDS else made


def _descended(made: Any, clock: Clock, fit: Fit, *, total: int) -> Any:
    """Train a logistic regression, where time is limited in pieces of about a second, each from the last one's end."""
    if math.isinf(clock.left):
        return fit(made.set_params(max_iter=total))
    steps, piece, converged = 0, _FIRST_STEPS, False
    made.set_params(warm_start=True)
    while steps < total and not converged and not clock.over(steps):
        began, more = time.monotonic(), min(piece, total - steps)
        fit(made.set_params(max_iter=more))
        steps, converged = steps + more, max(made.n_iter_) < more
        piece = max(_FIRST_STEPS, int(more / max(time.monotonic() - began, 1e-3)))
    return made.set_params(warm_start=False, max_iter=total)
