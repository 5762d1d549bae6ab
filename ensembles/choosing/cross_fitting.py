"""Honest scores: weights are judged on rows that did not fit them.

Within each part of the held-out rows, weights are fitted on the other parts, and so is the choice of the best single
member that the ensemble is compared with. For the standard error of a difference that choice is made anew in every
resample; weights are not fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.reselection import Reselected
from ensembles.combiners.combiner import Candidate, Features, Select
from ensembles.losses import Loss, SampleWeight, Undefined
from ensembles.pools import Predictions, Weights
from spaces.rows.arrays import Index

Said = NDArray[np.float64] | Callable[[Index], NDArray[np.float64]]
"""Predictions `(rows, outputs)`, or what returns them for a resample, given as positions of rows."""

ScoreOfRows = Callable[[Index, NDArray[np.float64]], float]
_RESAMPLES, _FEWEST_RESAMPLES = 200, 50
_ROWS_RESAMPLED = 600_000  # of all resamples together: where rows are many, each tells more and takes longer


@dataclass(frozen=True)
class CrossFitted:
    """Cross-fitted predictions.

    Attributes:
        rows: Positions of the rows that were scored, sorted.
        outputs: `(rows, outputs)`, blended with weights that did not see the row.
        ensemble: The same as decided, for metrics of labels; elsewhere as they are.
        single: `(rows, outputs)`, of the member that was best on the rows that fitted the weights.
        chosen: That member, one for each part.
        resampled: The same as `ensemble` for a resample, in which a method that only chooses members chooses anew.
        single_resampled: The same as `single` for a resample, in which the member is chosen anew.
    """

    rows: Index
    outputs: NDArray[np.float64]
    ensemble: NDArray[np.float64]
    single: NDArray[np.float64]
    chosen: tuple[int, ...]
    resampled: Said
    single_resampled: Said


def best_share(losses: NDArray[np.float64]) -> Weights:
    """Return all weight on the member of the lowest loss, `(members,)`."""
    best: Weights = np.eye(len(losses))[int(np.argmin(losses))]
    return best


def cross_fit(
    candidate: Candidate,
    predictions: Predictions,
    target: NDArray[Any],
    *,
    loss: Loss,
    parts: Iterable[tuple[Index, Index]],
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

    parts, chosen = list(parts), []
    rows, blended, decided, singles = [], [], [], []
    for fit, score in parts:
        counts = of(sample_weight, fit)
        combiner = candidate.fit(
            predictions[:, fit], target[fit], loss, sample_weight=counts, features=of(features, fit)
        )
        best = int(np.argmin([loss(target[fit], member[fit], counts) for member in predictions]))
        chosen.append(best)
        rows.append(score)
        blended.append(combiner(predictions[:, score], of(features, score)))
        decided.append(combiner.decide(blended[-1]))
        singles.append(np.asarray(predictions[best, score], dtype=np.float64))
    order = np.argsort(np.concatenate(rows), kind="stable")
    outputs, ensemble, single = (np.concatenate(of)[order] for of in (blended, decided, singles))
    scored = np.concatenate(rows)[order]

    def again(select: Select | None, said: NDArray[np.float64]) -> Said:
        if select is None or len(predictions) == 1:
            return said
        return Reselected(select, predictions, target, loss, parts, scored, sample_weight)

    found = again(candidate.select, ensemble)
    return CrossFitted(scored, outputs, ensemble, single, tuple(chosen), found, again(best_share, single))


def each_its_own(parts: Sequence[tuple[Index, Index]], fitted: Sequence[CrossFitted]) -> CrossFitted:
    """Return cross-fitted predictions that are taken, in each part, from those of its own.

    Args:
        parts: Pairs of positions: rows that fit, rows that are scored.
        fitted: Cross-fitted predictions of the same members and parts, for each part those to take.
    """
    first = fitted[0]
    if all(one is first for one in fitted):
        return first
    distinct = list({id(one): one for one in fitted}.values())
    places = [next(i for i, known in enumerate(distinct) if known is one) for one in fitted]
    of = np.zeros(len(first.rows), dtype=np.int64)
    for place, (_, scored) in zip(places, parts, strict=True):
        of[np.searchsorted(first.rows, scored)] = place

    def taken(each: Sequence[NDArray[np.float64]], at: Index) -> NDArray[np.float64]:
        found = each[0].copy()
        for place, said in enumerate(each[1:], 1):
            found[of[at] == place] = said[of[at] == place]
        return found

    everything = np.arange(len(first.rows))
    return replace(
        first,
        outputs=taken([one.outputs for one in distinct], everything),
        ensemble=taken([one.ensemble for one in distinct], everything),
        resampled=lambda at: taken([_of(one.resampled, at) for one in distinct], at),
    )


def paired_difference(
    rows: Index,
    first: Said,
    second: Said,
    *,
    score: ScoreOfRows,
    groups: NDArray[Any] | None = None,
    strata: NDArray[Any] | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Return how much larger the first predictions' score is than the second's, and its standard error.

    Args:
        rows: The rows that both predict.
        first: Predictions `(rows, outputs)`, or what returns them for a resample.
        second: Others of the same rows.
        score: `(rows, predictions) -> float`; raises `Undefined` where it says nothing of rows.
        groups: The group of every row there is, where rows belong together; groups are then drawn whole.
        strata: What every row there is is one of, such as its class, all of which a resample needs.
        seed: Draws the resamples, in which both keep the same rows.
    """

    def difference(at: Index) -> float:
        return score(rows[at], _of(first, at)) - score(rows[at], _of(second, at))

    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and np.array_equal(first, second):
        return 0.0, 0.0
    error = standard_error(
        difference,
        len(rows),
        groups=None if groups is None else groups[rows],
        strata=None if strata is None else strata[rows],
        seed=seed,
    )
    return difference(np.arange(len(rows))), error


def _of(said: Said, at: Index) -> NDArray[np.float64]:
    return said[at] if isinstance(said, np.ndarray) else said(at)


def standard_error(
    statistic: Callable[[Index], float],
    n_rows: int,
    *,
    groups: NDArray[Any] | None = None,
    strata: NDArray[Any] | None = None,
    seed: int = 0,
) -> float:
    """Return the standard error of a statistic of rows, by the bootstrap over rows (Efron 1979) or groups of rows.

    A resample of which the statistic says nothing is drawn again within strata, and left out if that does not help.

    Args:
        statistic: Takes positions of rows, some repeated, to a number; raises `Undefined` where it says nothing.
        n_rows: The number of rows.
        groups: The group of each row, where rows belong together; a single group is taken apart.
        strata: What each row is one of, such as its class.
        seed: Draws the resamples.

    Returns:
        The standard error; NaN where no two resamples of which the statistic says something differ, as of two groups
        that it needs both.
    """
    pieces = _pieces(n_rows, groups)
    kinds = _kinds(pieces, np.zeros(n_rows) if strata is None else strata)
    rng = np.random.default_rng(seed)
    draws: tuple[Callable[[], Index], ...] = (
        lambda: rng.integers(len(pieces), size=len(pieces)),
        lambda: np.concatenate([rng.choice(kind, len(kind)) for kind in kinds]),
    )
    found: list[float] = []
    different: set[bytes] = set()
    for _ in range(resamples(n_rows)):
        for draw in draws:
            drawn = draw()
            with suppress(Undefined):
                found.append(statistic(_rows_of(pieces, drawn)))
                different.add(np.bincount(drawn, minlength=len(pieces)).tobytes())
                break
    return float(np.std(found, ddof=1)) if len(different) > 1 else float("nan")


def error_said(error: float) -> str:
    """Return a standard error as people read it.

    >>> error_said(0.01234), error_said(float("nan"))
    ('0.012', 'unknown')
    """
    return "unknown" if np.isnan(error) else f"{error:.2g}"


def resamples(n_rows: int) -> int:
    """Return how many resamples tell a standard error: fewer where rows are many."""
    return max(_FEWEST_RESAMPLES, min(_RESAMPLES, _ROWS_RESAMPLED // max(1, n_rows)))


def _pieces(n_rows: int, groups: NDArray[Any] | None) -> Index | list[Index]:
    """Return what is drawn whole: rows, or the rows of each group."""
    names, of = np.unique(np.zeros(n_rows) if groups is None else groups, return_inverse=True)
    if len(names) == 1:
        return np.arange(n_rows)
    return np.split(np.argsort(of, kind="stable"), np.cumsum(np.bincount(of))[:-1])


def _rows_of(pieces: Index | list[Index], drawn: Index) -> Index:
    return drawn if isinstance(pieces, np.ndarray) else np.concatenate([pieces[i] for i in drawn])


def _kinds(pieces: Index | list[Index], strata: NDArray[Any]) -> list[Index]:
    """Return the pieces that hold rows of the same strata, for each kind of piece."""
    if isinstance(pieces, np.ndarray):
        return [np.flatnonzero(strata == one) for one in np.unique(strata)]
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for i, piece in enumerate(pieces):
        kinds.setdefault(tuple(np.unique(strata[piece])), []).append(i)
    return [np.array(kind) for kind in kinds.values()]
