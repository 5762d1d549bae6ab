"""Temperatures, calibration errors, and decision thresholds."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from problems import probabilities
from scipy.special import expit
from sklearn.metrics import brier_score_loss, f1_score

from ensembles import LOSSES, METHODS
from ensembles.combiners.registry import combiner_from_json
from ensembles.combiners.tempered import Calibrated, temperature, tempered
from ensembles.combiners.threshold import Decided, WithThreshold, best_threshold, decided
from ensembles.losses import Loss
from ensembles.measures.calibration import calibration, expected_calibration_error

LOG_LOSS = LOSSES["log_loss"]
F1 = Loss("f1", lambda target, p: -f1_score(target, p.argmax(axis=1), zero_division=0), of_labels=True)


def honest(rows: int, seed: int = 0, rare: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes that are right, and what happened."""
    rng = np.random.default_rng(seed)
    positive = expit(1.5 * rng.normal(size=rows) - rare)
    return np.stack([1 - positive, positive], axis=1), (rng.random(rows) < positive).astype(np.int64)


@pytest.mark.parametrize("by", [0.4, 1.0, 2.5])
def test_the_planted_temperature_is_found(by):
    right, target = honest(20_000)
    assert temperature(tempered(right, 1 / by), target) == pytest.approx(by, rel=0.06)


def test_few_rows_move_the_temperature_little():
    sure = np.array([[0.1, 0.9]] * 3)
    assert 0.5 < temperature(sure, np.ones(3, dtype=np.int64)) < 1
    assert 1 < temperature(sure, np.zeros(3, dtype=np.int64)) < 5


def test_weighted_rows_count_as_often_as_they_say():
    right, target = honest(300)
    counts = np.random.default_rng(1).integers(1, 4, 300)
    repeated = temperature(np.repeat(right, counts, axis=0), np.repeat(target, counts))
    # The pull towards one is that of the number of rows, which weights do not change.
    assert temperature(right, target, sample_weight=counts.astype(float)) == pytest.approx(repeated, rel=0.03)


def test_overconfident_members_are_mended_before_and_after_pooling():
    right, target = honest(4000)
    noise = np.exp(0.2 * np.random.default_rng(1).normal(size=(3, 4000, 2)))
    hot = tempered(right * noise, 0.3)  # much too sure, and nearly alike: a linear pool cannot cool them down
    known, fresh = slice(0, 2000), slice(2000, None)
    plain = METHODS["convex"].fit(hot[:, known], target[known], LOG_LOSS)
    mended = Calibrated(METHODS["convex"]).fit(hot[:, known], target[known], LOG_LOSS)
    before, after = (calibration(one(hot[:, fresh]), target[fresh]) for one in (plain, mended))
    assert after.log_loss < before.log_loss - 0.01
    assert after.expected_calibration_error < before.expected_calibration_error
    again = combiner_from_json(json.loads(json.dumps(mended.to_json())))
    np.testing.assert_allclose(again(hot), mended(hot))
    order = np.array([2, 0, 1])
    np.testing.assert_allclose(mended.only(order)(hot[order]), mended(hot))


@pytest.mark.parametrize("classes", [2, 3])
def test_brier_scores_are_scikit_learns(classes):
    predictions, target = probabilities(1, 500, 3, classes)
    expected = brier_score_loss(target, predictions[0], labels=range(classes), scale_by_half="auto")
    assert calibration(predictions[0], target).brier_score == pytest.approx(expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_weighted_calibration_is_that_of_repeated_rows(classes):
    predictions, target = probabilities(1, 300, 3, classes)
    counts = np.random.default_rng(1).integers(1, 5, 300)
    weighed = calibration(predictions[0], target, sample_weight=counts.astype(float))
    repeated = calibration(np.repeat(predictions[0], counts, axis=0), np.repeat(target, counts))
    assert asdict(weighed) == pytest.approx(asdict(repeated))
    assert all(
        value != pytest.approx(asdict(weighed)[name])
        for name, value in asdict(calibration(predictions[0], target)).items()
    )


def test_the_calibration_error_of_right_and_of_wrong_probabilities():
    right, target = honest(50_000)
    assert expected_calibration_error(right, target) < 0.015
    assert expected_calibration_error(np.array([[0.0, 1.0]] * 10), np.zeros(10, dtype=np.int64)) == pytest.approx(1)


def test_impossible_events_and_sure_members_are_no_trouble():
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    for target in (np.array([0, 1, 1]), np.array([1, 0, 0])):
        assert np.isfinite(temperature(sure, target))
        fitted = Calibrated(METHODS["convex"]).fit(np.stack([sure, sure]), target, LOG_LOSS)
        assert np.isfinite(fitted(np.stack([sure, sure]))).all()


def test_a_rare_class_gets_a_lower_threshold_and_a_better_f1_on_new_rows():
    predictions, target = honest(6000, rare=3.0)
    known, fresh = slice(0, 3000), slice(3000, None)
    threshold = best_threshold(predictions[known], target[known], F1)
    assert 0.05 < threshold < 0.45
    assert F1(target[fresh], decided(predictions[fresh], threshold)) < F1(target[fresh], predictions[fresh]) - 0.05


def test_the_larger_decided_probability_is_the_one_above_the_threshold():
    predictions, _ = honest(500)
    for threshold in (0.01, 0.3, 0.99):
        chosen = decided(predictions, threshold).argmax(axis=1)
        np.testing.assert_array_equal(chosen, predictions[:, 1] > threshold)


def test_a_threshold_is_fitted_with_the_combiner_and_written_down():
    predictions, target = honest(2000, rare=3.0)
    members = np.stack([predictions, predictions])
    fitted = WithThreshold(METHODS["uniform"]).fit(members, target, F1)
    assert isinstance(fitted, Decided)
    np.testing.assert_array_equal(fitted.weights, [0.5, 0.5])
    again = combiner_from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_allclose(again(members), fitted(members))
    np.testing.assert_array_equal(again.decide(again(members)), fitted.decide(fitted(members)))
    np.testing.assert_allclose(fitted(members), predictions)  # as they are: to be decided is another matter
    assert -F1(target, fitted.decide(fitted(members))) > -F1(target, predictions)


def test_where_no_threshold_is_better_it_is_one_half():
    sure = np.array([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5)
    assert best_threshold(sure, np.repeat([0, 1], 5), F1) == 0.5
