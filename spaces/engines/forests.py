"""The trees of a scikit-learn forest in one file of arrays: a third of the size and of the seconds that skops takes.

What prediction needs is kept of each node: its children, its split, and a leaf's values. Impurities and numbers of rows
are not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.engines.tree_arrays import (
    Arrays,
    AtOnce,
    are_columns,
    are_counts,
    lead_on,
    no_trees,
    read_arrays,
    write_arrays,
)

FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_LEAF = -1
_STORED = {"left_child": np.int32, "right_child": np.int32, "feature": np.int32, "threshold": np.float64,
           "missing_go_to_left": np.uint8}  # fmt: skip
_KINDS = {**_STORED, "values": np.float64, "counts": np.int64, "depths": np.int64}


def is_forest(estimator: Any) -> bool:
    """Tell whether an estimator is a forest."""
    return type(estimator).__name__ in FORESTS


def one_row_of_forest(forest: Any) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Return what predicts a row `(columns,)`, `(outputs,)`: the mean of all trees at once."""
    trees = [one.tree_ for one in forest.estimators_]
    nodes = np.concatenate([tree.__getstate__()["nodes"] for tree in trees])
    values = np.concatenate([tree.value[:, 0] for tree in trees])
    counts = np.array([tree.node_count for tree in trees])
    split = nodes["feature"], nodes["threshold"], nodes["missing_go_to_left"] != 0
    children, leaf = (nodes["left_child"], nodes["right_child"]), nodes["left_child"] == _LEAF
    all_trees = AtOnce.of(counts, children, split, leaf=leaf, values=values)
    return lambda row: all_trees(row).mean(axis=0)


def without_trees(forest: Any) -> Any:
    """Return a copy of a forest that has its first tree only; the others are what `write_trees` keeps."""
    small = copy.copy(forest)
    small.estimators_ = forest.estimators_[:1]
    return small


def write_trees(forest: Any, path: Path) -> None:
    """Write all trees of a forest."""
    states = [one.tree_.__getstate__() for one in forest.estimators_]
    nodes = np.concatenate([state["nodes"] for state in states])
    values = np.concatenate([state["values"] for state in states])
    arrays = {name: nodes[name].astype(kind) for name, kind in _STORED.items()}
    arrays |= {
        "values": values[nodes["left_child"] == _LEAF],
        "counts": np.array([len(s["nodes"]) for s in states], np.int64),
    }
    arrays["depths"] = np.array([state["max_depth"] for state in states], np.int64)
    write_arrays(path, arrays)


def read_trees(forest: Any, path: Path) -> None:
    """Give a forest of one tree the trees that `write_trees` wrote.

    Raises:
        StrangeFile: The file holds no trees as we write them.
    """
    arrays = read_arrays(path, _KINDS)
    counts, (first,) = arrays["counts"], forest.estimators_
    if not are_counts(counts, *(arrays[name] for name in _STORED)) or arrays["depths"].shape != counts.shape:
        raise no_trees(path)
    leaf, children = arrays["left_child"] == _LEAF, (arrays["left_child"], arrays["right_child"])
    whole = arrays["values"].shape == (leaf.sum(), *first.tree_.value.shape[1:])
    there = are_columns(arrays["feature"][~leaf], forest.n_features_in_)
    if not (whole and there and lead_on(children, counts, leaf=leaf)):
        raise no_trees(path)
    forest.estimators_ = [_with_tree(first, state) for state in _states(arrays)]


def _states(arrays: Arrays) -> Iterator[dict[str, Any]]:
    """Yield what scikit-learn rebuilds each tree from: one at a time, as all at once fit into no cache."""
    from sklearn.tree._tree import NODE_DTYPE

    ends = np.cumsum(arrays["counts"])
    last = np.cumsum(arrays["left_child"] == _LEAF)[ends - 1]
    for end, count, until, depth in zip(ends, arrays["counts"], last, arrays["depths"], strict=True):
        nodes = np.zeros(count, dtype=NODE_DTYPE)
        for name in _STORED:
            nodes[name] = arrays[name][end - count : end]
        leaf = nodes["left_child"] == _LEAF
        values = np.zeros((count, *arrays["values"].shape[1:]))
        values[leaf] = arrays["values"][until - leaf.sum() : until]
        yield {"max_depth": int(depth), "node_count": int(count), "nodes": nodes, "values": values}


def _with_tree(first: Any, state: dict[str, Any]) -> Any:
    """Return a copy of a tree estimator with the nodes of another."""
    from sklearn.tree._tree import Tree

    one = copy.copy(first)
    known = first.tree_
    one.tree_ = Tree(known.n_features, known.n_classes, known.n_outputs)
    one.tree_.__setstate__(state)
    return one
