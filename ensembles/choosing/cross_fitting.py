"""Honest scores: weights are judged on rows that did not fit them.

Within each part of the held-out rows, weights are fitted on the other parts, and so is the choice of the best single
member that the ensemble is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ensembles.combiners.combiner import Candidate, Features
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions

Index = NDArray[np.int64]


Score = Callable[[Index, NDArray[np.float64]], float]
_RESAMPLES = 200


@dataclass(frozen=True)
class CrossFitted:
    """Cross-fitted predictions.

    Attributes:
        rows: Positions of the rows that were scored, sorted.
        outputs: `(rows, outputs)`, blended with weights that did not see the row.
        ensemble: The same as decided, for metrics of labels; elsewhere as they are.
        single: `(rows, outputs)`, of the member that was best on the rows that fitted the weights.
    """

    rows: Index
    outputs: NDArray[np.float64]
    ensemble: NDArray[np.float64]
    single: NDArray[np.float64]


def cross_fit(
    candidate: Candidate,
    predictions: Predictions,
    target: NDArray[Any],
    loss: Loss,
    parts: Iterable[tuple[Index, Index]],
    *,
    sample_weight: SampleWeight = None,
    features: Features = None,
) -> CrossFitted:
    """Fit weights part by part, each scored on rows that did not fit them.

    Args:
        candidate: How members become one.
        predictions: Held-out predictions `(members, rows, outputs)`.
        target: `(rows,)`, or `(rows, outputs)`.
        loss: What the candidate minimises.
        parts: Pairs of positions: rows that fit, rows that are scored.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        features: `(rows, columns)`, the rows themselves, for candidates that look at them.
    """

    def of(values: NDArray[Any] | None, rows: Index) -> NDArray[Any] | None:
        return None if values is None else values[rows]

    rows, blended, decided, singles = [], [], [], []
    for fit, score in parts:
        counts = of(sample_weight, fit)
        combiner = candidate.fit(
            predictions[:, fit], target[fit], loss, sample_weight=counts, features=of(features, fit)
        )
        best = int(np.argmin([loss(target[fit], member[fit], counts) for member in predictions]))
        rows.append(score)
        blended.append(combiner(predictions[:, score], of(features, score)))
        decided.append(combiner.decide(blended[-1]))
        singles.append(np.asarray(predictions[best, score], dtype=np.float64))
    order = np.argsort(np.concatenate(rows), kind="stable")
    outputs, ensemble, single = (np.concatenate(parts)[order] for parts in (blended, decided, singles))
    return CrossFitted(np.concatenate(rows)[order], outputs, ensemble, single)


def paired_difference(
    rows: Index,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    score: Score,
    *,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Return how much larger the first predictions' score is than the second's, and its standard error.

    Args:
        rows: The rows that both predict.
        first: Predictions `(rows, outputs)`.
        second: Others of the same rows.
        score: `(rows, predictions) -> float`.
        groups: The group of every row there is, where rows belong together; groups are then drawn whole.
        seed: Draws the resamples, in which both keep the same rows.
    """

    def difference(at: Index) -> float:
        return score(rows[at], first[at]) - score(rows[at], second[at])

    if np.array_equal(first, second):
        return 0.0, 0.0
    of = None if groups is None else groups[rows]
    return difference(np.arange(len(rows))), standard_error(difference, len(rows), groups=of, seed=seed)


def standard_error(
    statistic: Callable[[Index], float], n_rows: int, *, groups: NDArray[Any] | None = None, seed: int = 0
) -> float:
    """Return the standard error of a statistic of rows, by the bootstrap over rows (Efron 1979) or groups of rows.

    Args:
        statistic: Takes positions of rows, some repeated, to a number.
        n_rows: The number of rows.
        groups: The group of each row, where rows belong together; a single group is taken apart.
        seed: Draws the resamples.
    """
    names, of = np.unique(np.zeros(n_rows) if groups is None else groups, return_inverse=True)
    pieces = np.split(np.argsort(of, kind="stable"), np.cumsum(np.bincount(of))[:-1]) if len(names) > 1 else []
    found = stats.bootstrap(
        (np.arange(len(pieces) or n_rows),),
        lambda drawn: statistic(np.concatenate([pieces[i] for i in drawn]) if pieces else drawn),
        vectorized=False,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(found.standard_error)
