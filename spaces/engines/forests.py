"""The trees of a scikit-learn forest in one file of arrays: a third of the size and of the seconds that skops takes.

What prediction needs is kept of each node: its children, its split, and a leaf's values. Impurities and numbers of rows
are not.
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.machine.strange import StrangeFile, check_archive

FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_LEAF = -1
_STORED = {"left_child": np.int32, "right_child": np.int32, "feature": np.int32, "threshold": np.float64,
           "missing_go_to_left": np.uint8}  # fmt: skip


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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def read_trees(forest: Any, path: Path) -> None:
    """Give a forest of one tree the trees that `write_trees` wrote.

    Raises:
        StrangeFile: The file holds no trees as we write them.
    """
    check_archive(path)
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    (first,) = forest.estimators_
    if not _are_arrays(arrays) or not _lead_on(arrays, forest.n_features_in_, shape=first.tree_.value.shape[1:]):
        raise StrangeFile(f"{path} holds no trees as we write them")
    forest.estimators_ = [_with_tree(first, state) for state in _states(arrays)]


def _are_arrays(arrays: dict[str, NDArray[Any]]) -> bool:
    """Tell whether arrays are of the names and types that we write, and of as many nodes as there are in all trees."""
    kinds = {**_STORED, "values": np.float64, "counts": np.int64, "depths": np.int64}
    if arrays.keys() != kinds.keys() or any(arrays[name].dtype != kind for name, kind in kinds.items()):
        return False
    counts = arrays["counts"]
    return (
        counts.ndim == 1
        and len(counts) > 0
        and bool((counts > 0).all())
        and arrays["depths"].shape == counts.shape
        and all(arrays[name].shape == (counts.sum(),) for name in _STORED)
    )


def _lead_on(arrays: dict[str, NDArray[Any]], features: int, *, shape: tuple[int, ...]) -> bool:
    """Tell whether every node leads to later ones of its tree, by a column that is there, or is a leaf with values."""
    counts, leaf = arrays["counts"], arrays["left_child"] == _LEAF
    place = np.concatenate([np.arange(count) for count in counts])
    size = np.repeat(counts, counts)
    children = [arrays[name] for name in ("left_child", "right_child")]
    return (
        arrays["values"].shape == (leaf.sum(), *shape)
        and all(bool(((place < child) & (child < size))[~leaf].all()) for child in children)
        and bool(((arrays["feature"] >= 0) & (arrays["feature"] < features))[~leaf].all())
    )


def _states(arrays: dict[str, NDArray[Any]]) -> Iterator[dict[str, Any]]:
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
