"""The spaces and builders of the families that are not networks: trees, linear models, the baseline.

Nothing heavy is imported here: each builder imports its library when a model is built.
"""

from __future__ import annotations

from typing import Any

from spaces.leaves import Choice, Float, Int
from spaces.signature import Signature
from spaces.space import Config, Space


def xgboost_space(signature: Signature) -> Space:
    """Return the space of gradient-boosted trees; rounds are chosen by early stopping, not searched."""
    return {
        "learning_rate": Float(0.02, 0.3, log=True, default=0.1),
        "max_depth": Int(2, 10, default=6),
        "min_child_weight": Float(1.0, 50.0, log=True, default=1.0),
        "subsample": Float(0.5, 1.0, default=0.9),
        "colsample_bytree": Float(0.3, 1.0, default=0.8),
        "reg_lambda": Float(1e-3, 30.0, log=True, default=1.0),
        "reg_alpha": Float(1e-4, 10.0, log=True, default=1e-3),
        "gamma": Float(1e-4, 5.0, log=True, default=1e-3),
        "n_estimators": 1500,
        "patience": 50,
    }


def build_xgboost(config: Config, signature: Signature) -> Any:
    """Build gradient-boosted trees with early stopping on the inner rows."""
    from spaces.xgboost_model import XGBoostModel

    return XGBoostModel(config, signature)


def random_forest_space(signature: Signature) -> Space:
    """Return the space of random forests; leaves are kept large enough for a forest of some megabytes."""
    smallest = max(1, signature.rows // 5000)
    return {
        "n_estimators": 200,
        "max_features": Float(0.1, 1.0, default=0.4),
        "min_samples_leaf": Int(smallest, smallest + 30, default=smallest + 1),
        "max_samples": Float(0.4, 1.0, default=0.9),
    }


def build_random_forest(config: Config, signature: Signature) -> Any:
    """Build a random forest on unscaled columns, missing values left to its splits."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    from spaces.estimator_model import EstimatorModel

    kind = RandomForestRegressor if signature.target.kind == "regression" else RandomForestClassifier

    def make(seed: int, threads: int) -> Any:
        return kind(**config, random_state=seed, n_jobs=threads)

    return EstimatorModel(make, "none", signature)


def linear_space(signature: Signature) -> Space:
    """Return the space of ridge or logistic regression."""
    return {
        "scaling": Choice(["standard", "quantile"]),
        "alpha": Float(1e-3, 1e4, log=True, default=1.0),
    }


def build_linear(config: Config, signature: Signature) -> Any:
    """Build a ridge regression, or a logistic regression of penalty `alpha` (scikit-learn's C is its inverse)."""
    from sklearn.linear_model import LogisticRegression, Ridge

    from spaces.estimator_model import EstimatorModel

    def make(seed: int, threads: int) -> Any:
        if signature.target.kind == "regression":
            return Ridge(alpha=config["alpha"])
        return LogisticRegression(C=1 / config["alpha"], max_iter=500)

    return EstimatorModel(make, config["scaling"], signature)


def build_baseline(config: Config, signature: Signature) -> Any:
    """Build the common-sense baseline: the mean, the median, or how often each class occurs."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    from spaces.estimator_model import EstimatorModel

    def make(seed: int, threads: int) -> Any:
        if signature.target.kind != "regression":
            return DummyClassifier(strategy="prior")
        return DummyRegressor(strategy="median" if signature.target.loss == "absolute_error" else "mean")

    return EstimatorModel(make, "standard", signature)
