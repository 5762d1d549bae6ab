"""In small what `benchmarks/honest_differences.py` asks of 24 cells: do two standard errors cover the truth?"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.honest_differences import CELLS, Cell, draw, problem


def test_the_cells_are_half_of_the_design():
    assert len(set(CELLS)) == 24
    for values, n_levels in zip(zip(*CELLS, strict=True), (2, 2, 3, 2, 2), strict=True):
        assert sorted(values.count(value) for value in set(values)) == [24 // n_levels] * n_levels


@pytest.mark.slow  # a minute of one core
@pytest.mark.parametrize(
    "cell", [Cell("equal", "heavy", 500, 3, "classes"), Cell("equal", "heavy", 150, 3, "numbers")], ids=str
)
@pytest.mark.evening
def test_two_standard_errors_cover_the_true_difference(cell):
    """Of members of equal worth the best is luck, and heavy tails are what the bootstrap knows least of."""
    draws = [draw(cell, number, fresh=4000, methods=("family_average", "best_single")) for number in range(60)]
    for found in zip(*draws, strict=True):
        assert np.mean([one.covered for one in found]) >= 0.8, found[0].what
        off = np.array([one.difference - one.truth for one in found])
        assert abs(off.mean()) < 3 * off.std(ddof=1) / np.sqrt(len(off)) + 1e-12, found[0].what


def test_in_a_cell_with_a_clear_best_it_is_the_best():
    predictions, target = problem(Cell("clear", "light", 150, 3, "numbers"), 2000, np.random.default_rng(0))
    assert ((predictions[:, :, 0] - target) ** 2).mean(axis=1).argmin() == 0
