"""Training stops when its time is over; where time is left, nothing changes."""

import time

import keras
import numpy as np
import pytest
import xgboost
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from spaces.engines.clock import Clock, NoTime
from spaces.engines.keras.compiling import callbacks
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.training import Trainer
from spaces.engines.within import fit_within
from spaces.engines.xgboost import _Watcher
from spaces.families.estimators.leave_one_out import LeaveOneOut
from tuner.trials.outcome import Job
from tuner.trials.pace import Pace, fold_seconds, too_long

HOUR = 3600.0


def network():
    keras.utils.set_random_seed(3)
    layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse", metrics=["mae"])
    return model


def rows(count=205):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 4)).astype("float32")
    return TrainingArrays(x, x.sum(axis=1, keepdims=True))


def trained(clock, epochs=3):
    model = network()
    history = Trainer(model).train(rows(), rows(40), epochs=epochs, batch_size=8, clock=clock)
    return history, model.get_weights()


def test_an_epoch_in_pieces_is_the_same_epoch():
    whole, pieces = trained(None), trained(Clock(time.monotonic() + HOUR))
    assert pieces[0].keys() == whole[0].keys()
    for name, values in whole[0].items():
        assert pieces[0][name] == pytest.approx(values, rel=1e-6)
    for one, other in zip(whole[1], pieces[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_network_whose_time_is_over_has_trained_a_piece_and_says_so():
    clock = Clock(0.0)
    history, weights = trained(clock, epochs=1000)
    assert clock.stopped == 1
    assert len(history["val_loss"]) == 1
    assert not np.array_equal(weights[0], network().get_weights()[0])


def test_a_forest_in_pieces_is_the_same_forest():
    x, y = rows()[:2]
    fit = lambda one: one.fit(x, y.ravel())  # noqa: E731
    whole = fit_within(RandomForestRegressor(30, random_state=1), Clock(), fit)
    pieces = fit_within(RandomForestRegressor(30, random_state=1), Clock(time.monotonic() + HOUR), fit)
    np.testing.assert_array_equal(pieces.predict(x), whole.predict(x))


@pytest.mark.parametrize("made", [LeaveOneOut("regression"), Ridge()], ids=lambda made: type(made).__name__)
def test_what_trains_in_one_go_does_so_under_a_clock(made):
    x, y = rows()[:2]
    fitted = fit_within(made, Clock(time.monotonic() + HOUR), lambda one: one.fit(x, y.ravel()))
    np.testing.assert_allclose(fitted.predict(x), y.ravel(), atol=0.1)


@pytest.mark.parametrize(("asked", "kept", "stopped"), [(30, 20, 20), (5, 5, None)])
def test_a_forest_whose_time_is_over_keeps_enough_trees(asked, kept, stopped):
    x, y = rows()[:2]
    clock = Clock(0.0)
    forest = fit_within(RandomForestRegressor(asked, random_state=1), clock, lambda one: one.fit(x, y.ravel()))
    assert (len(forest.estimators_), clock.stopped) == (kept, stopped)


def grown(made, clock):
    x, y = rows()[:2]
    target = (y.ravel() > 0).astype(int) if isinstance(made, LogisticRegression) else y.ravel()
    return fit_within(made, clock, lambda one: one.fit(x, target)), x


def test_histogram_boosting_with_time_is_that_of_one_call():
    made = lambda: HistGradientBoostingRegressor(max_iter=40, max_features=0.5, random_state=1)  # noqa: E731
    (whole, x), (timed, _) = grown(made(), Clock()), grown(made(), Clock(time.monotonic() + HOUR))
    np.testing.assert_array_equal(timed.predict(x), whole.predict(x))


def test_histogram_boosting_whose_time_is_over_keeps_ten_rounds():
    clock = Clock(0.0)
    assert grown(HistGradientBoostingRegressor(max_iter=40), clock)[0].n_iter_ == clock.stopped == 10


@pytest.mark.filterwarnings("ignore")  # the first piece has not converged
def test_logistic_regression_in_pieces_ends_at_a_penalised_loss_no_greater():
    def loss(clock):
        fitted, x = grown(LogisticRegression(max_iter=500), clock)
        true = (rows()[1].ravel() > 0).astype(int)
        chosen = fitted.predict_proba(x)[np.arange(len(x)), true]
        return -np.log(chosen).sum() + (fitted.coef_**2).sum() / 2

    assert loss(Clock(time.monotonic() + HOUR)) <= loss(Clock()) * (1 + 1e-6)


@pytest.mark.filterwarnings("ignore")  # it has not converged
def test_logistic_regression_whose_time_is_over_keeps_some_steps():
    clock = Clock(0.0)
    assert grown(LogisticRegression(C=1e4, max_iter=500), clock)[0].n_iter_ == clock.stopped == 5


@pytest.mark.parametrize(
    ("made", "steps"),
    [
        (RandomForestRegressor(30), lambda one: len(one.estimators_)),
        (HistGradientBoostingRegressor(max_iter=40), lambda one: one.n_iter_),
    ],
)
@pytest.mark.parametrize("until", [time.monotonic() + HOUR, float("inf")], ids=["an hour", "for ever"])
def test_a_training_that_was_stopped_is_repeated_with_as_many_steps(made, steps, until):
    assert steps(grown(clone(made), Clock(until, most=25))[0]) == 25


def rates(clock, epochs=8):
    schedule = callbacks({"schedule": {"cosine": {}}}, epochs, watched=False, clock=clock)
    seen = []
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(noted.model.optimizer.learning_rate) / 1e-3)
    )
    Trainer(network()).train(rows(), None, epochs=epochs, batch_size=8, callbacks=[*schedule, noted], clock=clock)
    return seen


def test_a_schedule_ends_with_the_last_epoch_or_with_those_of_the_training_that_is_repeated():
    halves = lambda epochs: [(1 + np.cos(np.pi * i / epochs)) / 2 for i in range(epochs)]  # noqa: E731
    assert rates(Clock()) == pytest.approx(halves(8))
    assert rates(Clock(most=4)) == pytest.approx(halves(4))
    assert rates(Clock(time.monotonic() + HOUR)) == pytest.approx(halves(8), abs=1e-3)


def test_a_schedule_ends_with_the_time():
    clock = Clock(time.monotonic() + HOUR)
    (schedule,) = callbacks({"schedule": {"cosine": {}}}, 8, watched=False, clock=clock)
    schedule.set_model(network())
    schedule.on_train_begin()
    clock.until = time.monotonic() + HOUR / 4
    schedule.on_epoch_begin(0)
    assert float(schedule.model.optimizer.learning_rate) == pytest.approx((1 + np.cos(0.75 * np.pi)) / 2e3, abs=1e-6)
    clock.until = 0.0
    schedule.on_epoch_begin(1)
    assert float(schedule.model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)


def test_a_network_is_repeated_with_as_many_epochs():
    clock = Clock(most=2)
    assert len(trained(clock, epochs=9)[0]["loss"]) == clock.stopped == 2


def test_boosting_whose_time_is_over_keeps_ten_rounds():
    matrix, clock = xgboost.DMatrix(*rows()[:2]), Clock(0.0)
    listener = _Watcher(lambda *_: None, clock, rounds=50, look=lambda booster, table: booster)
    booster = xgboost.train({}, matrix, 50, evals=[(matrix, "validation")], callbacks=[listener], verbose_eval=False)
    assert booster.num_boosted_rounds() == clock.stopped == 10


def test_trainings_that_follow_each_other_share_the_time_that_is_left():
    clock, first, second = Clock(time.monotonic() + HOUR), Clock(), Clock()
    clock.lend(first, parts=2)
    assert first.left == pytest.approx(HOUR / 2, abs=60)
    clock.lend(second, parts=1)
    assert second.left == pytest.approx(HOUR, abs=60)
    clock.note(None)
    assert clock.stopped is None
    clock.note(7)
    clock.note(4)
    assert clock.stopped == 7


@pytest.mark.parametrize(
    ("left", "folds", "overhead", "expected"),
    [(100.0, 5, 0.0, 20.0), (100.0, 4, 5.0, 20.0), (3.0, 1, 5.0, 0.0), (float("inf"), 3, 1.0, float("inf"))],
)
def test_each_fold_may_take_an_equal_share_of_what_is_left(left, folds, overhead, expected):
    assert fold_seconds(left, folds, overhead) == expected


def test_a_fold_that_takes_little_leaves_more_for_the_others():
    pace = Pace(Job("linear", 0, 1, {}, 0, "", seconds=3 * HOUR), 3)
    assert pace.clock.left == pytest.approx(HOUR, abs=60)
    pace.trained()
    pace.next_fold()
    assert pace.clock.left == pytest.approx(1.5 * HOUR, abs=60)
    pace.trained()
    pace.next_fold()
    assert pace.clock.left == pytest.approx(3 * HOUR, abs=60)
    assert pace.stopped == [None, None]


def test_each_fold_of_a_repeated_trial_stops_where_it_was_stopped():
    pace = Pace(Job("dense", 0, 1, {}, 0, "", stopped=(3, None, 5)), 3)
    most = [pace.clock.most]
    for _ in range(2):
        pace.trained()
        pace.next_fold()
        most.append(pace.clock.most)
    assert most == [3, None, 5]


def test_what_is_done_once_is_borne_by_all_trainings_that_share_the_time():
    clock = Clock()
    clock.set(HOUR, parts=4)
    clock.once(HOUR)
    assert clock.left == pytest.approx(1.75 * HOUR, abs=60)
    clock.set(HOUR)
    clock.once(HOUR)
    assert clock.left == pytest.approx(HOUR, abs=60)


def test_what_is_made_for_all_trials_takes_no_time_of_a_training():
    clock, part, heard = Clock(), Clock(), []
    clock.set(HOUR)
    clock.on_pause = heard.append
    clock.lend(part, parts=2)
    until = clock.until, part.until
    with part.standing_still():
        heard.append("made")
    assert heard == [True, "made", False]
    assert clock.paused > 0 < part.paused
    assert (clock.until, part.until) == (until[0] + clock.paused, until[1] + part.paused)


def test_what_was_given_up_and_what_ends_after_the_study_take_time_of_a_training():
    clock, heard = Clock(), []
    clock.set(HOUR)
    clock.on_pause, until = heard.append, clock.until
    with pytest.raises(NoTime), clock.standing_still():
        raise NoTime
    assert (heard, clock.until, clock.paused) == ([True, False], until, 0.0)
    clock.ends = until
    with clock.standing_still():
        pass
    assert clock.until == until


def test_folds_share_what_is_left_of_a_trial_whose_time_stood_still():
    pace = Pace(Job("dense", 0, 1, {}, 0, "", seconds=3 * HOUR, left=4 * HOUR), 3)
    hangs = pace.hangs
    pace.clock.paused = 2 * HOUR
    assert pace.hangs == hangs + 2 * HOUR
    pace.trained()
    pace.next_fold()
    assert pace.clock.left == pytest.approx(2 * HOUR, abs=60), "the study ends an hour later than the trial was to"


def test_a_trace_is_borne_by_all_folds():
    clock = Clock()
    clock.set(HOUR, parts=5)
    until = clock.until
    trained(clock)
    assert clock.until > until


@pytest.mark.parametrize(
    ("rest", "left", "study", "expected"),
    [
        (8.0, 10.0, 10.0, False),
        (8.0, 5.0, 20.0, False),  # late, but what it has done would be lost
        (8.0, 5.0, 10.0, True),
        (8.0, -1.0, -1.0, True),
        (8.0, 5.0, float("inf"), False),
    ],
)
def test_a_trial_is_given_up_where_its_folds_would_take_more_than_half_of_what_is_left(rest, left, study, expected):
    assert too_long(rest, left=left, study=study) is expected


@pytest.mark.parametrize(("given", "given_up"), [({}, True), ({"needed": True}, False)])
def test_a_trial_whose_study_is_over_ends_between_its_folds_unless_it_is_needed(given, given_up):
    pace = Pace(Job("linear", 0, 1, {}, 0, "", seconds=0.0, left=0.0, **given), 3)
    pace.trained()
    if given_up:
        with pytest.raises(NoTime, match="after 1 of 3 folds"):
            pace.next_fold()
    else:
        pace.next_fold()
        assert pace.clock.left <= 0
    late = Pace(Job("linear", 0, 1, {}, 0, "", seconds=0.0, left=0.0, **given), 1)
    late.trained()
    late.next_fold()  # all folds are done


def test_what_hangs_is_killed_later_than_it_stops_but_not_later_than_the_study_allows():
    assert Job("linear", 0, 1, {}, 0, "", seconds=100.0).patience == 150.0
    assert Job("linear", 0, 1, {}, 0, "", seconds=100.0, late=5.0).patience == 105.0
