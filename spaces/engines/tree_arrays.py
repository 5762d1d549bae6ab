"""Trees in a file of arrays: node after node, tree after tree."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.machine.strange import StrangeFile, check_archive

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class AtOnce:
    """Many trees, which one row goes down together, a level at a time, and not tree after tree.

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
    def of(
        counts: NDArray[np.int64],
        children: tuple[NDArray[Any], NDArray[Any]],
        split: tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_]],
        *,
        leaf: NDArray[np.bool_],
        values: NDArray[np.float64],
    ) -> AtOnce:
        """Join trees.

        Args:
            counts: How many nodes each tree has.
            children: The place in its tree of each node's left and right child.
            split: The column of each node, its threshold, and whether what is missing goes left.
            leaf: Whether each node is a leaf.
            values: `(nodes, outputs)`, of leaves what they predict.
        """
        roots = np.cumsum(counts) - counts
        own, begins = np.arange(len(leaf)), np.repeat(roots, counts)
        joined = np.stack([np.where(leaf, own, begins + child) for child in children]).astype(np.int32)
        column, threshold, left_without = split
        column = np.where(leaf, 0, column).astype(np.int32)
        return AtOnce(roots, joined, (column, threshold.copy(), left_without), values)

    def __call__(self, row: NDArray[Any]) -> NDArray[np.float64]:
        """Return what each tree predicts of a row `(columns,)`, `(trees, outputs)`."""
        at, (column, threshold, left_without) = self.roots, self.split
        while (self.children[0, at] != at).any():  # a stored depth may be forged
            read = row[column[at]]
            left = np.where(np.isnan(read), left_without[at], read <= threshold[at])
            at = np.where(left, self.children[0, at], self.children[1, at])
        return self.values[at]


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays, lightly packed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def read_arrays(path: Path, kinds: Mapping[str, Any]) -> Arrays:
    """Read what `write_arrays` wrote.

    Args:
        path: The file.
        kinds: The type of each array.

    Raises:
        StrangeFile: The arrays have other names or types.
    """
    check_archive(path)
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    if arrays.keys() != kinds.keys() or any(arrays[name].dtype != kind for name, kind in kinds.items()):
        raise no_trees(path)
    return arrays


def no_trees(path: Path) -> StrangeFile:
    """Return the error that says so."""
    return StrangeFile(f"{path} holds no trees as we write them")


def are_counts(counts: NDArray[Any], *of_nodes: NDArray[Any]) -> bool:
    """Tell whether numbers of nodes add up to the length of arrays that hold a number for each node."""
    return (
        counts.ndim == 1
        and len(counts) > 0
        and bool((counts > 0).all())
        and all(array.shape == (counts.sum(),) for array in of_nodes)
    )


def places(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return the place of each node in its tree.

    >>> places(np.array([3, 2])).tolist()
    [0, 1, 2, 0, 1]
    """
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def lead_on(children: tuple[NDArray[Any], NDArray[Any]], counts: NDArray[Any], *, leaf: NDArray[Any]) -> bool:
    """Tell whether every node but a leaf leads to later ones of its tree.

    Args:
        children: The place in its tree of each node's left and right child.
        counts: How many nodes each tree has.
        leaf: Whether each node is a leaf.
    """
    place, size = places(counts), np.repeat(counts, counts)
    return all(bool(((place < child) & (child < size))[~leaf].all()) for child in children)


def are_columns(found: NDArray[Any], columns: int) -> bool:
    """Tell whether numbers are those of columns that are there."""
    return bool(((found >= 0) & (found < columns)).all())
