"""Intervals and sets hold the truth as often as promised, on rows like those that were held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles.measures.conformal import distances, intervals, label_sets, radius

COVERAGES = pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])


@COVERAGES
def test_intervals_hold_the_promised_share_of_new_rows(coverage):
    """Averaged over draws of the held-out rows, as the guarantee is."""
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=1200)
        outputs = (truth + rng.standard_t(3, size=1200))[:, None]
        found = distances(outputs[:200], truth[:200])
        ends = intervals(outputs[200:], found, coverage)
        held.append(np.mean((ends[:, 0] <= truth[200:]) & (truth[200:] <= ends[:, 1])))
    error = np.std(held) / np.sqrt(len(held))
    assert coverage - 3 * error <= np.mean(held) <= coverage + 1 / 201 + 3 * error


@COVERAGES
def test_sets_hold_the_promised_share_of_new_rows(coverage):
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        outputs = rng.dirichlet([0.5, 0.5, 0.5], size=1200)
        target = (rng.random(1200)[:, None] > outputs.cumsum(axis=1)).sum(axis=1).clip(max=2)
        sets = label_sets(outputs[200:], distances(outputs[:200], target[:200]), coverage)
        held.append(np.mean(sets[np.arange(1000), target[200:]]))
        assert sets.any(axis=1).all()
    assert np.mean(held) >= coverage - 3 * np.std(held) / np.sqrt(len(held))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 0.99))
@settings(max_examples=50)
def test_the_radius_is_a_distance_that_enough_others_do_not_exceed(off, coverage):
    found = np.sort(off)
    try:
        at = radius(found, coverage)
    except ValueError:
        assert (len(found) + 1) * coverage > len(found)
    else:
        assert at in found
        assert np.sum(found <= at) >= (len(found) + 1) * coverage - 1e-9


def test_a_coverage_too_near_one_for_so_few_rows_is_refused():
    with pytest.raises(ValueError, match=r"0.99 needs at least 99 held-out rows, there are 20: ask for at most 0.952"):
        radius(np.arange(20.0), 0.99)
    for coverage in (0.0, 1.0, 90):
        with pytest.raises(ValueError, match="between 0 and 1"):
            radius(np.arange(20.0), coverage)


def test_distances_of_numbers_and_of_classes():
    np.testing.assert_allclose(distances(np.array([[1.0], [5.0]]), np.array([2.0, 2.0])), [1, 3])
    np.testing.assert_allclose(distances(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1])), [0.1, 0.6])


def test_a_probability_that_rounding_brought_above_one_is_no_negative_distance():
    outputs = np.array([[1 + 2.3e-16, 0.0], [0.25, 0.75]])
    assert distances(outputs, np.array([0, 1])).tolist() == [0.0, 0.25]
