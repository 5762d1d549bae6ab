"""The folds of a task's rows, each with the slice that early stopping and pruning watch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold
from spaces.rows.table import Rows
from tuner.seeds import derive_seed
from tuner.task.splits import inner_slice
from tuner.task.task import Task


def fold_parts(task: Task) -> list[dict[str, NDArray[np.int64]]]:
    """Return the rows of each fold by part: `full` training rows, `train` and `inner` of them, and `held_out` ones."""
    parts = []
    for k, (train, held_out) in enumerate(task.folds):
        kept, inner = inner_slice(
            train,
            task.rows.target,
            classes=task.target.of_classes,
            groups=task.groups,
            ordered=task.ordered,
            seed=derive_seed(task.seed, "inner", k),
            gap=task.split.gap,
        )
        parts.append({"full": train, "train": kept, "inner": inner, "held_out": held_out})
    return parts


def make_folds(task: Task) -> list[tuple[Fold, Rows]]:
    """Return `(training side, held-out rows)` of each fold, with the inner slice drawn from the task's seed."""
    folds = []
    for k, parts in enumerate(fold_parts(task)):
        rows = {part: task.rows.take(index, f"{task.digest}/{k}/{part}") for part, index in parts.items()}
        folds.append((Fold(rows["full"], rows["train"], rows["inner"], seed=0), rows["held_out"]))
    return folds
