"""The metrics by scikit-learn's function names, with scikit-learn's values.

The commonest are written out: weights are searched and standard errors drawn with thousands of calls, and scikit-learn
takes milliseconds to check each.

A metric's `loss` is what models train on; `score.py` says which fit a kind of target. These read it:
`spaces/engines/xgboost.py` (`_OBJECTIVES`), `spaces/layers/heads.py` (`loss_for`),
`spaces/families/estimators/builders.py`, `spaces/families/fits.py`, `spaces/families/unsupervised/usual.py`, and
`tuner/scoring/constant.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import SampleWeight, Undefined
from spaces.language.complaints import unknown_name
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, TargetKind, TrainingLoss
from tuner.scoring.ranking import OfGroups, average_precision, ndcg, of_a_group, reciprocal_rank
from tuner.scoring.score import CLASSES, SEVERAL, Metric, Needs, Score

_STEP = float(np.finfo(np.float64).eps)


def metric_named(metric: str | Metric) -> Metric:
    """Return the metric of that name, or the metric itself.

    Raises:
        ValueError: There is no such metric; the right names are listed. Or one of the user's own has the name of ours,
            by which studies know it.
        TypeError: It is neither a name nor a metric.
    """
    if isinstance(metric, Metric):
        if METRICS.get(metric.name, metric) != metric:
            raise ValueError(f"{metric.name!r} is the name of a metric that comes with us: call yours otherwise")
        return metric
    if not isinstance(metric, str):
        raise TypeError(
            f"metric must be a name or a tuner.Metric, got {metric!r}: a function of your own becomes one by "
            "tuner.Metric(name, function, ...)"
        )
    if metric.startswith("neg_") and metric.removeprefix("neg_") in METRICS:
        raise ValueError(f"metric {metric!r}: leave out 'neg_', the direction is handled for you")
    if (here := _CALLED_ELSEWHERE.get(metric.removeprefix("neg_"))) is not None:
        raise ValueError(f"metric {metric!r} is called {here!r} here")
    if metric not in METRICS:
        raise ValueError(f"metric: {unknown_name(metric, list(METRICS))}")
    return METRICS[metric]


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


def loss_of(metric: Metric, kind: TargetKind) -> TrainingLoss:
    """Return what models should minimise for the metric."""
    return metric.loss or ("squared_error" if kind == "regression" else "log_loss")


def check_ranks(scores: Sequence[Score], rows: Rows, of: str = "") -> None:
    """Refuse metrics by group where rows have no groups, or their values are no relevance.

    Args:
        scores: The scores.
        rows: The rows.
        of: What the rows are, as complaints begin.

    Raises:
        ValueError: It is so.
    """
    for score in scores:
        if any(metric.by_group for metric in score.metrics):
            if score.of_targets:
                raise ValueError(f"metric {score.name!r} ranks rows by one target, and the task has several")
            if rows.group is None:
                raise ValueError(
                    f"{of}metric {score.name!r} ranks rows within groups, such as the documents of a query: name the "
                    "column that says of which each row is, Task(..., group='query')"
                )
            if rows.target.min() < 0:
                raise ValueError(
                    f"{of}metric {score.name!r} needs relevance, zero or more, and the target goes down to "
                    f"{rows.target.min():g}"
                )


def check_weighable(scores: Sequence[Score]) -> None:
    """Refuse metrics that cannot count rows by weights.

    Raises:
        ValueError: The function of one takes no `sample_weight`.
    """
    for metric in (metric for score in scores for metric in score.metrics):
        if metric.by_group:
            raise ValueError(
                f"metric {metric.name!r} is a mean over groups, of which each counts alike: leave sample_weight out of "
                "the task, or choose a metric of rows"
            )
        taken = signature(metric.function).parameters
        if "sample_weight" not in taken and not any(one.kind is one.VAR_KEYWORD for one in taken.values()):
            raise ValueError(
                f"metric {metric.name!r} cannot count rows by their weights: give its function an argument "
                "sample_weight, as scikit-learn's have, or leave sample_weight out of the task"
            )


def _sklearn(name: str, **fixed: Any) -> Callable[..., float]:
    """Return a scikit-learn metric function, imported when it is first called."""

    def function(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        import sklearn.metrics

        result: float = getattr(sklearn.metrics, name)(y_true, y_pred, sample_weight=sample_weight, **fixed)
        return result

    return function


def _ranking(name: str, metric: Callable[..., float]) -> Callable[..., float]:
    """Return a ranking metric: of the second class when there are two, averaged one-against-rest otherwise."""

    def function(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        if len(np.unique(y_true)) < y_pred.shape[1]:
            raise Undefined(f"{name} is undefined: a class does not occur in the held-out rows")

        def of(k: int) -> float:
            return metric(y_true == k, y_pred[:, k], sample_weight)

        return of(1) if y_pred.shape[1] == 2 else float(np.mean([of(k) for k in range(y_pred.shape[1])]))

    return function


def _roc_auc(positive: NDArray[np.bool_], scores: NDArray[Any], sample_weight: SampleWeight) -> float:
    """Return scikit-learn's area under the ROC curve: how often a positive row ranks above a negative one."""
    each = np.ones(len(scores)) if sample_weight is None else sample_weight
    places, counts = np.unique(scores, return_inverse=True, return_counts=True)[1:]
    found, others = (np.bincount(places, each * of, minlength=len(counts)) for of in (positive, ~positive))
    below = np.cumsum(others) - others / 2  # equal scores are half below
    return float(found @ below / (found.sum() * others.sum()))


def _average_precision(positive: NDArray[np.bool_], scores: NDArray[Any], sample_weight: SampleWeight) -> float:
    """Return scikit-learn's average precision: the precision at each score, weighted by the recall gained there."""
    each = np.ones(len(scores)) if sample_weight is None else sample_weight
    places = np.unique(-scores, return_inverse=True)[1]
    found, both = np.bincount(places, each * positive), np.bincount(places, each)
    return float(np.sum(found * np.cumsum(found) / np.cumsum(both)) / found.sum())


def _log_loss(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's log loss, in which a probability of zero counts as the smallest step of a float."""
    predicted = np.take_along_axis(y_pred, y_true[:, None], axis=1)[:, 0]
    return float(-np.average(np.log(np.clip(predicted, _STEP, 1 - _STEP)), weights=sample_weight))


def _perplexity(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return math.exp(_log_loss(y_true, y_pred, sample_weight))


def _brier(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's Brier score, halved for two classes."""
    off = np.average(((y_pred - np.eye(y_pred.shape[1])[y_true]) ** 2).sum(axis=1), weights=sample_weight)
    return float(off / 2 if y_pred.shape[1] == 2 else off)


def _accuracy(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.average(y_true == y_pred.argmax(axis=1), weights=sample_weight))


def _mse(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.average((y_true - y_pred) ** 2, weights=sample_weight))


def _rmse(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return math.sqrt(_mse(y_true, y_pred, sample_weight))


def _mae(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    return float(np.average(np.abs(y_true - y_pred), weights=sample_weight))


def _confusion(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight) -> NDArray[np.float64]:
    """Return the weight of the rows of each class, `(classes, classes)`, by the class of the largest probability."""
    classes = y_pred.shape[1]
    both = y_true * classes + y_pred.argmax(axis=1)
    counts = np.bincount(both, weights=sample_weight, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.float64)


def _balanced_accuracy(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's balanced accuracy: the mean recall of the classes that occur."""
    pairs = _confusion(y_true, y_pred, sample_weight)
    of_class = pairs.sum(axis=1)
    return float((np.diag(pairs)[of_class > 0] / of_class[of_class > 0]).mean())


def _matthews(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's correlation of classes; 0 where truth or predictions are all of one class."""
    pairs = _confusion(y_true, y_pred, sample_weight)
    true, predicted, rows = pairs.sum(axis=1), pairs.sum(axis=0), pairs.sum()
    if (true > 0).sum() < 2 or (predicted > 0).sum() < 2:
        return 0.0
    together = np.trace(pairs) * rows - true @ predicted
    return float(together / math.sqrt((rows**2 - predicted @ predicted) * (rows**2 - true @ true)))


def _f1(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's F1 of the second of two classes, or its macro average over the classes that occur."""
    classes, pairs = y_pred.shape[1], _confusion(y_true, y_pred, sample_weight)
    either = pairs.sum(axis=0) + pairs.sum(axis=1)
    scores = np.divide(2 * np.diag(pairs), either, out=np.zeros(classes), where=either > 0)
    return float(scores[1] if classes == 2 else scores[either > 0].mean())


def _f1_of_labels(average: str) -> Callable[..., float]:
    """Return F1 over the labels that a row may have, each predicted where its probability is at least one half.

    Of classes, of which a row has exactly one, the class of the largest probability is predicted.
    """

    def function(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
        if y_true.ndim == 1:
            y_true, y_pred = (np.eye(y_pred.shape[1])[codes] for codes in (y_true, y_pred.argmax(axis=1)))
        count = np.ones((len(y_true), 1)) if sample_weight is None else sample_weight[:, None]
        predicted, true = y_pred >= 0.5, y_true == 1
        axis = None if average == "micro" else 0
        both = (count * (predicted & true)).sum(axis=axis)
        either = (count * predicted).sum(axis=axis) + (count * true).sum(axis=axis)
        known = np.asarray(either > 0)
        scores = np.divide(2 * both, either, out=np.zeros(known.shape), where=known)
        return float(np.mean(scores, where=known)) if known.any() else 0.0

    return function


def _mean_average_precision(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return scikit-learn's average precision, its mean over the labels that occur."""
    from sklearn.metrics import average_precision_score

    occur = np.flatnonzero(y_true.any(axis=0))
    if not len(occur):
        raise Undefined("mean_average_precision is undefined: no label occurs in the held-out rows")
    each = [average_precision_score(y_true[:, k], y_pred[:, k], sample_weight=sample_weight) for k in occur]
    return float(np.mean(each))


def _kappa(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return Cohen's kappa, agreement beyond chance; undefined where truth and predictions are all of one class."""
    from sklearn.metrics import cohen_kappa_score

    predicted = y_pred.argmax(axis=1)
    if len(np.union1d(y_true, predicted)) < 2:
        raise Undefined("cohen_kappa is undefined: a single class occurs, and is predicted")
    return float(cohen_kappa_score(y_true, predicted, sample_weight=sample_weight))


def _r2(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    from sklearn.metrics import r2_score

    if len(y_true) < 2:
        raise Undefined("r2 is undefined: it needs two rows")
    return float(r2_score(y_true, y_pred, sample_weight=sample_weight))


def _pearson(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return the correlation; 0 for constant predictions, which say nothing."""
    from scipy.stats import pearsonr

    if not (np.ptp(y_pred) and np.ptp(y_true)):
        return 0.0
    if sample_weight is None:
        return float(pearsonr(y_true, y_pred).statistic)
    covariance = np.cov(y_true, y_pred, aweights=sample_weight)
    return float(covariance[0, 1] / math.sqrt(covariance[0, 0] * covariance[1, 1]))


def _known(name: str, function: Callable[..., float], *, needs: Needs, greater: bool = False, **more: Any) -> Metric:
    return Metric(name, function, greater, needs, takes_codes=needs != "value", **more)


def _ranks(name: str, of_groups: OfGroups) -> Metric:
    return Metric(name, of_a_group(of_groups), True, "value", by_group=True, of_groups=of_groups)


def _mean(y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: SampleWeight = None) -> float:
    """Return the mean of what models without a target say of rows."""
    return float(np.average(y_pred, weights=sample_weight))


DEFAULT_METRICS: dict[TargetKind, str] = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}
UNLABELLED = "reconstruction_error"
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _known("log_loss", _log_loss, needs="probability"),
        _known("perplexity", _perplexity, needs="probability"),
        _known("brier_score", _brier, needs="probability"),
        _known("roc_auc", _ranking("roc_auc", _roc_auc), greater=True, needs="probability"),
        _known(
            "average_precision", _ranking("average_precision", _average_precision), greater=True, needs="probability"
        ),
        _known("accuracy", _accuracy, greater=True, needs="label"),
        _known("balanced_accuracy", _balanced_accuracy, greater=True, needs="label", weighs_classes=True),
        _known("f1", _f1, greater=True, needs="label", weighs_classes=True),
        _known("matthews_corrcoef", _matthews, greater=True, needs="label", weighs_classes=True),
        _known("cohen_kappa", _kappa, greater=True, needs="label", weighs_classes=True),
        _known("rmse", _rmse, needs="value"),
        _known("mse", _mse, needs="value"),
        _known("mae", _mae, needs="value", loss="absolute_error"),
        _known("median_absolute_error", _sklearn("median_absolute_error"), needs="value", loss="absolute_error"),
        _known("mape", _sklearn("mean_absolute_percentage_error"), needs="value", loss="absolute_error"),
        _known("r2", _r2, greater=True, needs="value"),
        _known("pearson", _pearson, greater=True, needs="value"),
        _ranks("ndcg", ndcg),
        _ranks("map", average_precision),
        _ranks("mrr", reciprocal_rank),
        _known(UNLABELLED, _mean, needs="value", loss="reconstruction", kinds=(ITSELF,)),
        _known("negative_elbo", _mean, needs="value", loss="elbo", kinds=(ITSELF,)),
        _known("two_sample", _mean, needs="value", loss="two_sample", kinds=(ITSELF,)),
        _known(
            "f1_macro",
            _f1_of_labels("macro"),
            greater=True,
            needs="probability",
            kinds=(*CLASSES, *SEVERAL),
            weighs_classes=True,
        ),
        _known("f1_micro", _f1_of_labels("micro"), greater=True, needs="probability", kinds=(*CLASSES, *SEVERAL)),
        _known("mean_average_precision", _mean_average_precision, greater=True, needs="probability", kinds=SEVERAL),
        _known(
            "label_ranking_average_precision",
            _sklearn("label_ranking_average_precision_score"),
            greater=True,
            needs="probability",
            kinds=SEVERAL,
        ),
    )
}

_CALLED_ELSEWHERE = {
    "root_mean_squared_error": "rmse",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "r2_score": "r2",
    "f1_score": "f1",
    **dict.fromkeys(("auc", "roc_auc_score", "roc_auc_ovr", "roc_auc_ovo"), "roc_auc"),
    **dict.fromkeys(("cross_entropy", "binary_crossentropy", "categorical_crossentropy", "nll"), "log_loss"),
}
"""What scikit-learn, Keras and others call some of them."""

ITSELF_METRICS = [name for name, metric in METRICS.items() if metric.kinds == (ITSELF,)]
