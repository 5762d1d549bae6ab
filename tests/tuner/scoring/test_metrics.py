import warnings
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

import tuner
from ensembles.losses import Undefined
from tuner.scoring.metrics import METRICS, check_fits, metric_named
from tuner.scoring.score import Metric, Score

rng = np.random.default_rng(0)
BINARY = rng.integers(2, size=200)
MULTI = rng.integers(3, size=200)
VALUES = rng.normal(size=200) + 3
P2 = rng.dirichlet([1, 1], size=200)
P3 = rng.dirichlet([1, 1, 1], size=200)

EXPECTED = {
    "brier_score": lambda y, p: sklearn.metrics.brier_score_loss(
        y, p, labels=np.arange(p.shape[1]), scale_by_half="auto"
    ),
    "log_loss": lambda y, p: sklearn.metrics.log_loss(y, p),
    "roc_auc": lambda y, p: sklearn.metrics.roc_auc_score(
        y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr", average="macro"
    ),
    "accuracy": lambda y, p: sklearn.metrics.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sklearn.metrics.balanced_accuracy_score(y, p.argmax(1)),
    "f1": lambda y, p: sklearn.metrics.f1_score(y, p.argmax(1), average="binary" if p.shape[1] == 2 else "macro"),
    "matthews_corrcoef": lambda y, p: sklearn.metrics.matthews_corrcoef(y, p.argmax(1)),
}
VALUE_METRICS = {
    "mse": sklearn.metrics.mean_squared_error,
    "rmse": sklearn.metrics.root_mean_squared_error,
    "mae": sklearn.metrics.mean_absolute_error,
    "r2": sklearn.metrics.r2_score,
    "mape": sklearn.metrics.mean_absolute_percentage_error,
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize(("target", "predictions"), [(BINARY, P2), (MULTI, P3)], ids=["binary", "multiclass"])
def test_class_metrics_equal_scikit_learn(name, target, predictions):
    classes = tuple("abc"[: predictions.shape[1]])
    score = Score(METRICS[name], "binary" if len(classes) == 2 else "multiclass", classes)
    assert score(target, predictions) == pytest.approx(EXPECTED[name](target, predictions), abs=1e-12)


@pytest.mark.parametrize("name", VALUE_METRICS)
def test_value_metrics_equal_scikit_learn(name):
    predictions = VALUES[:, None] + 0.1
    assert Score(METRICS[name], "regression")(VALUES, predictions) == pytest.approx(
        VALUE_METRICS[name](VALUES, predictions[:, 0])
    )


def test_direction_is_handled_once():
    better, worse = np.array([[0.1, 0.9], [0.9, 0.1]]), np.array([[0.9, 0.1], [0.1, 0.9]])
    target = np.array([1, 0])
    for name in ("log_loss", "roc_auc", "accuracy"):
        score = Score(METRICS[name], "binary", ("a", "b"))
        assert score.loss(target, better) < score.loss(target, worse)
        assert score.better(score(target, better), score(target, worse))


def test_own_metric_sees_labels_as_the_user_gave_them():
    seen = {}

    def share_of_yes(y_true, y_pred):
        seen.update(true=set(y_true), predicted=set(y_pred))
        return float(np.mean(y_pred == "yes"))

    metric = tuner.Metric("share", share_of_yes, greater_is_better=True, needs="label")
    value = Score(metric, "binary", ("no", "yes"))(BINARY, P2)
    assert seen["true"] == seen["predicted"] == {"no", "yes"}
    assert value == pytest.approx(np.mean(P2[:, 1] > 0.5))


def test_own_probability_metric_gets_the_second_class():
    metric = tuner.Metric("mean", lambda y, p: float(p.mean()), greater_is_better=True, needs="probability")
    assert Score(metric, "binary", (0, 1))(BINARY, P2) == pytest.approx(P2[:, 1].mean())
    assert Score(metric, "multiclass", (0, 1, 2))(MULTI, P3) == pytest.approx(P3.mean())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rocauc", "did you mean 'roc_auc'"),
        ("neg_log_loss", "leave out 'neg_'"),
        ("nonsense", "log_loss, "),
        ("neg_root_mean_squared_error", "is called 'rmse' here"),
        ("f1_score", "is called 'f1' here"),
    ],
)
def test_unknown_names_are_mended(name, message):
    with pytest.raises(ValueError, match=message):
        metric_named(name)


@pytest.mark.parametrize(("name", "kind"), [("rmse", "binary"), ("accuracy", "regression"), ("f1", "regression")])
def test_metrics_that_do_not_fit_are_refused(name, kind):
    with pytest.raises(ValueError, match="does not fit"):
        check_fits(METRICS[name], kind)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("digits", [1, 12])
def test_ranking_metrics_are_scikit_learns_with_and_without_ties(name, digits):
    p = np.random.default_rng(1).random(200).round(digits)
    for weight in (None, np.random.default_rng(2).uniform(0.1, 9, 200)):
        expected = getattr(sklearn.metrics, f"{name}_score")(BINARY, p, sample_weight=weight)
        found = METRICS[name].function(BINARY, np.stack([1 - p, p], axis=1), sample_weight=weight)
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore:y_pred contains", "ignore:A single label")
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize("name", ["balanced_accuracy", "matthews_corrcoef"])
def test_classes_that_lack_among_truth_or_predictions_count_as_in_scikit_learn(name, weighed):
    codes = np.random.default_rng(3).integers(3, size=(2, 60))
    weight = np.random.default_rng(4).uniform(0.1, 9, 60) if weighed else None
    expected = getattr(sklearn.metrics, {"balanced_accuracy": "balanced_accuracy_score"}.get(name, name))
    for true, said in (
        (codes[0], codes[1]),
        (codes[0], codes[1] % 2),
        (codes[0] % 2, codes[1]),
        (codes[0], 0 * codes[0]),
    ):
        found = METRICS[name].function(true, np.eye(3)[said], sample_weight=weight)
        assert found == pytest.approx(expected(true, said, sample_weight=weight), abs=1e-12)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if "multiclass" in metric.kinds])
def test_a_resample_of_one_class_warns_nobody(name, recwarn):
    """Standard errors score hundreds of resamples, which may lack a class; what scikit-learn says of it is noise."""
    score = Score(METRICS[name], "multiclass", (0, 1, 2))
    for true, said in ((0 * MULTI, 0 * MULTI), (0 * MULTI, MULTI), (MULTI % 2, MULTI), (MULTI, 0 * MULTI)):
        with suppress(Undefined):
            score(true, np.eye(3)[said])
    assert [str(one.message) for one in recwarn] == []


@pytest.mark.filterwarnings("always")
def test_a_metric_of_ones_own_may_warn():
    def own(true, said):
        warnings.warn("few rows", stacklevel=2)
        return 0.5

    with pytest.warns(UserWarning, match="few rows"):
        Score(Metric("own", own, True, "label"), "binary", (0, 1))(BINARY, P2)


def test_a_probability_of_zero_counts_as_it_does_in_scikit_learn():
    target, sure = np.array([0, 1, 1]), np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    expected = sklearn.metrics.log_loss(target, sure)
    assert METRICS["log_loss"].function(target, sure) == pytest.approx(expected, rel=1e-12)
    assert expected > 12


@pytest.mark.parametrize(("loss", "needs"), [("huber", "value"), ("log_loss", "value"), ("absolute_error", "label")])
def test_a_loss_on_which_no_model_trains_is_refused(loss, needs):
    with pytest.raises(ValueError, match=f"no model trains on '{loss}'"):
        Metric("own", lambda true, predicted: 0.0, False, needs, loss=loss)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": 3}, "Metric name must be a text, got 3"),
        ({"name": " "}, "Metric name must be a text, got ' '"),
        ({"greater_is_better": "lower"}, "'own': greater_is_better must be True or False, got 'lower'"),
        ({"greater_is_better": None}, "'own': greater_is_better must be True or False, got None"),
        ({"kinds": "binary"}, r"'own': kinds must be some of .*'binary'.*, such as \('binary',\), got 'binary'"),
        ({"kinds": ("bin",)}, r"'own': kinds must be some of .*, got \('bin',\)"),
        ({"kinds": "binary", "loss": "log_loss"}, "'own': kinds must be some of"),
    ],
)
def test_a_metric_that_says_no_direction_or_kind_is_refused(given, message):
    usual = {"name": "own", "function": lambda true, predicted: 0.0, "greater_is_better": True, "needs": "label"}
    with pytest.raises(ValueError, match=message):
        Metric(**{**usual, **given})


def test_a_metric_of_ones_own_has_a_name_of_its_own():
    frame = pd.DataFrame({"a": np.arange(40.0), "y": np.arange(40) % 2})
    mine, other = (tuner.Metric(name, lambda y, p: 0.5, True, "label") for name in ("accuracy", "mine"))
    for given in ({"metric": mine}, {"metrics": [mine]}):
        with pytest.raises(ValueError, match="'accuracy' is the name of a metric that comes with us"):
            tuner.Task(frame, "y", **given)
    with pytest.raises(ValueError, match="two metrics are called 'mine'"):
        tuner.Task(frame, "y", metric=other, metrics=[tuner.Metric("mine", lambda y, p: 0.1, True, "label")])
    assert tuner.Task(frame, "y", metric=other, metrics=[other, "accuracy"]).score.metric is other


@pytest.mark.parametrize("weighed", [False, True])
def test_a_metric_of_ones_own_may_change_what_it_is_given(weighed):
    def greedy(y_true, y_pred, sample_weight=None):
        y_true -= y_true.mean()
        y_pred -= y_pred.mean()
        if sample_weight is not None:
            sample_weight /= sample_weight.sum()
        return float(np.average((y_true - y_pred) ** 2, weights=sample_weight))

    score = Score(tuner.Metric("greedy", greedy, False, "value"), "regression")
    target, weight = np.arange(9.0), np.arange(1.0, 10.0)
    given = (target.copy(), (target**2)[:, None], weight.copy() if weighed else None)
    first = score(*given)
    assert score(*given) == first
    assert given[0].tolist() == target.tolist()
    assert given[1][:, 0].tolist() == (target**2).tolist()
    if weighed:
        assert given[2].tolist() == weight.tolist()
