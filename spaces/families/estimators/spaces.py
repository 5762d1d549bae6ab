"""The spaces of trees and linear models. No library is imported here: a space is data."""

from __future__ import annotations

from spaces.families.shared_spaces import class_weights
from spaces.inputs.series.reading import flat_width
from spaces.inputs.series.spaces import convolvable, joined_series
from spaces.inputs.table.matrix import ONE_HOT_LIMIT
from spaces.inputs.table.spaces import scalings
from spaces.inputs.text.spaces import joined_texts
from spaces.language.leaves import Choice, Float, Int
from spaces.language.optional import none_or
from spaces.language.space import Space
from spaces.rows.signature import Signature
from spaces.rows.target import followed

_MOST_TREES = 30_000  # of a boosted model, over all its classes
_MOST_NUMBERS = 2e10  # that all of its trees read, so that a fold takes some minutes of one core at most
_MOST_SEARCHED_TREES = 3_000  # where rounds are searched
_MANY_ROWS, _MOST_ROWS_ALONE = 5_000, 20_000  # up to which a forest's leaf may have one row: of classes, of numbers
_TRIED = 70_000  # numbers that a tree may sort at its first split, so that 100 trees take some seconds


def xgboost_space(signature: Signature) -> Space:
    """Return the space of gradient-boosted trees; rounds are chosen by early stopping, not searched.

    Beside texts there are thousands of columns, and a round takes long; each class has a tree of its own in a round.
    There are fewer rounds then, and steps are no smaller than so many rounds can make use of; the first are larger, so
    that a short trial gets somewhere.
    """
    texts = bool(signature.texts)
    rounds = 300 if texts else _rounds(signature)
    smallest = min(0.1, max(0.003, 30 / rounds))
    trees = max(target.outputs for target in signature.targets)
    usual = min(0.3, max(smallest, 0.05, 0.0125 * trees))
    return {
        **joined_texts(signature, 3_000),
        **joined_series(signature, 1_008),
        **class_weights(signature),
        "learning_rate": Float(0.1, 0.5, log=True) if texts else Float(smallest, 0.3, log=True, default=usual),
        "grow_policy": Choice({"depthwise": {}, "lossguide": {"max_leaves": Int(4, 1024, log=True)}}),
        "max_depth": Int(2, 13, default=6),
        "min_child_weight": Float(1e-5, 100.0, log=True, default=1.0),
        "subsample": Float(0.3, 1.0, default=0.9),
        "colsample_bytree": Float(0.2, 1.0, default=0.8),
        "colsample_bylevel": Float(0.3, 1.0, default=1.0),
        "colsample_bynode": Float(0.3, 1.0, default=1.0),
        "reg_lambda": none_or(Float(1e-4, 200.0, log=True, default=1.0)),
        "reg_alpha": Float(1e-4, 10.0, log=True, default=1e-3),
        "gamma": Float(1e-4, 5.0, log=True, default=1e-3),
        "n_estimators": rounds,
        "patience": 20 if texts else 50,
    }


def lightgbm_space(signature: Signature) -> Space:
    """Return the space of LightGBM's boosted trees, by the names that LightGBM gives; rounds as of `xgboost`.

    Ranges hold the published points of AutoGluon's portfolio of December 2025: very small and very large trees stand
    there side by side, and half of them draw their thresholds (`extra_trees`).
    """
    texts = bool(signature.texts)
    rounds = 300 if texts else _rounds(signature)
    smallest = min(0.1, max(0.005, 30 / rounds))
    largest = max(0.1, 3 * smallest)
    trees = max(target.outputs for target in signature.targets)
    usual = min(largest, max(smallest, 0.05, 0.0125 * trees))
    return {
        **joined_texts(signature, 3_000),
        **joined_series(signature, 1_008),
        **class_weights(signature),
        "learning_rate": Float(smallest, largest, log=True, default=usual),
        "num_leaves": Int(2, 180, log=True, default=31),
        "min_data_in_leaf": Int(1, 100, log=True, default=max(1, min(20, signature.rows // 50))),
        "extra_trees": Choice([False, True]),
        "feature_fraction": Float(0.3, 1.0, default=0.8),
        "bagging_fraction": Float(0.6, 1.0, default=0.9),
        "lambda_l1": none_or(Float(1e-3, 10.0, log=True, default=0.1), default="none"),
        "lambda_l2": none_or(Float(1e-3, 100.0, log=True, default=1.0)),
        **_native_categories(signature),
        "n_estimators": rounds,
        "patience": 20 if texts else 50,
    }


def _native_categories(signature: Signature) -> Space:
    """Return how LightGBM divides the categories of a column, where there are columns that it is told of as such."""
    if not any(size <= ONE_HOT_LIMIT for size in signature.cardinalities):
        return {}
    return {
        "max_cat_to_onehot": Int(2, ONE_HOT_LIMIT, log=True, default=4),
        "min_data_per_group": Int(2, 100, log=True, default=max(2, min(100, signature.rows // 50))),
        "cat_smooth": Float(0.01, 100.0, log=True, default=10.0),
        "cat_l2": Float(0.01, 10.0, log=True, default=10.0),
    }


def _rounds(signature: Signature) -> int:
    """Return how many rounds boosting may take: 10,000, but fewer of many classes and of large tables."""
    columns = _columns_of_series(signature) + (signature.table.shape[0] if signature.table else 0)
    trees = min(_MOST_TREES, _MOST_NUMBERS / max(1, signature.rows * columns))
    return int(min(10_000, max(100, trees / max(target.outputs for target in signature.targets))))


def trees_space() -> Space:
    """Return the space of a few hundred trees on the columns that a network makes."""
    return {
        "learning_rate": Float(0.02, 0.3, log=True, default=0.05),
        "max_depth": Int(2, 8, default=4),
        "min_child_weight": Float(1.0, 50.0, log=True, default=5.0),
        "subsample": Float(0.5, 1.0, default=0.8),
        "colsample_bytree": Float(0.2, 1.0, default=0.5),
        "reg_lambda": Float(1e-3, 30.0, log=True, default=1.0),
        "n_estimators": 500,
        "patience": 30,
    }


def random_forest_space(signature: Signature) -> Space:
    """Return the space of random forests: each tree sees some of the rows."""
    return {**_forest_space(signature), "max_samples": Float(0.4, 1.0, default=0.9)}


def extra_trees_space(signature: Signature) -> Space:
    """Return the space of extremely randomised trees: each sees all rows, and draws its thresholds.

    Geurts, Ernst, Wehenkel, "Extremely randomized trees", Machine Learning 2006.
    """
    space = _forest_space(signature)
    if not _is_table_of_numbers(signature):
        return space
    return {**space, "max_features": _tried_columns(signature, share=0.75)}  # a column has one threshold to try only


def hist_gradient_boosting_space(signature: Signature) -> Space:
    """Return the space of scikit-learn's boosted trees; rounds are searched, since no rows are left to stop on.

    Each class has a tree of its own in a round, so many classes get fewer rounds. Numbers get more, in smaller leaves:
    probabilities become too sure of themselves, numbers do not.
    """
    numbers = _is_table_of_numbers(signature)
    trees = max(target.outputs for target in signature.targets)
    most = 2_000 if numbers else max(60, min(600, _MOST_SEARCHED_TREES // trees))
    return {
        **class_weights(signature),
        "learning_rate": Float(0.01, 0.3, log=True, default=0.05),
        "max_iter": Int(50, most, log=True, default=800 if numbers else min(most, 200)),
        "max_leaf_nodes": Int(4, 128, log=True, default=31),
        "min_samples_leaf": Int(1, 100, log=True, default=5 if numbers else 20),
        "l2_regularization": Float(1e-4, 100.0, log=True, default=1.0),
        "max_features": Float(0.2, 1.0, default=0.5),
    }


def _forest_space(signature: Signature) -> Space:
    """Return what forests share; their leaves are large or few enough for a forest of some hundred megabytes.

    Numbers are best said by leaves of one row, as the mean of trees smooths them; probabilities of such are too sure.
    """
    numbers, many = _is_table_of_numbers(signature), signature.rows > _MANY_ROWS
    smallest = max(1, signature.rows // (_MOST_ROWS_ALONE if numbers else _MANY_ROWS))
    trees = 100 if _columns_of_series(signature) or (numbers and many) else 200
    return {
        **joined_texts(signature, 3_000),
        **joined_series(signature, 1_008),
        **class_weights(signature),
        "n_estimators": trees,
        "max_features": _tried_columns(signature),
        "min_samples_leaf": Int(smallest, smallest + 49, log=True, default=smallest if numbers else smallest + 1),
        "max_leaf_nodes": _leaves(many=numbers and many),
    }


def _leaves(*, many: bool) -> Choice:
    """Return how many leaves a tree may have; always some where a leaf of each row would make many."""
    if many:
        return Choice({"some": Int(500, 10_000, log=True, default=6_000)})
    return none_or(Int(8, 50_000, log=True), None, default="none")


def _is_table_of_numbers(signature: Signature) -> bool:
    """Return whether numbers are told from the columns of a table, and from nothing else."""
    numbers = all(part.kind == "regression" for target in signature.targets for part in target.each)
    return numbers and not signature.texts and not signature.arrays


def _tried_columns(signature: Signature, *, share: float = 0.4) -> Float | Choice:
    """Return how many columns a split may try: a share, or as scikit-learn says, their square root or logarithm.

    Of the many columns of a series it is a share, and a smaller one, as a forest has to wait.

    A tree of a forest sorts all rows by each of them, so their product decides how long it takes.
    """
    if signature.texts:
        return Float(0.005, 0.2, log=True)
    if not (columns := _columns_of_series(signature)):
        return Choice({"share": Float(0.1, 1.0, default=share), "sqrt": "sqrt", "log2": "log2"})
    return Float(0.01, 1.0, log=True, default=max(0.02, min(0.4, _TRIED / (signature.rows * columns))))


def _columns_of_series(signature: Signature) -> int:
    """Return how many columns series become as lags and statistics."""
    return sum(flat_width(one.shape) for one in signature.arrays if one.kind == "series")


def linear_space(signature: Signature) -> Space:
    """Return the space of ridge or logistic regression."""
    return {
        **joined_texts(signature, 50_000),
        **joined_series(signature, 9_996),
        **class_weights(signature),
        **({"scaling": Choice(scalings(signature))} if signature.table else {}),
        **_penalty(signature),
    }


def _penalty(signature: Signature) -> Space:
    """Return the penalty's space: of the least leave-one-out error where series are read, or a strength of its own.

    Windows of a forecast overlap, so that a row that is left out is still in others: there it is not the default.
    """
    if not (convolvable(signature) and not signature.texts):
        return {"alpha": _strength(signature)}
    ways: dict[str, Space] = {"leave_one_out": {}, "given": {"alpha": _strength(signature)}}
    names = ("given", "leave_one_out") if followed(signature.target) else ("leave_one_out", "given")
    return {"penalty": Choice({name: ways[name] for name in names})}


def _strength(signature: Signature) -> Float:
    """Return how strongly a linear model is penalised: the steps of a series say nearly the same, and need more."""
    if signature.arrays:
        return Float(1e-1, 1e6, log=True, default=max(1.0, min(1e5, signature.rows / 10)))
    logistic = signature.texts and signature.target.kind != "regression"
    return Float(1e-3, 1e4, log=True, default=0.1 if logistic else 1.0)
