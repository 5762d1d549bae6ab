"""Metrics of a ranking within groups, such as the documents of a query: of every group its own number.

A group counts where it has two rows at least and one of them is relevant: of the others any order is as good. Relevance
is zero or more; for MAP and MRR whatever is above zero is relevant. Rows of equal predictions have no order: NDCG takes
the mean over all of them and MAP counts them as one place, as scikit-learn does; for MRR the relevant row stands behind
the others.

Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Undefined

Values = NDArray[np.float64]
OfGroups = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Values]


class _Ranked(NamedTuple):
    """Groups with their rows in the order of the predictions; rows of equal predictions are one place.

    `gains` are `(groups,)`, each group's total; `of` is the group of each place, `size` and `found` how many rows and
    what gain stand there, `before` and `found_before` the same of all places before it in its group.
    """

    gains: NDArray[Any]
    of: NDArray[np.int64]
    size: Values
    found: Values
    before: Values
    found_before: Values


def ndcg(y_true: NDArray[Any], y_pred: NDArray[Any], group: NDArray[Any]) -> Values:
    """Return scikit-learn's `ndcg_score` of each group, `(groups,)`; NaN where a group does not count.

    Args:
        y_true: Relevance `(rows,)`, zero or more.
        y_pred: What rows are ranked by, `(rows,)`.
        group: The group of each row; results stand in sorted order of the groups.
    """
    places = places_of(group)
    ranked, ideal = _ranked(y_true, y_pred, places), _ranked(y_true, y_true, places)
    return _share(y_true, places, _discounted(ranked), below=_discounted(ideal))


def average_precision(y_true: NDArray[Any], y_pred: NDArray[Any], group: NDArray[Any]) -> Values:
    """Return scikit-learn's `average_precision_score` of each group, as `ndcg` does; MAP is their mean."""
    places = places_of(group)
    ranked = _ranked(y_true > 0, y_pred, places)
    precision = (ranked.found_before + ranked.found) / (ranked.before + ranked.size)
    total = np.bincount(ranked.of, ranked.found * precision, minlength=len(ranked.gains))
    return _share(y_true, places, total, below=ranked.gains)


def reciprocal_rank(y_true: NDArray[Any], y_pred: NDArray[Any], group: NDArray[Any]) -> Values:
    """Return one over the rank of the first relevant row of each group, as `ndcg` does; MRR is their mean."""
    places = places_of(group)
    ranked = _ranked(y_true > 0, y_pred, places)
    first = (ranked.found > 0) & (ranked.found_before == 0)
    rank = ranked.before + ranked.size - ranked.found + 1
    ranks = np.bincount(ranked.of[first], rank[first], minlength=len(ranked.gains))
    return _share(y_true, places, np.ones(len(ranks)), below=ranks)


def for_each(function: Callable[..., float]) -> OfGroups:
    """Return a function of one group as one of all groups; NaN where it raises `Undefined`."""

    def of_groups(y_true: NDArray[Any], y_pred: NDArray[Any], group: NDArray[Any]) -> Values:
        places = places_of(group)
        each = np.split(np.argsort(places, kind="stable"), np.cumsum(np.bincount(places))[:-1])
        return np.array([_of_one(function, y_true[rows], y_pred[rows]) for rows in each])

    return of_groups


def of_a_group(of_groups: OfGroups) -> Callable[..., float]:
    """Return the same of a single group, whose rows are all there are."""

    def function(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        (found,) = of_groups(y_true, y_pred, np.zeros(len(y_true)))
        if np.isnan(found):
            raise Undefined("the group has a single row, or no relevant one")
        return float(found)

    return function


def _of_one(function: Callable[..., float], y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    try:
        return function(y_true, y_pred)
    except Undefined:
        return float("nan")


def places_of(group: NDArray[Any]) -> NDArray[np.int64]:
    """Return groups as numbers from 0 on without gaps, in sorted order; small whole numbers need no sorting for it."""
    whole = group.astype(np.int64)
    if whole.min() < 0 or whole.max() > 4 * len(group) or (whole != group).any():
        return np.unique(group, return_inverse=True)[1].astype(np.int64)
    found: NDArray[np.int64] = (np.cumsum(np.bincount(whole) > 0) - 1)[whole]
    return found


def _ranked(gains: NDArray[Any], predictions: NDArray[Any], places: NDArray[np.int64]) -> _Ranked:
    order = np.lexsort((-predictions, places))
    of, ranked = places[order], predictions[order]
    new = np.append(True, (np.diff(of) > 0) | (np.diff(ranked) != 0))
    starts = np.flatnonzero(new)
    at = of[starts]
    size = np.diff(np.append(starts, len(of))).astype(np.float64)
    found = np.add.reduceat(gains[order].astype(np.float64), starts)
    first = np.append(True, np.diff(at) > 0)
    return _Ranked(np.bincount(at, found), at, size, found, _before(size, first), _before(found, first))


def _before(values: Values, first: NDArray[np.bool_]) -> Values:
    """Return the sum of the values before each within its group, whose first ones are marked."""
    total = np.cumsum(values) - values
    return total - total[np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))]


def _discounted(ranked: _Ranked) -> Values:
    """Return each group's discounted cumulative gain; equal rows share the discounts of their places."""
    most = int((ranked.before + ranked.size).max())
    discounts = np.append(0.0, np.cumsum(1 / np.log2(np.arange(most) + 2.0)))
    start = ranked.before.astype(np.int64)
    shared = discounts[start + ranked.size.astype(np.int64)] - discounts[start]
    found: Values = np.bincount(ranked.of, ranked.found / ranked.size * shared).astype(np.float64)
    return found


def _share(y_true: NDArray[Any], places: NDArray[np.int64], above: NDArray[Any], *, below: NDArray[Any]) -> Values:
    """Return a quotient of each group that counts, NaN of the others."""
    counted = (np.bincount(places) > 1) & (np.bincount(places, y_true) > 0)
    found: Values = np.divide(above, below, out=np.full(len(counted), np.nan), where=counted)
    return found
