"""What members differ by, and what that is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ensembles import LOSSES
from ensembles.combiners.pooled import Pooled
from ensembles.measures.diversity import diversity, error_correlations, near_duplicates
from ensembles.methods import STACKS

MSE = LOSSES["mse"]


def noisy(members: int, rows: int, *, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows)
    return (target + rng.normal(size=(members, rows)))[:, :, None], target


def test_for_squared_error_diversity_is_the_spread_around_the_blend():
    predictions, target = noisy(3, 500)
    weights = np.array([0.5, 0.3, 0.2])
    found = diversity(Pooled(weights), predictions, target, loss=MSE, families=["a", "b", "b"])
    blended = np.tensordot(weights, predictions, axes=1)
    spread = sum(w * np.mean((member - blended) ** 2) for w, member in zip(weights, predictions, strict=True))
    assert found.diversity == pytest.approx(spread)
    assert found.mean_loss - found.diversity == pytest.approx(found.ensemble_loss)
    assert found.member_losses == pytest.approx([MSE(target, member) for member in predictions])


def test_weighted_rows_count_as_often_as_they_say():
    predictions, target = noisy(3, 200)
    counts = np.random.default_rng(1).integers(1, 5, 200)
    combiner, given = Pooled(np.array([0.5, 0.3, 0.2])), {"loss": MSE, "families": ["a", "b", "b"]}
    weighed = diversity(combiner, predictions, target, sample_weight=counts.astype(float), **given)
    repeated = diversity(combiner, np.repeat(predictions, counts, axis=1), np.repeat(target, counts), **given)
    assert weighed.member_losses == pytest.approx(repeated.member_losses)
    assert weighed.ensemble_loss == pytest.approx(repeated.ensemble_loss)
    assert weighed.without_family == pytest.approx(repeated.without_family)


def test_what_each_family_adds_is_what_is_lost_without_it():
    predictions, target = noisy(3, 500)
    found = diversity(Pooled(np.array([0.5, 0.25, 0.25])), predictions, target, loss=MSE, families=["a", "b", "b"])
    assert found.without_family["b"] == pytest.approx(MSE(target, predictions[0]))
    assert found.without_family["a"] == pytest.approx(MSE(target, predictions[1:].mean(axis=0)))
    assert found.ensemble_loss < found.without_family["a"] < found.without_family["b"]
    alone = diversity(Pooled(np.ones(1)), predictions[:1], target, loss=MSE, families=["a"])
    assert alone.without_family == {"a": None}
    assert alone.diversity == pytest.approx(0)


def test_a_stack_is_described_too():
    predictions, target = noisy(3, 500)
    found = diversity(
        STACKS["stack_linear"].fit(predictions, target, MSE), predictions, target, loss=MSE, families=["a", "b", "b"]
    )
    assert found.ensemble_loss < min(found.without_family.values())


def test_correlations_are_those_of_the_errors():
    predictions, target = noisy(3, 2000)
    errors = predictions[:, :, 0] - target
    np.testing.assert_allclose(error_correlations(predictions, target), np.corrcoef(errors), atol=1e-12)


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
