"""The builders of the families that are not networks: trees, linear models, the baseline.

Nothing heavy is imported here: each builder imports its library when a model is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spaces.inputs.table.matrix import Scaling
from spaces.language.optional import chosen
from spaces.language.space import Config
from spaces.rows.signature import Signature


def build_xgboost(config: Config, signature: Signature) -> Any:
    """Build gradient-boosted trees with early stopping on the inner rows."""
    from spaces.engines.xgboost import XGBoostModel

    return XGBoostModel(config, signature)


def build_lightgbm(config: Config, signature: Signature) -> Any:
    """Build LightGBM's boosted trees with early stopping on the inner rows."""
    from spaces.engines.lightgbm import LightGBMModel

    return LightGBMModel(config, signature)


def build_random_forest(config: Config, signature: Signature) -> Any:
    """Build a random forest on unscaled columns, missing values left to its splits, or on n-grams of texts too."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if signature.target.kind == "regression" else RandomForestClassifier
    return _forest(kind, config, signature)


def build_extra_trees(config: Config, signature: Signature) -> Any:
    """Build extremely randomised trees on the same columns as a random forest."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = ExtraTreesRegressor if signature.target.kind == "regression" else ExtraTreesClassifier
    return _forest(kind, config, signature)


def _forest(kind: Callable[..., Any], config: Config, signature: Signature) -> Any:
    from spaces.engines.sklearn import EstimatorModel

    settings = _settings(config)

    def make(seed: int, threads: int) -> Any:
        return kind(**settings, random_state=seed, n_jobs=threads)

    # Beside texts, rows are a sparse matrix, in which scikit-learn's trees take no missing values.
    scaling: Scaling = "standard" if signature.texts else "none"
    return EstimatorModel(make, scaling, signature, config, _text(config), by="trees")


def build_hist_gradient_boosting(config: Config, signature: Signature) -> Any:
    """Build scikit-learn's gradient-boosted trees on binned, unscaled columns, for the loss of the target."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    from spaces.engines.sklearn import EstimatorModel

    settings = {**_settings(config), "early_stopping": False}

    def make(seed: int, threads: int) -> Any:
        if signature.target.kind == "regression":
            return HistGradientBoostingRegressor(loss=signature.target.loss, **settings, random_state=seed)
        return HistGradientBoostingClassifier(**settings, random_state=seed)

    return EstimatorModel(make, "none", signature, config)


def build_linear(config: Config, signature: Signature) -> Any:
    """Build a ridge regression, or a logistic regression of penalty `alpha` (scikit-learn's C is its inverse).

    Where the penalty is that of the least leave-one-out error, both are ridge regressions.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    from spaces.engines.sklearn import EstimatorModel
    from spaces.families.estimators.leave_one_out import LeaveOneOut

    penalty = config.get("penalty", {"given": config})

    def make(seed: int, threads: int) -> Any:
        if "leave_one_out" in penalty:
            return LeaveOneOut(signature.target.kind)
        alpha = penalty["given"]["alpha"]
        if signature.target.kind == "regression":
            return Ridge(alpha=alpha)
        return LogisticRegression(C=1 / alpha, max_iter=500)

    return EstimatorModel(make, config.get("scaling", "standard"), signature, config, _text(config))


def build_baseline(config: Config, signature: Signature) -> Any:
    """Build the common-sense baseline: the mean, the median, or how often each class occurs."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    from spaces.engines.sklearn import EstimatorModel

    def make(seed: int, threads: int) -> Any:
        if signature.target.kind != "regression":
            return DummyClassifier(strategy="prior")
        return DummyRegressor(strategy="median" if signature.target.loss == "absolute_error" else "mean")

    return EstimatorModel(make, "standard", signature, blind=True)


def _settings(config: Config) -> dict[str, Any]:
    """Return the part of a configuration that scikit-learn's trees take, without what they are not to know."""
    return {name: chosen(value) for name, value in config.items() if name not in ("text", "series", "class_weight")}


def _text(config: Config) -> Any:
    from spaces.inputs.text.vocabulary import text_recipe

    return text_recipe(config) if "text" in config else None
