"""Which trials end before their last fold, decided by records."""

import pytest

from tuner.search.early_end import as_told, is_beaten, stands_still
from tuner.search.ledger import Trial, Turn
from tuner.trials.outcome import Outcome


def trial(value, *inner, duplicate_of=None):
    outcome = Outcome("complete", value=value, inner_values=inner, duplicate_of=duplicate_of)
    return Trial("dense", 0, "complete", {}, outcome, Turn(0, ""))


THREE = [trial(0.5, 0.4, 0.6), trial(0.3, 0.2, 0.45), trial(0.9, 0.9, 0.95)]


# The best has .2 and .45 on inner rows, whose mean is .325: its worst fold is .125 behind.
@pytest.mark.parametrize(
    ("value", "folds", "beaten"), [(0.32, 1, False), (0.33, 1, True), (0.44, 2, False), (0.451, 2, True)]
)
def test_a_mean_is_held_against_the_same_folds_of_the_best_trial(value, folds, beaten):
    assert is_beaten(value, THREE, folds=folds, sign=1) is beaten


def test_a_first_fold_that_is_hard_for_all_ends_nothing():
    hard = [trial(0.3, 0.6, 0.1, 0.2), trial(0.5, 0.8, 0.3, 0.4), trial(0.6, 0.9, 0.4, 0.5)]
    assert not is_beaten(0.61, hard, folds=1, sign=1)  # worse than every fold of the best
    assert is_beaten(0.61, hard, folds=3, sign=1)


@pytest.mark.parametrize(("value", "beaten"), [(0.91, False), (0.89, True), (0.5, True)])
def test_greater_may_be_better(value, beaten):
    assert is_beaten(value, THREE, folds=2, sign=-1) is beaten


def test_nothing_is_ended_before_three_trials_are_complete_or_without_inner_rows():
    assert not is_beaten(9.0, THREE[:2], folds=2, sign=1)
    assert not is_beaten(9.0, [*THREE[:2], trial(0.1, 0.1, duplicate_of=1)], folds=2, sign=1)
    assert not is_beaten(9.0, [trial(0.5), trial(0.3), trial(0.9)], folds=2, sign=1)


def test_a_best_trial_that_watches_no_inner_rows_leaves_the_place_to_the_best_of_those_that_do():
    trials = [*THREE, trial(0.1)]
    assert is_beaten(0.46, trials, folds=2, sign=1)
    assert not is_beaten(0.44, trials, folds=2, sign=1)


@pytest.mark.parametrize(("value", "beaten"), [(0.95, True), (0.9, False), (0.8, False)])
def test_one_complete_trial_is_enough_to_end_what_is_worse_than_each_fold_of_the_baseline(value, beaten):
    baseline = Outcome("complete", value=0.8, fold_values=(0.7, 0.9))
    assert is_beaten(value, THREE[:1], folds=2, sign=1, baseline=baseline) is beaten
    mirrored = Outcome("complete", value=-0.8, fold_values=(-0.7, -0.9))
    assert is_beaten(-value, [trial(-0.5, -0.4, -0.6)], folds=2, sign=-1, baseline=mirrored) is beaten
    assert not is_beaten(value, [], folds=2, sign=1, baseline=baseline)  # a family's first trial is trained whole
    hard = [trial(0.8, 0.7, 0.99)]
    assert not is_beaten(value, hard, folds=2, sign=1, baseline=baseline)  # such inner rows are hard
    assert not is_beaten(value, THREE[:1], folds=2, sign=1, baseline=Outcome("failed"))


@pytest.mark.parametrize(
    ("value", "stopped", "state"),
    [
        (3.7, (1, None), "pruned"),
        (0.7, (1, None), "pruned"),
        (0.6, (1, None), "complete"),
        (3.7, (None, None), "complete"),
    ],
)
def test_a_stopped_trial_that_is_no_better_than_the_baseline_is_no_member(value, stopped, state):
    ended = Outcome("complete", value=value, fold_values=(value, value), stopped=stopped)
    found = as_told(ended, 0.7, sign=1)
    assert found.state == state
    assert found.value == (value if state == "complete" else None)
    mirrored = as_told(Outcome("complete", value=-value, stopped=stopped), -0.7, sign=-1)
    assert mirrored.state == state
    assert as_told(ended, None, sign=1) == ended


def test_standing_still_is_many_trials_without_a_gain_more_with_more_rows_and_families():
    still = [0.5, *[0.0] * 52]
    assert stands_still(still, rows=2_000, families=3) == 52
    assert not stands_still(still[:-1], rows=2_000, families=3)
    assert not stands_still(still, rows=3_000, families=3)
    assert not stands_still(still, rows=2_000, families=6)
    assert not stands_still([*still[:-1], 0.01], rows=2_000, families=3)
