"""Honest scores: rows that are scored fit nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from problems import problem

from ensembles import LOSSES, METHODS, STACKS, Loss, blend
from ensembles.choosing.cross_fitting import cross_fit, paired_difference, standard_error
from ensembles.combiners.tempered import tempered
from ensembles.losses import Undefined
from ensembles.methods import Method

RMSE = LOSSES["rmse"]
Parts = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def cut(n_rows: int, n_parts: int, seed: int = 0) -> Parts:
    pieces = np.array_split(np.random.default_rng(seed).permutation(n_rows), n_parts)
    return [(np.concatenate(pieces[:i] + pieces[i + 1 :]), piece) for i, piece in enumerate(pieces)]


def noisy(members: int, rows: int, *, seed: int = 0, spread: float = 1.0) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    return (target + spread * rng.normal(size=(members, rows)))[:, :, None], target


@given(st.integers(4, 30), st.integers(2, 4), st.integers(0, 99))
@settings(max_examples=30)
def test_scored_rows_never_fit(n_rows, n_parts, seed):
    """Targets are row numbers, so a solver can write down which rows it was shown."""
    target = np.arange(n_rows, dtype=np.float64)
    predictions = (target + 1000 * np.arange(3)[:, None])[:, :, None]
    parts, shown = cut(n_rows, n_parts, seed), []

    def solver(fit: NDArray[Any], fit_target: NDArray[Any], loss: Loss, **_: None) -> NDArray[np.float64]:
        np.testing.assert_array_equal(fit[1, :, 0], fit_target + 1000)
        shown.append(fit_target.astype(int).tolist())
        return np.array([0.5, 0.5, 0.0])

    result = cross_fit(Method(solver), predictions, target, loss=RMSE, parts=parts)
    assert shown == [fit.tolist() for fit, _ in parts]
    for fit, (_, score) in zip(shown, parts, strict=True):
        assert not set(fit) & set(score.tolist())
    np.testing.assert_array_equal(result.rows, np.arange(n_rows))
    np.testing.assert_array_equal(result.ensemble[:, 0], target + 500)
    np.testing.assert_array_equal(result.single[:, 0], target)


def test_the_single_best_member_is_chosen_without_the_scored_rows_too():
    """The first member is perfect on the first half and useless on the second; the other is the reverse."""
    target = np.arange(20.0)
    predictions = np.stack([target, target])[:, :, None].copy()
    predictions[0, 10:] += 100
    predictions[1, :10] += 100
    halves = [(np.arange(10, 20), np.arange(10)), (np.arange(10), np.arange(10, 20))]
    result = cross_fit(METHODS["greedy"], predictions, target, loss=RMSE, parts=halves)
    np.testing.assert_array_equal(result.single[:, 0], target + 100)
    np.testing.assert_array_equal(result.ensemble[:, 0], target + 100)


def test_rows_that_no_part_scores_are_left_out():
    """In time order, the first rows only fit."""
    predictions, target = noisy(2, 12)
    parts = [(np.arange(4), np.arange(4, 8)), (np.arange(8), np.arange(8, 12))]
    result = cross_fit(METHODS["greedy"], predictions, target, loss=RMSE, parts=parts)
    np.testing.assert_array_equal(result.rows, np.arange(4, 12))
    assert result.ensemble.shape == result.single.shape == (8, 1)


@pytest.mark.parametrize("method", ["uniform", "greedy", "random_search", "nelder_mead", "convex"])
@pytest.mark.parametrize("seed", range(3))
def test_among_members_of_pure_noise_the_honest_score_is_no_better(method, seed):
    """Weights fitted to noise look good on the rows that fitted them, and only there."""
    rng = np.random.default_rng(seed)
    predictions, target = rng.normal(size=(8, 60, 1)), rng.normal(size=60)
    in_sample = RMSE(target, blend(predictions, METHODS[method](predictions, target, RMSE)))
    result = cross_fit(METHODS[method], predictions, target, loss=RMSE, parts=cut(60, 5, seed))
    honest = RMSE(target[result.rows], result.ensemble)
    if method == "uniform":
        assert honest == pytest.approx(in_sample)  # nothing is fitted
    else:
        assert honest > in_sample


def test_with_many_rows_the_honest_score_is_that_of_fresh_rows():
    predictions, target = noisy(4, 6000, seed=1)
    known, fresh = slice(0, 3000), slice(3000, 6000)
    result = cross_fit(METHODS["greedy"], predictions[:, known], target[known], loss=RMSE, parts=cut(3000, 5))
    weights = METHODS["greedy"](predictions[:, known], target[known], RMSE)
    expected = RMSE(target[fresh], blend(predictions[:, fresh], weights))
    assert RMSE(target[known], result.ensemble) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("n_rows", [50, 400])
def test_the_standard_error_of_a_mean_is_the_analytic_one(n_rows):
    values = np.random.default_rng(1).normal(3, 2, size=n_rows)
    found = standard_error(lambda rows: float(values[rows].mean()), n_rows, seed=1)
    assert found == pytest.approx(values.std(ddof=1) / np.sqrt(n_rows), rel=0.15)


def test_the_standard_error_is_the_same_for_the_same_seed():
    values = np.random.default_rng(0).normal(size=30)
    first, again, other = (standard_error(lambda rows: float(values[rows].mean()), 30, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_groups_are_drawn_whole():
    """Forty rows that are ten of each, four times: they know no more than the ten do."""
    ten = np.random.default_rng(0).normal(size=10)
    values, groups = np.repeat(ten, 4), np.repeat(np.arange(10), 4)

    def mean(rows):
        return float(values[rows].mean())

    whole = standard_error(mean, 40, groups=groups)
    alone = standard_error(lambda rows: float(ten[rows].mean()), 10)
    assert whole == pytest.approx(alone)
    assert whole > 1.5 * standard_error(mean, 40)
    assert standard_error(mean, 40, groups=np.zeros(40)) == standard_error(mean, 40)


def test_the_paired_difference_cancels_what_both_have_in_common():
    """Two predictors that share large errors differ by a little, which the paired standard error sees."""
    rng = np.random.default_rng(0)
    target, shared = np.zeros(400), 10 * rng.normal(size=400)
    first = (np.abs(shared) + 0.2 + 0.1 * rng.normal(size=400))[:, None]
    second = np.abs(shared)[:, None]
    rows = np.arange(400)

    def score(at: NDArray[np.int64], outputs: NDArray[Any]) -> float:
        return float(np.mean(np.abs(outputs[:, 0] - target[at])))

    difference, error = paired_difference(rows, first, second, score=score)
    assert difference == pytest.approx(0.2, abs=0.02)
    assert error == pytest.approx(0.1 / np.sqrt(400), rel=0.2)
    assert paired_difference(rows, second, first, score=score)[0] == pytest.approx(-difference)
    assert paired_difference(rows, first, first, score=score) == (0.0, 0.0)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("regularized", marks=pytest.mark.slow),
        "log_linear",
        "stack_linear",
        pytest.param("nelder_mead", marks=[pytest.mark.slow, pytest.mark.evening]),
        pytest.param("stack_trees", marks=[pytest.mark.slow, pytest.mark.evening]),
    ],
)
def test_over_fifty_draws_the_cross_fitted_score_is_that_of_new_rows(method):
    """Few members and many, good and bad ones, some far too sure. None may flatter itself."""
    candidate, off, errors = {**METHODS, **STACKS}[method], [], []
    for draw in range(50):
        kind = ("log_loss", "mse")[draw % 2] if candidate.accepts(RMSE) else "log_loss"
        members, known = (3, 8, 15)[draw % 3], (500, 2000)[draw % 4 // 2]
        predictions, target, loss = problem(kind, members, known + 4000, draw)
        if kind == "log_loss" and draw % 5 == 0:  # far too sure
            predictions = tempered(predictions, 0.5)
        fit, fresh = slice(0, known), slice(known, None)
        fitted = cross_fit(candidate, predictions[:, fit], target[fit], loss=loss, parts=cut(known, 10, draw))
        new = candidate.fit(predictions[:, fit], target[fit], loss)(predictions[:, fresh])
        truth = target[fit][fitted.rows]

        def score(rows, truth=truth, fitted=fitted, loss=loss):
            return loss(truth[rows], fitted.ensemble[rows])

        off.append(score(np.arange(known)) - loss(target[fresh], new))
        errors.append(np.hypot(standard_error(score, known), standard_error_of(target[fresh], new, loss)))
    share = np.mean(np.abs(off) <= 2 * np.array(errors))
    assert share >= 0.9
    # Honest on average, too: weights of four fifths of the rows are a little worse, never better.
    assert np.mean(off) > -2 * np.std(off) / np.sqrt(len(off))


def standard_error_of(target, predictions, loss):
    rows = [loss(target[i : i + 40], predictions[i : i + 40]) for i in range(0, len(target), 40)]
    return np.std(rows) / np.sqrt(len(rows))


@pytest.mark.parametrize("grouped", [False, True])
def test_resamples_that_say_nothing_are_drawn_again_within_strata(grouped):
    """Two rows of sixty are rare: a draw that has neither is drawn again, and then has them."""
    values, rare = np.random.default_rng(0).normal(size=60), np.arange(60) < 2
    groups, nothing, something = np.repeat(np.arange(30), 2) if grouped else None, [], []

    def mean(at: NDArray[np.int64]) -> float:
        (something if rare[at].any() else nothing).append(at)
        if not rare[at].any():
            raise Undefined("none")
        return float(values[at].mean())

    found = standard_error(mean, 60, groups=groups, strata=rare)
    assert len(nothing) > 10
    assert len(something) == 200, "each was mended by one more draw"
    assert found == pytest.approx(standard_error(lambda at: float(values[at].mean()), 60, groups=groups), rel=0.2)


def test_resamples_that_are_drawn_again_count():
    """Every class must come six times, as in the rows themselves: no draw at random manages that."""
    values, classes = np.random.default_rng(0).normal(size=60), np.arange(60) % 10

    def mean(at: NDArray[np.int64]) -> float:
        if (np.bincount(classes[at], minlength=10) != 6).any():
            raise Undefined("not six")
        return float(values[at].mean())

    assert standard_error(mean, 60, strata=classes) == pytest.approx(values.std() / np.sqrt(60), rel=0.25)


def test_a_statistic_that_is_defined_nowhere_has_no_standard_error():
    def nothing(at: NDArray[np.int64]) -> float:
        raise Undefined("none")

    assert np.isnan(standard_error(nothing, 20))


@pytest.mark.parametrize("n_groups", [2, 3])
def test_groups_that_are_needed_all_tell_no_standard_error(n_groups):
    """Every resample of which it says something is the rows themselves: their spread of 0 would be a lie."""
    values, groups = np.random.default_rng(0).normal(size=40), np.arange(40) % n_groups

    def mean(at: NDArray[np.int64]) -> float:
        if len(np.unique(groups[at])) < n_groups:
            raise Undefined("a part has no row that chooses")
        return float(values[at].mean())

    assert np.isnan(standard_error(mean, 40, groups=groups))
    assert np.isnan(standard_error(mean, 40, groups=groups, strata=groups))
    assert standard_error(lambda at: float(values[at].mean()), 40, groups=groups) > 0
