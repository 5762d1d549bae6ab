"""A stored model of XGBoost, looked into before XGBoost sees it, which follows whatever indices stand there.

Its files are UBJ, or JSON inside of another file. Every node must lead to later ones of its tree, and ask for a column
that is there; else a stranger's file would have memory read that is not the model's, or never come to an end.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.engines.tree_arrays import are_columns, are_counts, lead_on, places
from spaces.machine.strange import StrangeFile

XGBOOST_FILE = "model.ubj"
_NUMBERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
_WORDS = {b"T": True, b"F": False, b"Z": None}
_DEEPEST = 30
_ROOT = 2**31 - 1  # stands for the parent of a tree's first node
_MOST_CATEGORIES = 2**24
_OF_NODES = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "split_type",
             "default_left", "base_weights", "loss_changes", "sum_hessian")  # fmt: skip


def check_file(path: Path) -> None:
    """Look into a UBJ file.

    Raises:
        StrangeFile: It holds no boosted trees as XGBoost writes them.
    """
    _check(str(path), lambda: _Ubj(path.read_bytes()).whole())


def check_text(text: str, where: str) -> None:
    """Look into a model in JSON.

    Args:
        text: The JSON.
        where: What it is called in complaints.

    Raises:
        StrangeFile: As for `check_file`.
    """
    _check(where, lambda: json.loads(text, object_pairs_hook=_each_once))


def _check(where: str, read: Any) -> None:
    try:
        _check_model(read())
    except (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError, struct.error) as error:
        raise StrangeFile(f"{where} holds no trees as XGBoost writes them: {error}") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _must(len(found) == len(pairs), "a name stands there twice")
    return found


class _Ubj:
    """Reads what XGBoost writes of Universal Binary JSON (https://ubjson.org): all of it, and nothing twice."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def whole(self) -> Any:
        """Return what a file says, from its first byte to its last."""
        found = self._value(self._take(1), 0)
        _must(self._at == len(self._data), "something stands behind its end")
        return found

    def _take(self, count: int) -> bytes:
        _must(0 <= count <= len(self._data) - self._at, "it is cut off")
        self._at += count
        return self._data[self._at - count : self._at]

    def _number(self, mark: bytes) -> Any:
        _must(mark in _NUMBERS, f"{mark!r} is no sign of a number")
        kind = _NUMBERS[mark]
        return struct.unpack(kind, self._take(struct.calcsize(kind)))[0]

    def _value(self, mark: bytes, depth: int) -> Any:
        _must(depth < _DEEPEST, "it is nested too deeply")
        match mark:
            case b"{":
                return _each_once(self._pairs(depth))
            case b"[":
                return self._array(depth)
            case b"S":
                return self._text()
        return _WORDS[mark] if mark in _WORDS else self._number(mark)

    def _text(self) -> str:
        return self._take(self._number(self._take(1))).decode()

    def _pairs(self, depth: int) -> list[tuple[str, Any]]:
        pairs = []
        while (mark := self._take(1)) != b"}":
            name = self._take(self._number(mark)).decode()
            pairs.append((name, self._value(self._take(1), depth + 1)))
        return pairs

    def _array(self, depth: int) -> Any:
        mark = self._take(1)
        kind = self._take(1) if mark == b"$" else None
        if (mark if kind is None else self._take(1)) == b"#":
            count = self._number(self._take(1))
            if kind is None:
                return [self._value(self._take(1), depth + 1) for _ in range(count)]
            dtype = np.dtype(_NUMBERS[kind])
            return np.frombuffer(self._take(count * dtype.itemsize), dtype)
        found = []
        while mark != b"]":
            found.append(self._value(mark, depth + 1))
            mark = self._take(1)
        return found


def _must(holds: bool, complaint: str) -> None:
    if not holds:
        raise ValueError(complaint)


def _check_model(model: Any) -> None:
    learner = model["learner"]
    booster, param = learner["gradient_booster"], learner["learner_model_param"]
    _must(booster["name"] == "gbtree", "they are no gbtree")
    trees, features = booster["model"]["trees"], int(param["num_feature"])
    info, ends = (_whole(booster["model"], name) for name in ("tree_info", "iteration_indptr"))
    groups = max(1, int(param["num_class"]), int(param.get("num_target", 1)))
    _must(
        len(trees) == len(info) == int(booster["model"]["gbtree_model_param"]["num_trees"])
        and bool(((info >= 0) & (info < groups)).all()),
        "trees are of no class",
    )
    _must(ends[0] == 0 and ends[-1] == len(trees) and bool((np.diff(ends) >= 0).all()), "rounds are of no trees")
    if trees:
        _check_trees(trees, features)


def _check_trees(trees: Sequence[Mapping[str, Any]], features: int) -> None:
    counts = np.array([len(tree["left_children"]) for tree in trees])
    for tree, size in zip(trees, counts, strict=True):
        param = tree["tree_param"]
        _must(int(param["num_nodes"]) == size and int(param["num_feature"]) == features, "sizes differ")
        _must(int(param["size_leaf_vector"]) <= 1 and all(len(tree[one]) == size for one in _OF_NODES), "sizes differ")
        if len(tree["categories_nodes"]) or np.any(tree["split_type"]):
            _check_categories(tree, size)
    left, right, parents, column = (
        np.concatenate([_whole(tree, name) for tree in trees])
        for name in ("left_children", "right_children", "parents", "split_indices")
    )
    _must(are_counts(counts, left, right, parents, column), "sizes differ")
    leaf = left == -1
    _must(lead_on((left, right), counts, leaf=leaf) and bool((right[leaf] == -1).all()), "a node leads nowhere")
    place, first = places(counts), np.cumsum(counts) - counts
    later = place > 0
    earlier = bool(((parents >= 0) & (parents < place))[later].all())
    _must(bool((parents[first] == _ROOT).all()) and earlier, "a node has no parent")
    _must(are_columns(column[~leaf], features), "a column is not there")


def _check_categories(tree: Mapping[str, Any], size: int) -> None:
    """Refuse sets of categories that are not where a node says."""
    nodes, starts, sizes, held = (
        _whole(tree, name) for name in ("categories_nodes", "categories_segments", "categories_sizes", "categories")
    )
    by_set = np.flatnonzero(np.asarray(tree["split_type"]) == 1)
    _must(
        len(nodes) == len(starts) == len(sizes)
        and bool(((nodes >= 0) & (nodes < size)).all())
        and set(by_set.tolist()) <= set(nodes.tolist())
        and bool(((starts >= 0) & (sizes >= 0) & (starts + sizes <= len(held))).all())
        and bool(((held >= 0) & (held < _MOST_CATEGORIES)).all()),
        "a set of categories is not there",
    )


def _whole(of: Mapping[str, Any], name: str) -> NDArray[np.int64]:
    """Return a list of whole numbers."""
    found = np.asarray(of[name])
    _must(found.ndim == 1 and (found.dtype.kind in "iu" or not found.size), f"{name} holds no whole numbers")
    return found.astype(np.int64)
