"""The trees of a scikit-learn forest in one file of arrays: a third of the size and of the seconds that skops takes.

What prediction needs is kept of each node: its children, its split, and a leaf's values. Impurities and numbers of rows
are not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.engines.tree_arrays import Arrays, are_columns, are_counts, lead_on, no_trees, read_arrays, write_arrays

FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_LEAF = -1
_STORED = {"left_child": np.int32, "right_child": np.int32, "feature": np.int32, "threshold": np.float64,
           "missing_go_to_left": np.uint8}  # fmt: skip
_KINDS = {**_STORED, "values": np.float64, "counts": np.int64, "depths": np.int64}


@dataclass(frozen=True)
class AtOnce:
    """All trees of a forest, which one row goes down together, a level at a time, and not tree after tree.

    Attributes:
        roots: `(trees,)`, where each begins in what follows.
        children: `(2, nodes)`, where each node's left and right child is; a leaf's are itself.
        split: `(3, nodes)`, the column of each node, its threshold, and whether what is missing goes left.
        values: `(nodes, outputs)`, of leaves what they predict.
    """

    roots: NDArray[np.int64]
    children: NDArray[np.int32]
    split: tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.bool_]]
    values: NDArray[np.float64]

    @staticmethod
    def of(forest: Any) -> AtOnce:
        """Join the trees of a forest."""
        trees = [one.tree_ for one in forest.estimators_]
        counts = np.array([tree.node_count for tree in trees])
        roots = np.cumsum(counts) - counts
        nodes = np.concatenate([tree.__getstate__()["nodes"] for tree in trees])
        values = np.concatenate([tree.value[:, 0] for tree in trees])
        own, leaf = np.arange(len(nodes)), nodes["left_child"] == _LEAF
        begins = np.repeat(roots, counts)
        children = np.stack([np.where(leaf, own, begins + nodes[side]) for side in ("left_child", "right_child")])
        column = np.where(leaf, 0, nodes["feature"]).astype(np.int32)
        split = (column, nodes["threshold"].copy(), nodes["missing_go_to_left"] != 0)
        return AtOnce(roots, children.astype(np.int32), split, values)

    def __call__(self, row: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean of what the trees predict of a row `(columns,)`, `(outputs,)`."""
        at, (column, threshold, left_without) = self.roots, self.split
        while (self.children[0, at] != at).any():  # a stored depth may be forged
            read = row[column[at]]
            left = np.where(np.isnan(read), left_without[at], read <= threshold[at])
            at = np.where(left, self.children[0, at], self.children[1, at])
        mean: NDArray[np.float64] = self.values[at].mean(axis=0)
        return mean


def is_forest(estimator: Any) -> bool:
    """Tell whether an estimator is a forest."""
    return type(estimator).__name__ in FORESTS


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
    """Yield what scikit-learn rebuilds each tree from."""
    from sklearn.tree._tree import NODE_DTYPE

    leaf = arrays["left_child"] == _LEAF
    nodes = np.zeros(len(leaf), dtype=NODE_DTYPE)
    for name in _STORED:
        nodes[name] = arrays[name]
    values = np.zeros((len(leaf), *arrays["values"].shape[1:]))
    values[leaf] = arrays["values"]
    ends = np.cumsum(arrays["counts"])
    for end, count, depth in zip(ends, arrays["counts"], arrays["depths"], strict=True):
        at = slice(end - count, end)
        yield {"max_depth": int(depth), "node_count": int(count), "nodes": nodes[at], "values": values[at]}


def _with_tree(first: Any, state: dict[str, Any]) -> Any:
    """Return a copy of a tree estimator with the nodes of another."""
    from sklearn.tree._tree import Tree

    one = copy.copy(first)
    known = first.tree_
    one.tree_ = Tree(known.n_features, known.n_classes, known.n_outputs)
    one.tree_.__setstate__(state)
    return one
