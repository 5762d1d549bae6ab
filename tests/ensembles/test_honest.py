"""Honest scores: rows that are scored fit nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ensembles import LOSSES, METHODS, Loss, blend
from ensembles.honest import cross_fit, near_duplicates, standard_error
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

    def solver(fit: NDArray[Any], fit_target: NDArray[Any], loss: Loss) -> NDArray[np.float64]:
        np.testing.assert_array_equal(fit[1, :, 0], fit_target + 1000)
        shown.append(fit_target.astype(int).tolist())
        return np.array([0.5, 0.5, 0.0])

    result = cross_fit(Method(solver), predictions, target, RMSE, parts)
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
    result = cross_fit(METHODS["greedy"], predictions, target, RMSE, halves)
    np.testing.assert_array_equal(result.single[:, 0], target + 100)
    np.testing.assert_array_equal(result.ensemble[:, 0], target + 100)


def test_rows_that_no_part_scores_are_left_out():
    """In time order, the first rows only fit."""
    predictions, target = noisy(2, 12)
    parts = [(np.arange(4), np.arange(4, 8)), (np.arange(8), np.arange(8, 12))]
    result = cross_fit(METHODS["greedy"], predictions, target, RMSE, parts)
    np.testing.assert_array_equal(result.rows, np.arange(4, 12))
    assert result.ensemble.shape == result.single.shape == (8, 1)


@pytest.mark.parametrize("method", ["uniform", "greedy", "random_search", "nelder_mead", "convex"])
@pytest.mark.parametrize("seed", range(3))
def test_among_members_of_pure_noise_the_honest_score_is_no_better(method, seed):
    """Weights fitted to noise look good on the rows that fitted them, and only there."""
    rng = np.random.default_rng(seed)
    predictions, target = rng.normal(size=(8, 60, 1)), rng.normal(size=60)
    in_sample = RMSE(target, blend(predictions, METHODS[method](predictions, target, RMSE)))
    result = cross_fit(METHODS[method], predictions, target, RMSE, cut(60, 5, seed))
    honest = RMSE(target[result.rows], result.ensemble)
    if method == "uniform":
        assert honest == pytest.approx(in_sample)  # nothing is fitted
    else:
        assert honest > in_sample


def test_with_many_rows_the_honest_score_is_that_of_fresh_rows():
    predictions, target = noisy(4, 6000, seed=1)
    known, fresh = slice(0, 3000), slice(3000, 6000)
    result = cross_fit(METHODS["greedy"], predictions[:, known], target[known], RMSE, cut(3000, 5))
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


def test_of_near_duplicates_the_first_is_kept():
    predictions, target = noisy(3, 300)
    almost = predictions[1] + 1e-4 * np.random.default_rng(2).normal(size=predictions[1].shape)
    shifted = predictions[2] + 5.0  # the same errors but for a constant
    stacked = np.concatenate([predictions, almost[None], shifted[None], predictions[:1]])
    assert near_duplicates(stacked, target) == [0, 1, 2]
    assert near_duplicates(stacked[::-1], target) == [0, 1, 2]
    assert near_duplicates(predictions, target) == [0, 1, 2]


def test_near_duplicates_among_probabilities():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 200)
    members = rng.dirichlet([1, 1, 1], size=(3, 200))
    stacked = np.concatenate([members[:2], members[:1] * 0.999 + 0.001 / 3, members[2:]])
    assert near_duplicates(stacked, target) == [0, 1, 3]


def test_the_limit_decides_what_a_near_duplicate_is():
    predictions, target = noisy(1, 2000)
    errors = predictions[0] - target[:, None]
    independent = errors.std() * np.random.default_rng(5).normal(size=errors.shape)
    cousin = target[:, None] + 0.9 * errors + np.sqrt(1 - 0.9**2) * independent  # errors correlate by 0.9
    both = np.stack([predictions[0], cousin])
    assert near_duplicates(both, target, limit=0.95) == [0, 1]
    assert near_duplicates(both, target, limit=0.85) == [0]


def test_perfect_members_are_kept():
    """Without errors there is no correlation of errors."""
    target = np.arange(10.0)
    assert near_duplicates(np.stack([target[:, None]] * 2), target) == [0, 1]
