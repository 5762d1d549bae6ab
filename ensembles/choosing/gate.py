"""Choose a method: begin with one that hardly fits anything, and leave it only for a gain that is no accident.

The methods are tried in a given order, simplest first. Each is compared with the one held so far on rows that fitted
neither, and takes its place when it is better by more than one standard error of the paired difference.

What is held was chosen because it looked good, so on the rows that chose it it looks better than it is. In each part of
the rows it is therefore what the gate would hold had it seen the other parts only: for the next step, and in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.cross_fitting import (
    CrossFitted,
    ScoreOfRows,
    best_share,
    cross_fit,
    each_its_own,
    paired_difference,
)
from ensembles.combiners.combiner import Candidate, Features, Select
from ensembles.combiners.tempered import Calibrated
from ensembles.combiners.threshold import WithThreshold
from ensembles.losses import Loss, SampleWeight, Undefined
from ensembles.methods import METHODS, STACKS, Method, Solver
from ensembles.pools import Predictions, Weights
from spaces.rows.arrays import Index

_LEAST_GAIN = 1e-6
_MOST_SECONDS = 12.0  # for the stacked trees of one kind
# Of all their fits together: trees of one output, seconds for each, and for a number that it reads.
_TREES = {"stack_trees": 1_000, "stack_trees_on_rows": 1_500, "stack_forest_on_rows": 2_500}  # deep ones are more
_A_TREE, _A_NUMBER = 4e-4, 5e-9
_BINS = 3_000  # of a column, of all nodes of a tree: these are read, however few rows there are
_MOST_READ, _A_NUMBER_READ = 20_000_000, 1e-6  # of the linear stack, and the seconds of all its fits for each


@dataclass(frozen=True)
class Step:
    """One method that was tried.

    Attributes:
        method: Its name.
        cross_fitted: Its score on rows that did not fit it, lower is better.
        against: The method held so far; None for the first.
        gain: How much lower its score is than that of what was held, in each part chosen on the others.
        standard_error: Of the gain.
        taken: Whether it took that one's place.
        held: The method held before it in each part.
    """

    method: str
    cross_fitted: float
    against: str | None
    gain: float
    standard_error: float
    taken: bool
    held: tuple[str, ...] = ()

    @property
    def held_before(self) -> float:
        """The score of what was held before it, in each part chosen on the others."""
        return self.cross_fitted + self.gain


@dataclass(frozen=True)
class Chosen:
    """What was chosen, and why.

    Attributes:
        name: The name of the method.
        candidate: The method.
        fitted: Cross-fitted predictions: in each part of the method that is chosen on the other parts.
        steps: Every method that was tried, in order.
        held: In each part, the name of that method and its cross-fitted predictions.
    """

    name: str
    candidate: Candidate
    fitted: CrossFitted
    steps: tuple[Step, ...]
    held: tuple[tuple[str, CrossFitted], ...] = ()


def ladder(
    families: Sequence[str], loss: Loss, *, features: int = 0, rows: int = 0, outputs: int = 1
) -> dict[str, Candidate]:
    """Return the methods to try, in order: from one model of each family, equally weighted, to models on top of models.

    Args:
        families: Each member's family.
        loss: What is minimised; methods that cannot are left out.
        features: How many features of the rows there are, for methods that look at them.
        rows: How many rows there are; where they and the classes are so many that a stack would take longer than all
            other methods together, it is left out.
        outputs: How many numbers a member predicts of each.
    """
    seconds = seconds_of_stacks(rows, outputs, len(families), features=features)
    stacks = {name: stack for name, stack in STACKS.items() if name in seconds or not rows}
    steps: dict[str, Candidate] = {
        "family_average": Method(family_average(families), select=family_shares(families)),
        "best_single": Method(best_single, select=best_share),
        **{name: METHODS[name] for name in ("regularized", "nelder_mead", "log_linear")},
        **{name: stack for name, stack in stacks.items() if features or not stack.with_features},
    }
    return {name: candidate for name, candidate in steps.items() if candidate.accepts(loss)}


def seconds_of_stacks(rows: int, outputs: int, members: int, *, features: int = 0) -> dict[str, float]:
    """Return how long each stack takes on an idle core, about, with all its fits; those that take too long left out.

    Args:
        rows: How many rows there are.
        outputs: How many numbers a member predicts of each.
        members: How many members there are.
        features: How many features of a row the stacks read that look at them.
    """
    columns = outputs if outputs > 2 else 1  # of each member, and as many trees a round
    a_tree = columns * (_A_TREE + _A_NUMBER * rows * columns * members)
    of_features = columns * _A_NUMBER * (rows + _BINS) * features
    seconds = {name: trees * (a_tree + of_features * STACKS[name].with_features) for name, trees in _TREES.items()}
    seconds = {name: one for name, one in seconds.items() if one <= _MOST_SECONDS}
    read = rows * outputs**2 * members  # numbers, by a step of the linear stack's solver
    return seconds | ({"stack_linear": _A_NUMBER_READ * read} if read <= _MOST_READ else {})


def refinements(choice: Chosen, target: NDArray[Any], loss: Loss) -> dict[str, Candidate]:
    """Return what may be done with the method chosen: calibration for log loss, a threshold for metrics of labels.

    Args:
        choice: What was chosen.
        target: `(rows,)`, class indices or values.
        loss: What is minimised.
    """
    if loss.name == "log_loss":
        return {f"calibrated {choice.name}": Calibrated(choice.candidate)}
    if loss.of_labels and set(np.unique(target)) == {0, 1}:
        return {f"{choice.name} with a threshold": WithThreshold(choice.candidate)}
    return {}


def choose(
    candidates: Mapping[str, Candidate],
    predictions: Predictions,
    target: NDArray[Any],
    *,
    loss: Loss,
    parts: Iterable[tuple[Index, Index]],
    score: ScoreOfRows | None = None,
    held: Chosen | None = None,
    sample_weight: SampleWeight = None,
    features: Features = None,
    groups: NDArray[Any] | None = None,
    strata: NDArray[Any] | None = None,
    seed: int = 0,
) -> Chosen:
    """Try the methods in order, keep one only if it is better than the one held, and return the last one held.

    Args:
        candidates: By name, simplest first.
        predictions: Held-out predictions `(members, rows, outputs)`.
        target: `(rows,)`.
        loss: What the methods minimise.
        parts: Pairs of positions: rows that fit, rows that are scored.
        score: What is compared, `(rows, outputs) -> float`, lower is better; the loss when left out.
        held: An earlier choice, with which the first of these is compared.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        features: `(rows, columns)`, the rows themselves, for methods that look at them.
        groups: `(rows,)`, the group of each row, where rows belong together.
        strata: `(rows,)`, what each row is one of, such as its class, all of which a resample needs.
        seed: Draws the resamples of the standard error.

    Raises:
        ValueError: There is no method.
    """
    if not candidates and held is None:
        raise ValueError("there must be at least one method to choose from")
    parts = list(parts)
    each = {"sample_weight": sample_weight, "features": features}
    if score is None:
        score = _loss_of_rows(target, loss, sample_weight)
    differ = partial(paired_difference, score=score, groups=groups, strata=strata, seed=seed)
    for name, candidate in candidates.items():
        fitted = cross_fit(candidate, predictions, target, loss=loss, parts=parts, **each)
        value = score(fitted.rows, fitted.ensemble)
        if held is None:
            first = Step(name, value, None, 0.0, 0.0, True)
            held = Chosen(name, candidate, fitted, (first,), ((name, fitted),) * len(parts))
            continue
        gain, error = differ(fitted.rows, held.fitted.resampled, fitted.resampled)
        # Two methods that agree to the last digits have a standard error of next to nothing.
        taken = gain > max(error, _LEAST_GAIN * abs(value))
        step = Step(name, value, held.name, gain, error, taken, tuple(of for of, _ in held.held))
        errors = {
            one: error if of is held.fitted else differ(fitted.rows, of.resampled, fitted.resampled)[1]
            for one, of in dict(held.held).items()
        }
        inside = _held_in_parts(held, Chosen(name, candidate, fitted, ()), parts, score=score, errors=errors)
        name, candidate = (name, candidate) if taken else (held.name, held.candidate)
        spliced = each_its_own(parts, [of for _, of in inside])
        held = Chosen(name, candidate, spliced, (*held.steps, step), inside)
    assert held is not None
    return held


def _held_in_parts(
    held: Chosen, tried: Chosen, parts: list[tuple[Index, Index]], *, score: ScoreOfRows, errors: Mapping[str, float]
) -> tuple[tuple[str, CrossFitted], ...]:
    """Return what is held in each part after a method was tried, as the other parts decide."""
    rows, said = tried.fitted.rows, tried.fitted.ensemble
    tolerance = _LEAST_GAIN * abs(score(rows, said))

    def gain(of: CrossFitted, others: NDArray[np.bool_]) -> float:
        try:
            return score(rows[others], of.ensemble[others]) - score(rows[others], said[others])
        except Undefined:
            return 0.0

    inside = []
    for (name, of), (_, scored) in zip(held.held, parts, strict=True):
        others = ~np.isin(rows, scored)
        better = others.any() and gain(of, others) > max(errors[name], tolerance)
        inside.append((tried.name, tried.fitted) if better else (name, of))
    return tuple(inside)


def _loss_of_rows(target: NDArray[Any], loss: Loss, sample_weight: SampleWeight) -> ScoreOfRows:
    def score(rows: Index, outputs: NDArray[np.float64]) -> float:
        return loss(target[rows], outputs, None if sample_weight is None else sample_weight[rows])

    return score


def best_single(
    predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
) -> Weights:
    """Return all weight on the best member.

    Args:
        predictions: `(members, rows, outputs)`.
        target: `(rows,)`, class indices or values.
        loss: What decides which is best.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
    """
    return best_share(np.array([loss(target, member, sample_weight) for member in predictions]))


def family_average(families: Sequence[str]) -> Solver:
    """Return a solver that gives equal weights to the best member of each family.

    Args:
        families: Each member's family.
    """
    shares = family_shares(families)

    def solve(
        predictions: Predictions, target: NDArray[Any], loss: Loss, *, sample_weight: SampleWeight = None
    ) -> Weights:
        return shares(np.array([loss(target, member, sample_weight) for member in predictions]))

    return solve


def family_shares(families: Sequence[str]) -> Select:
    """Return what gives equal weights to the member of the lowest loss of each family.

    Args:
        families: Each member's family.
    """
    names = np.array(families)

    def select(losses: NDArray[np.float64]) -> Weights:
        weights = np.zeros(len(names))
        for family in dict.fromkeys(families):
            of = np.flatnonzero(names == family)
            weights[of[int(np.argmin(losses[of]))]] = 1.0
        return weights / weights.sum()

    return select
