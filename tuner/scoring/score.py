"""Metrics by scikit-learn's function names, their direction handled once.

A `Score` is a metric bound to a task: it takes stored targets and predictions and returns the metric as its name
promises (accuracy grows, RMSE shrinks); `Score.loss` turns it so that lower is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Undefined
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, TargetKind, TrainingLoss, column_of
from tuner.scoring.ranking import OfGroups, for_each

Needs = Literal["probability", "label", "value"]
CLASSES: tuple[TargetKind, ...] = ("binary", "multiclass")
VALUES: tuple[TargetKind, ...] = ("regression",)
RANKED: tuple[TargetKind, ...] = ("regression", "binary")
SEVERAL: tuple[TargetKind, ...] = ("several",)
_LOSSES: dict[TargetKind, tuple[TrainingLoss, ...]] = {
    "regression": ("squared_error", "absolute_error"),
    **dict.fromkeys((*CLASSES, *SEVERAL), ("log_loss",)),
    ITSELF: ("reconstruction", "elbo", "two_sample"),
}


@dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
        name: What it is called in studies, tables and MLflow.
        function: `(y_true, y_pred) -> float`. `y_true` holds labels as the user gave them, or float values. Where it
            says nothing of some rows, whatever is predicted, it raises `tuner.Undefined`: a fold of such rows is left
            out of the mean. Where it raises anything else, or returns NaN, on a whole fold, the study is refused; of
            fewer rows it then says nothing. Where rows have weights it is called with `sample_weight=`, float64
            `(rows,)`.
        greater_is_better: Whether a larger number is better.
        needs: What `y_pred` holds: `"value"` floats `(rows,)`; `"label"` predicted labels `(rows,)`;
            `"probability"` the second class's probability `(rows,)` of two classes, else `(rows, classes)` with
            columns in sorted label order.
        kinds: The kinds of target it fits; told from `needs` when left out. One that fits `"several"` is of labels
            that are there or not: it gets 0 and 1 `(rows, labels)`, and the probability of each label.
        loss: What models should minimise for it; told from the kind when left out.
        weighs_classes: Whether a row of a rare class counts for more, so that models may be trained with class weights.
        takes_codes: The function gets class indices in place of labels, and every column of the probabilities.
        by_group: Rows are ranked within groups, such as the documents of a query (`Task(..., group="query")`). The
            function is called for each group, and the metric is the mean over the groups; one of which it says nothing
            is left out. `y_true` holds relevance, which is 1 for the second of two classes, and `y_pred` floats
            `(rows,)` to rank by; so it needs `"value"`, and fits numbers and two classes when `kinds` is left out.
        of_groups: The same for all groups at once, which is quicker: `(y_true, y_pred, group) -> (groups,)`, sorted by
            `group`, int64 `(rows,)`; NaN for a group of which it says nothing. Made of the function when left out.

    >>> Metric("half", lambda y_true, y_pred: 0.5, greater_is_better=True, needs="label").kinds
    ('binary', 'multiclass')
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool
    needs: Needs
    kinds: tuple[TargetKind, ...] = ()
    loss: TrainingLoss | None = None
    weighs_classes: bool = False
    takes_codes: bool = False
    by_group: bool = False
    of_groups: OfGroups | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"Metric name must be a text, got {self.name!r}")
        if not isinstance(self.greater_is_better, bool | np.bool_):  # a text such as "lower" would count as true
            raise ValueError(
                f"Metric {self.name!r}: greater_is_better must be True or False, got {self.greater_is_better!r}"
            )
        if self.needs not in ("probability", "label", "value"):
            raise ValueError(f"Metric needs must be 'probability', 'label' or 'value', got {self.needs!r}")
        if not callable(self.function):
            raise ValueError(f"Metric {self.name!r}: function must be callable, got {self.function!r}")
        if self.by_group and self.needs != "value":
            raise ValueError(f"Metric {self.name!r} is by group and so needs 'value', what rows are ranked by")
        if self.by_group and self.of_groups is None:
            object.__setattr__(self, "of_groups", for_each(self.function))
        if not self.kinds:
            usual = VALUES if self.needs == "value" else CLASSES
            object.__setattr__(self, "kinds", RANKED if self.by_group else usual)
        self._check_kinds()
        self._check_loss()

    def _check_kinds(self) -> None:
        kinds: Any = self.kinds
        if isinstance(kinds, str) or not all(kind in _LOSSES for kind in kinds):
            raise ValueError(
                f"Metric {self.name!r}: kinds must be some of {', '.join(map(repr, _LOSSES))}, such as ('binary',), "
                f"got {kinds!r}"
            )

    def _check_loss(self) -> None:
        for kind in self.kinds if self.loss is not None else ():
            if self.loss not in _LOSSES[kind]:
                raise ValueError(
                    f"Metric {self.name!r}: no model trains on {self.loss!r} where the target is {kind!r}: "
                    f"loss may be {' or '.join(map(repr, _LOSSES[kind]))}, or left out"
                )


class Unanswered(Undefined):
    """A metric's function raised, or returned NaN, in place of a number.

    Of a whole fold that is a fault, which is refused before the first trial. Of a part of one (rows that are watched, a
    resample) it says that the metric is undefined there, as scikit-learn's functions do where a class is missing.

    Args:
        name: The metric's name.
        cause: What the function raised; None where it returned NaN.
    """

    def __init__(self, name: str, cause: Exception | None = None) -> None:
        self.cause = cause
        what = "is nan" if cause is None else f"failed with {type(cause).__name__}: {cause}"
        super().__init__(f"{name} {what}")


@dataclass(frozen=True)
class TargetScore:
    """What one of several targets adds to a score.

    Attributes:
        score: The target's own.
        place: The target's column among the true values.
        columns: The target's columns among the predictions.
        factor: How much it counts; negative where a metric that grows adds to a score that shrinks.
    """

    score: Score
    place: int
    columns: slice
    factor: float


@dataclass(frozen=True)
class Score:
    """A metric bound to a target, or to several.

    Attributes:
        metric: The metric; of several targets only its name and direction count.
        kind: The target's kind.
        classes: Its labels.
        of_targets: What each of several targets adds to the sum; empty where the metric is of kind `"several"`.
    """

    metric: Metric
    kind: TargetKind
    classes: tuple[Any, ...] = ()
    of_targets: tuple[TargetScore, ...] = ()

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def sign(self) -> int:
        """1 when lower is better, -1 when greater is."""
        return -1 if self.metric.greater_is_better else 1

    def __call__(
        self,
        target: NDArray[Any],
        predictions: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        *,
        group: NDArray[Any] | None = None,
    ) -> float:
        """Return the metric.

        Args:
            target: float values or class indices `(rows,)`; `(rows, targets)` of several.
            predictions: `(rows, 1)` values or `(rows, classes)` probabilities; side by side of several targets.
            sample_weight: `(rows,)`, how much each row counts; all the same when left out.
            group: `(rows,)`, the group of each row, for metrics by group.

        Raises:
            Undefined: The metric says nothing of these rows.
        """
        if self.metric.by_group:
            return _mean_over_groups(self.name, self.of_groups(target, predictions, group))
        if self.of_targets:
            return self._sum(target, predictions, sample_weight)
        return self._answer(target, predictions, sample_weight)

    def _answer(
        self, target: NDArray[Any], predictions: NDArray[Any], sample_weight: NDArray[np.float64] | None
    ) -> float:
        """Return what the function says, which may change the arrays that it is given: they are copies."""
        truth, predicted = self._truth(target), self._predicted(predictions)
        weighed = {} if sample_weight is None else {"sample_weight": sample_weight.copy()}
        try:
            said: Any = self.metric.function(truth, predicted, **weighed)
            if isinstance(said, str | bytes):
                raise TypeError(f"it returned a text, {said!r}")
            found = float(said)
        except (Undefined, MemoryError):
            raise
        except Exception as error:  # whatever a function of the user's raises
            raise Unanswered(self.name, error) from error
        if math.isnan(found):
            raise Unanswered(self.name)
        return found

    def _sum(self, target: NDArray[Any], predictions: NDArray[Any], sample_weight: NDArray[np.float64] | None) -> float:
        """Return the sum over the targets. The others count for a target whose score is undefined."""
        scores, factors = [], []
        for part in self.of_targets:
            true = column_of(target, part.place, classes=bool(part.score.classes))
            try:
                scores.append(part.factor * part.score(true, predictions[:, part.columns], sample_weight))
            except Unanswered:
                raise
            except Undefined:
                continue
            factors.append(abs(part.factor))
        if not scores:
            raise Undefined(f"{self.name} is undefined: of every target a class does not occur in the held-out rows")
        return float(sum(scores) * sum(abs(part.factor) for part in self.of_targets) / sum(factors))

    def loss(
        self,
        target: NDArray[Any],
        predictions: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        *,
        group: NDArray[Any] | None = None,
    ) -> float:
        """Return the metric with its sign turned so that lower is better."""
        return self.sign * self(target, predictions, sample_weight, group=group)

    def of(self, rows: Rows, predictions: NDArray[Any]) -> float:
        """Return the metric of rows, with their weights and groups."""
        return self(rows.target, predictions, rows.weight, group=rows.group)

    def of_groups(
        self, target: NDArray[Any], predictions: NDArray[Any], group: NDArray[Any] | None
    ) -> NDArray[np.float64]:
        """Return a metric by group of each group, sorted by `group`, `(groups,)`; NaN where it says nothing of one."""
        if group is None or self.metric.of_groups is None:
            raise ValueError(f"metric {self.name!r} ranks rows within groups, and the rows have none")
        ranked_by = predictions[:, -1].astype(np.float64)  # the value, or the probability of the second of two classes
        if self.classes:
            ranked_by /= predictions.sum(axis=1)
        return self.metric.of_groups(target.astype(np.float64), ranked_by, group)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that it is made of."""
        return [part.score.metric for part in self.of_targets] or [self.metric]

    def better(self, one: float, other: float) -> bool:
        """Return whether one value is better than another."""
        return self.sign * one < self.sign * other

    def _truth(self, target: NDArray[Any]) -> NDArray[Any]:
        if self.kind == "several":
            return target.astype(np.int64)
        if self.metric.takes_codes:  # ours, which change nothing
            return target
        return target.copy() if self.kind in (*VALUES, ITSELF) else np.array(self.classes)[target]

    def _predicted(self, predictions: NDArray[Any]) -> NDArray[Any]:
        if self.kind == "several":  # of two classes each
            return predictions[:, 1::2].astype(np.float64)
        if self.metric.needs == "value":
            return predictions[:, 0].astype(np.float64)
        probabilities = predictions.astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        if self.metric.takes_codes:
            return probabilities
        if self.metric.needs == "label":
            return np.array(self.classes)[probabilities.argmax(axis=1)]
        return probabilities[:, 1] if self.kind == "binary" else probabilities


def scored_rows(
    scores: Sequence[Score], rows: Rows, outputs: NDArray[Any], *, decisions: NDArray[Any] | None = None
) -> dict[str, float]:
    """Return every score of some rows, with their weights and groups; see `scored`."""
    return scored(scores, rows.target, outputs, decisions=decisions, sample_weight=rows.weight, group=rows.group)


def _mean_over_groups(name: str, found: NDArray[np.float64]) -> float:
    known = found[~np.isnan(found)]
    if not len(known):
        raise Undefined(f"{name} is undefined: no group has two rows, one of them relevant")
    return float(known.mean())


def mean_scores(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the means of scores over the folds that have them."""
    names = dict.fromkeys(name for fold in folds for name in fold)
    return {name: float(np.mean([fold[name] for fold in folds if name in fold])) for name in names}


def scored(
    scores: Sequence[Score],
    target: NDArray[Any],
    outputs: NDArray[Any],
    *,
    decisions: NDArray[Any] | None = None,
    sample_weight: NDArray[np.float64] | None = None,
    group: NDArray[Any] | None = None,
) -> dict[str, float]:
    """Return every score but those that are undefined on these rows.

    Args:
        scores: The scores, the deciding one first.
        target: As in `Score`.
        outputs: What is predicted.
        decisions: The same for metrics of labels, where they are not the largest probability's.
        sample_weight: `(rows,)`, how much each row counts; all the same when left out.
        group: `(rows,)`, the group of each row, for metrics by group.
    """
    found = {}
    for score in scores:
        given = decisions if decisions is not None and score.metric.needs == "label" else outputs
        try:
            found[score.name] = score(target, given, sample_weight, group=group)
        except Undefined:
            continue
    return found
