"""Metrics that the user asked for are drawn while a fold trains, on the right rows, and within their time."""

import math

import numpy as np
import pytest
from small import make_frame

import tuner
from spaces import FAMILIES, defaults, narrow
from spaces.engines.curves import Curve
from spaces.engines.folds import ENDLESS
from spaces.rows.table import Rows, Table
from tuner.task.folds import make_folds
from tuner.trials.metric_curves import SHARE, MetricCurves
from tuner.trials.outcome import Job
from tuner.trials.trial import run_trial

LOSS = {Curve("loss"): 1.0, Curve("loss", "validation"): 1.0}


def rows(target):
    none = np.empty((len(target), 0))
    return Rows(Table(none, none.astype(np.int32)), np.asarray(target))


def curves_of(metric="accuracy", **more):
    task = tuner.Task(make_frame(60), "label", metric="log_loss", metrics=[metric])
    return MetricCurves(task.scores, rows([0, 1, 1, 1]), rows([0, 0, 1]))


def says_yes(table=None):
    return np.tile([0.25, 0.75], (3 if table is None else len(table.numbers), 1))


def test_each_metric_is_computed_on_training_and_on_inner_rows():
    found = curves_of().look(0, 10, LOSS, predict=says_yes)
    assert found[Curve("accuracy")] == 0.75
    assert found[Curve("accuracy", "validation")] == pytest.approx(1 / 3)
    assert found[Curve("log_loss")] == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)


def test_what_the_library_draws_is_not_drawn_twice_and_rows_that_train_are_not_called_watched():
    known = {Curve("log_loss", "validation"): 1.0}
    assert {curve.name for curve in curves_of().look(0, 10, known, predict=says_yes)} == {"accuracy"}
    assert {curve.part for curve in curves_of().look(0, ENDLESS, LOSS, predict=says_yes)} == {"train"}
    assert curves_of().look(0, 10, {Curve("rmse", "train", "price"): 1.0}, predict=says_yes) == {}


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_metrics_take_a_twentieth_of_the_time_and_epochs_between_are_left_out():
    clock = Clock()
    task = tuner.Task(make_frame(60), "label", metrics=["accuracy"])
    its = MetricCurves(task.scores, rows([0, 1]), rows([0, 1, 1]), clock=clock)

    def slow(table=None):
        clock.now += 1.0
        return says_yes(table)

    looked = []
    for step in range(100):
        clock.now += 4.0
        if its.look(step, 100, LOSS, predict=slow):
            looked.append(step)
        assert len(looked) <= 2 or 2.0 * (len(looked) - 1) <= SHARE * clock.now
    assert (looked[:2], len(looked)) == ([0, 1], 11)
    values = its.curves[Curve("accuracy")]
    assert [step for step, value in enumerate(values) if not math.isnan(value)] == looked


def test_a_first_look_that_is_traced_leaves_time_for_others():
    clock = Clock()
    its = MetricCurves(tuner.Task(make_frame(60), "label").scores, rows([0, 1]), rows([0, 1, 1]), clock=clock)
    looked = []
    for step in range(24):
        clock.now += 0.05

        def predict(table=None, first=step == 0):
            clock.now += 1.0 if first else 0.005
            return says_yes(table)

        looked += [step] if its.look(step, 24, LOSS, predict=predict) else []
    assert looked[:2] == [0, 1]
    assert len(looked) > 4


def test_a_metric_that_raises_before_the_model_has_learned_stops_nothing():
    def broken(y_true, y_pred):
        raise ZeroDivisionError

    its = curves_of(tuner.Metric("mine", broken, greater_is_better=True, needs="label"))
    assert {curve.name for curve in its.look(0, 10, LOSS, predict=says_yes)} == {"log_loss"}


@pytest.mark.parametrize(("name", "changes"), [("dense", {"epochs": 3}), ("xgboost", {"n_estimators": 20})])
def test_a_trial_keeps_them_beside_the_loss_and_trains_as_without_them(name, changes, tmp_path):
    values = []
    for metrics in ([], ["roc_auc", "accuracy"]):
        task = tuner.Task(make_frame(), "label", metrics=metrics, split={"folds": 2})
        config = defaults(narrow(FAMILIES[name].space(task.signature), changes))
        job = Job(name, 0, 1, config, 7, str(tmp_path / str(len(metrics))))
        logged = []
        outcome = run_trial(
            job,
            task,
            make_folds(task),
            family=FAMILIES[name],
            report=lambda *_: False,
            log=lambda fold, step, shown, seen=logged: seen.append(shown),
        )
        values.append(outcome.fold_values)
    assert values[0] == values[1]
    assert {"val_roc_auc", "roc_auc", "val_accuracy", "accuracy"} <= logged[0].keys()
