"""Scikit-learn's own checks of an estimator, on studies of one or two linear trials."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tuner.estimators.tuned import TunedClassifier, TunedRegressor

FEW = {"families": {"linear": {}}, "split": {"kind": "kfold", "folds": 2}, "trials": 1, "method": "uniform"}
WEIGHTS = "a row of weight two and the same row twice are divided into other folds"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
}


@pytest.mark.slow
@parametrize_with_checks(
    [TunedClassifier(**FEW), TunedRegressor(**FEW)], expected_failed_checks=lambda estimator: EXPECTED
)
def test_estimators_are_what_scikit_learn_expects(estimator, check):
    check(estimator)
