"""Metrics by scikit-learn's function names, their direction handled once.

A `Score` is a metric bound to a task: it takes stored targets and predictions and returns the metric as its name
promises (accuracy grows, RMSE shrinks); `Score.loss` turns it so that lower is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.signature import ITSELF, Loss, TargetKind, column_of
from spaces.space import unknown_name

Needs = Literal["probability", "label", "value"]
CLASSES: tuple[TargetKind, ...] = ("binary", "multiclass")
VALUES: tuple[TargetKind, ...] = ("regression",)
SEVERAL: tuple[TargetKind, ...] = ("several",)


class Undefined(ValueError):
    """A metric that says nothing of some rows, as of rows among which a class does not occur."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
        name: What it is called in studies, tables and MLflow.
        function: `(y_true, y_pred) -> float`. `y_true` holds labels as the user gave them, or float values.
        greater_is_better: Whether a larger number is better.
        needs: What `y_pred` holds: `"value"` floats `(rows,)`; `"label"` predicted labels `(rows,)`;
            `"probability"` the second class's probability `(rows,)` of two classes, else `(rows, classes)` with
            columns in sorted label order.
        kinds: The kinds of target it fits; told from `needs` when left out. One that fits `"several"` is of labels
            that are there or not: it gets 0 and 1 `(rows, labels)`, and the probability of each label.
        loss: What models should minimise for it; told from the kind when left out.
        weighs_classes: Whether a row of a rare class counts for more, so that models may be trained with class weights.
        takes_codes: The function gets class indices in place of labels, and every column of the probabilities.

    >>> Metric("half", lambda y_true, y_pred: 0.5, greater_is_better=True, needs="label").kinds
    ('binary', 'multiclass')
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool
    needs: Needs
    kinds: tuple[TargetKind, ...] = ()
    loss: Loss | None = None
    weighs_classes: bool = False
    takes_codes: bool = False

    def __post_init__(self) -> None:
        if self.needs not in ("probability", "label", "value"):
            raise ValueError(f"Metric needs must be 'probability', 'label' or 'value', got {self.needs!r}")
        if not callable(self.function):
            raise ValueError(f"Metric {self.name!r}: function must be callable, got {self.function!r}")
        if not self.kinds:
            object.__setattr__(self, "kinds", VALUES if self.needs == "value" else CLASSES)


@dataclass(frozen=True)
class Part:
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
        metric: The metric; with parts only its name and direction count.
        kind: The target's kind.
        classes: Its labels.
        parts: What each of several targets adds, where the score is their sum; a metric of kind `"several"` has none.
    """

    metric: Metric
    kind: TargetKind
    classes: tuple[Any, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name

    @property
    def sign(self) -> int:
        """1 when lower is better, -1 when greater is."""
        return -1 if self.metric.greater_is_better else 1

    def __call__(self, target: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Return the metric.

        Args:
            target: float values or class indices `(rows,)`; `(rows, targets)` of several.
            predictions: `(rows, 1)` values or `(rows, classes)` probabilities; side by side of several targets.
        """
        if self.parts:
            return self._sum(target, predictions)
        return float(self.metric.function(self._truth(target), self._predicted(predictions)))

    def _sum(self, target: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Return the sum over the targets; one of which it is undefined is left out, and the others count for it."""
        scores, factors = [], []
        for part in self.parts:
            true = column_of(target, part.place, classes=bool(part.score.classes))
            try:
                scores.append(part.factor * part.score(true, predictions[:, part.columns]))
            except Undefined:
                continue
            factors.append(abs(part.factor))
        if not scores:
            raise Undefined(f"{self.name} is undefined: of every target a class does not occur in the held-out rows")
        return float(sum(scores) * sum(abs(part.factor) for part in self.parts) / sum(factors))

    def loss(self, target: NDArray[Any], predictions: NDArray[Any]) -> float:
        """Return the metric with its sign turned so that lower is better."""
        return self.sign * self(target, predictions)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that it is made of."""
        return [part.score.metric for part in self.parts] or [self.metric]

    def better(self, one: float, other: float) -> bool:
        """Return whether one value is better than another."""
        return self.sign * one < self.sign * other

    def _truth(self, target: NDArray[Any]) -> NDArray[Any]:
        if self.kind == "several":
            return target.astype(np.int64)
        return target if self.kind in (*VALUES, ITSELF) or self.metric.takes_codes else np.array(self.classes)[target]

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


def metric_named(metric: str | Metric) -> Metric:
    """Return the metric of that name, or the metric itself.

    Raises:
        ValueError: There is no such metric; the right names are listed.
    """
    if isinstance(metric, Metric):
        return metric
    if metric.startswith("neg_") and metric.removeprefix("neg_") in METRICS:
        raise ValueError(f"metric {metric!r}: leave out 'neg_', the direction is handled for you")
    if metric not in METRICS:
        raise ValueError(f"metric: {unknown_name(metric, list(METRICS))}")
    return METRICS[metric]


def scored(
    scores: Sequence[Score], target: NDArray[Any], outputs: NDArray[Any], decisions: NDArray[Any] | None = None
) -> dict[str, float]:
    """Return every score; one that only stands beside the first, and is undefined, is left out.

    Args:
        scores: The scores, the deciding one first.
        target: As in `Score`.
        outputs: What is predicted.
        decisions: The same for metrics of labels, where they are not the largest probability's.
    """
    found = {}
    for score in scores:
        given = decisions if decisions is not None and score.metric.needs == "label" else outputs
        try:
            found[score.name] = score(target, given)
        except Undefined:
            if score is scores[0]:
                raise
    return found


def own_metrics(scores: Sequence[Score]) -> list[Metric]:
    """Return the metrics of some scores that do not come with us."""
    used = {metric.name: metric for score in scores for metric in score.metrics}
    return [metric for metric in used.values() if METRICS.get(metric.name) is not metric]


def check_fits(metric: Metric, kind: TargetKind) -> None:
    """Refuse a metric that does not fit the kind of target."""
    if kind not in metric.kinds:
        fitting = [name for name, known in METRICS.items() if kind in known.kinds]
        what = "rows without a target" if kind == ITSELF else f"a {kind} target"
        raise ValueError(f"metric {metric.name!r} does not fit {what}; these do: {', '.join(fitting)}")


def loss_of(metric: Metric, kind: TargetKind) -> Loss:
    """Return what models should minimise for the metric."""
    return metric.loss or ("squared_error" if kind == "regression" else "log_loss")


def _sklearn(name: str, **fixed: Any) -> Callable[..., float]:
    """Return a scikit-learn metric function, imported when it is first called."""

    def function(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        import sklearn.metrics

        result: float = getattr(sklearn.metrics, name)(y_true, y_pred, **fixed)
        return result

    return function


def _ranking(name: str) -> Callable[..., float]:
    """Return a ranking metric: of the second class when there are two, averaged one-against-rest otherwise."""

    def function(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        import sklearn.metrics

        metric = getattr(sklearn.metrics, name)
        if len(np.unique(y_true)) < y_pred.shape[1]:
            raise Undefined(f"{name} is undefined: a class does not occur in the held-out rows")
        if y_pred.shape[1] == 2:
            return float(metric(y_true, y_pred[:, 1]))
        return float(np.mean([metric(y_true == k, y_pred[:, k]) for k in range(y_pred.shape[1])]))

    return function


def _log_loss(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(y_true, y_pred, labels=np.arange(y_pred.shape[1])))


def _brier(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(y_true, y_pred, labels=np.arange(y_pred.shape[1]), scale_by_half="auto"))


def _labels(name: str, **fixed: Any) -> Callable[..., float]:
    """Return a metric of predicted labels: the class of the largest probability."""
    metric = _sklearn(name, **fixed)
    return lambda y_true, y_pred: metric(y_true, y_pred.argmax(axis=1))


def _f1(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """Return scikit-learn's F1 of the second of two classes, or its macro average over the classes that occur.

    Weights and thresholds are searched with thousands of calls, and scikit-learn takes milliseconds to check each.
    """
    classes = y_pred.shape[1]
    pairs = np.bincount(y_true * classes + y_pred.argmax(axis=1), minlength=classes**2).reshape(classes, classes)
    either = pairs.sum(axis=0) + pairs.sum(axis=1)
    scores = 2 * np.diag(pairs) / np.maximum(either, 1)
    return float(scores[1] if classes == 2 else scores[either > 0].mean())


def _f1_of_labels(average: str) -> Callable[..., float]:
    """Return F1 over the labels that a row may have, each predicted where its probability is at least one half.

    Of classes, of which a row has exactly one, the class of the largest probability is predicted.
    """

    def function(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
        if y_true.ndim == 1:
            y_true, y_pred = (np.eye(y_pred.shape[1])[codes] for codes in (y_true, y_pred.argmax(axis=1)))
        said = y_pred >= 0.5
        axis = None if average == "micro" else 0
        both, either = (said & (y_true == 1)).sum(axis=axis), said.sum(axis=axis) + (y_true == 1).sum(axis=axis)
        scores, known = 2 * both / np.maximum(either, 1), either > 0
        return float(np.mean(scores, where=known)) if known.any() else 0.0

    return function


def _mean_average_precision(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """Return scikit-learn's average precision, its mean over the labels that occur."""
    from sklearn.metrics import average_precision_score

    occur = np.flatnonzero(y_true.any(axis=0))
    if not len(occur):
        raise Undefined("mean_average_precision is undefined: no label occurs in the held-out rows")
    return float(np.mean([average_precision_score(y_true[:, k], y_pred[:, k]) for k in occur]))


def _pearson(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """Return the correlation; 0 for constant predictions, which say nothing."""
    from scipy.stats import pearsonr

    return float(pearsonr(y_true, y_pred).statistic) if np.ptp(y_pred) and np.ptp(y_true) else 0.0


def _known(name: str, function: Callable[..., float], greater: bool, needs: Needs, **more: Any) -> Metric:
    return Metric(name, function, greater, needs, takes_codes=needs != "value", **more)


def _mean(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """Return the mean of what models without a target say of rows."""
    return float(np.mean(y_pred))


DEFAULT_METRICS: dict[TargetKind, str] = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
UNLABELLED = "reconstruction_error"
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _known("log_loss", _log_loss, False, "probability"),
        _known("perplexity", lambda y_true, y_pred: math.exp(_log_loss(y_true, y_pred)), False, "probability"),
        _known("brier_score", _brier, False, "probability"),
        _known("roc_auc", _ranking("roc_auc_score"), True, "probability"),
        _known("average_precision", _ranking("average_precision_score"), True, "probability"),
        _known("accuracy", _labels("accuracy_score"), True, "label"),
        _known("balanced_accuracy", _labels("balanced_accuracy_score"), True, "label", weighs_classes=True),
        _known("f1", _f1, True, "label", weighs_classes=True),
        _known("matthews_corrcoef", _labels("matthews_corrcoef"), True, "label", weighs_classes=True),
        _known("cohen_kappa", _labels("cohen_kappa_score"), True, "label", weighs_classes=True),
        _known("rmse", _sklearn("root_mean_squared_error"), False, "value"),
        _known("mse", _sklearn("mean_squared_error"), False, "value"),
        _known("mae", _sklearn("mean_absolute_error"), False, "value", loss="absolute_error"),
        _known("median_absolute_error", _sklearn("median_absolute_error"), False, "value", loss="absolute_error"),
        _known("mape", _sklearn("mean_absolute_percentage_error"), False, "value", loss="absolute_error"),
        _known("r2", _sklearn("r2_score"), True, "value"),
        _known("pearson", _pearson, True, "value"),
        _known(UNLABELLED, _mean, False, "value", loss="reconstruction", kinds=(ITSELF,)),
        _known("negative_elbo", _mean, False, "value", loss="elbo", kinds=(ITSELF,)),
        _known("two_sample", _mean, False, "value", loss="two_sample", kinds=(ITSELF,)),
        _known(
            "f1_macro", _f1_of_labels("macro"), True, "probability", kinds=(*CLASSES, *SEVERAL), weighs_classes=True
        ),
        _known("f1_micro", _f1_of_labels("micro"), True, "probability", kinds=(*CLASSES, *SEVERAL)),
        _known("mean_average_precision", _mean_average_precision, True, "probability", kinds=SEVERAL),
        _known(
            "label_ranking_average_precision",
            _sklearn("label_ranking_average_precision_score"),
            True,
            "probability",
            kinds=SEVERAL,
        ),
    )
}
ITSELF_METRICS = [name for name, metric in METRICS.items() if metric.kinds == (ITSELF,)]
