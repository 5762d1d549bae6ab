"""The trees of scikit-learn's histogram boosting in one file of arrays, which is read many times faster than skops.

What prediction needs is kept of each node: its children, its split, and its value.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.engines.tree_arrays import AtOnce, are_columns, are_counts, lead_on, no_trees, read_arrays, write_arrays

_BOOSTED = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
_STORED = {"left": np.uint32, "right": np.uint32, "feature_idx": np.int64, "num_threshold": np.float64,
           "missing_go_to_left": np.uint8, "is_leaf": np.uint8, "value": np.float64}  # fmt: skip
_KINDS = {**_STORED, "counts": np.int64}


def is_boosted(estimator: Any) -> bool:
    """Tell whether an estimator is a fitted boosting whose splits are of numbers."""
    return type(estimator).__name__ in _BOOSTED and estimator.is_categorical_ is None


def one_row_of_boosted(estimator: Any) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Return what predicts a row `(columns,)`, `(outputs,)`: the sum of all trees at once, behind the loss's link."""
    trees = [tree.nodes for of_round in estimator._predictors for tree in of_round]
    nodes, counts = np.concatenate(trees), np.array([len(tree) for tree in trees])
    split = nodes["feature_idx"], nodes["num_threshold"], nodes["missing_go_to_left"] != 0
    children = nodes["left"], nodes["right"]
    all_trees = AtOnce.of(counts, children, split, leaf=nodes["is_leaf"] != 0, values=nodes["value"][:, None])
    loss, each_round = estimator._loss, estimator.n_trees_per_iteration_
    linked = loss.predict_proba if hasattr(estimator, "classes_") else loss.link.inverse

    def of_row(row: NDArray[Any]) -> NDArray[np.float64]:
        raw = estimator._baseline_prediction + all_trees(row).reshape(-1, each_round).sum(axis=0)
        found: NDArray[np.float64] = linked(np.asfortranarray(raw))[0]
        return found

    return of_row


def without_boosted(estimator: Any) -> Any:
    """Return a copy of an estimator without trees, which `write_boosted` keeps."""
    small = copy.copy(estimator)
    small._predictors = []
    return small


def write_boosted(estimator: Any, path: Path) -> None:
    """Write all trees, round after round."""
    trees = [tree.nodes for of_round in estimator._predictors for tree in of_round]
    nodes = np.concatenate(trees)
    counts = np.array([len(tree) for tree in trees], np.int64)
    write_arrays(path, {**{name: nodes[name].astype(kind) for name, kind in _STORED.items()}, "counts": counts})


def read_boosted(estimator: Any, path: Path) -> None:
    """Give an estimator without trees those that `write_boosted` wrote.

    Raises:
        StrangeFile: The file holds no trees as we write them.
    """
    from sklearn.ensemble._hist_gradient_boosting.predictor import PREDICTOR_RECORD_DTYPE, TreePredictor

    arrays = read_arrays(path, _KINDS)
    counts, each_round = arrays["counts"], estimator.n_trees_per_iteration_
    if not are_counts(counts, *(arrays[name] for name in _STORED)) or len(counts) % each_round:
        raise no_trees(path)
    leaf, children = arrays["is_leaf"] != 0, (arrays["left"], arrays["right"])
    there = are_columns(arrays["feature_idx"][~leaf], estimator.n_features_in_)
    if not there or not lead_on(children, counts, leaf=leaf):
        raise no_trees(path)
    nodes = np.zeros(len(leaf), dtype=PREDICTOR_RECORD_DTYPE)
    for name in _STORED:
        nodes[name] = arrays[name]
    no_categories = np.zeros((0, 8), np.uint32)
    trees = [TreePredictor(tree, no_categories, no_categories) for tree in np.split(nodes, np.cumsum(counts)[:-1])]
    estimator._predictors = [trees[at : at + each_round] for at in range(0, len(trees), each_round)]
