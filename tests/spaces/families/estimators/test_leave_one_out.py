"""Ridge regression by leave-one-out errors: as if each row had really been left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from spaces.families.estimators.leave_one_out import LeaveOneOut, ridge


def some(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) + 5
    return matrix, matrix[:, :2].sum(axis=1) + rng.normal(size=rows), rng.random(rows) + 0.5


@pytest.mark.parametrize("shape", [(30, 8), (12, 40)])
def test_what_is_left_out_is_predicted_as_by_a_fit_without_it(shape):
    matrix, target, weight = some(*shape)
    found = ridge(matrix, target[:, None], weight)
    for row in range(shape[0]):
        others = np.arange(shape[0]) != row
        model = Ridge(alpha=found.penalty).fit(matrix[others], target[others], sample_weight=weight[others])
        np.testing.assert_allclose(found.left_out[row], model.predict(matrix[[row]]), rtol=1e-6)


@pytest.mark.parametrize("shape", [(30, 8), (12, 40)])
def test_values_are_predicted_as_by_ridge_regression_of_the_same_penalty(shape):
    matrix, target, weight = some(*shape)
    made = LeaveOneOut("regression").fit(matrix, target, weight)
    model = Ridge(alpha=made.alpha).fit(matrix, target, sample_weight=weight)
    np.testing.assert_allclose(made.predict(matrix), model.predict(matrix), rtol=1e-6)


def test_noise_is_penalised_more_than_what_can_be_known():
    matrix, target, _ = some(80, 30)
    noise = np.random.default_rng(1).normal(size=80)
    known, unknown = (LeaveOneOut("regression").fit(matrix, one) for one in (target, noise))
    assert unknown.alpha > 10 * known.alpha
    assert np.abs(unknown.predict(matrix) - noise.mean()).max() < 0.6


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_are_as_sure_as_scores_of_left_out_rows_were_right(classes):
    rng = np.random.default_rng(0)
    target = rng.integers(0, classes, 3000)
    matrix = rng.normal(size=(3000, 6)) + 1.2 * np.eye(classes, 6)[target]
    made = LeaveOneOut("multiclass").fit(matrix[:300], target[:300])
    said = made.predict_proba(matrix[300:])
    right = said.argmax(axis=1) == target[300:]
    assert right.mean() > 1.5 / classes
    assert said.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)


def test_classes_that_are_told_without_fail_are_still_not_certain():
    matrix = np.repeat([[-1.0, -1.0], [1.0, 1.0]], 10, axis=0)
    said = LeaveOneOut("binary").fit(matrix, np.repeat([0, 1], 10)).predict_proba(matrix)
    assert 0.85 < said[-1, 1] < 0.95  # (10 + 1) / (10 + 2)


def test_labels_need_not_be_0_1_2():
    matrix, _, _ = some(30, 4)
    matrix[:15] += 3
    made = LeaveOneOut("multiclass").fit(matrix, np.repeat([1, 4], 15))
    assert made.classes_.tolist() == [1, 4]
    assert set(made.predict(matrix)) == {1, 4}


def test_columns_that_say_nothing_leave_the_mean():
    made = LeaveOneOut("regression").fit(np.ones((5, 3)), np.arange(5.0))
    np.testing.assert_allclose(made.predict(np.ones((2, 3))), 2.0)
