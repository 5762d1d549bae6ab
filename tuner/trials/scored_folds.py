"""Which folds a metric can score: known before the first trial, and the same for all trials.

A metric such as ROC AUC says nothing of a fold in whose held-out rows a class does not occur. Such a fold is left out
of the mean, and counted.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.losses import Undefined
from spaces.rows.target import Target
from tuner.scoring.constant import constant_prediction
from tuner.scoring.score import Score, Unanswered
from tuner.task.task import Task

_FEWEST = 2


def scored_folds(task: Task) -> tuple[int, ...]:
    """Return the folds in whose held-out rows the deciding metric is defined."""
    return tuple(k for k in range(len(task.folds)) if _constant_score(task, task.score, k) is not None)


def check_metrics(task: Task) -> None:
    """Refuse metrics with which no trial could be scored, before the first one runs.

    Raises:
        ValueError: The deciding metric is undefined in too many folds, or a metric raises, or returns no finite number,
            where the same is predicted for every row.
    """
    for score in task.scores:
        for k in range(len(task.folds)):
            _check_number(task, score, k)
    folds = scored_folds(task)
    if len(folds) < min(_FEWEST, len(task.folds)):
        advice = (
            "Leave the rows of such a class out or join it to another, use fewer folds or split='stratified', or "
            "choose a metric that is defined for any rows, such as log_loss"
        )
        if task.score.metric.by_group:
            advice = (
                "It says something of a group of two rows or more, one of them relevant: use fewer folds, or more data"
            )
        raise ValueError(
            f"{task.score.name} can be scored on {_counted(task, folds)}: {_what_lacks(task, folds)}. {advice}"
        )


def left_out(task: Task) -> str:
    """Say which folds the deciding metric leaves out, and groups of rows, and why; nothing where it scores all."""
    folds, (counted, groups) = scored_folds(task), scored_groups(task)
    said = []
    if len(folds) < len(task.folds):
        said.append(f"{task.score.name} is scored on {_counted(task, folds)}: {_what_lacks(task, folds)}")
    if counted < groups:
        said.append(
            f"{task.score.name} is the mean over {counted:,} of {groups:,} groups: the others have a single row or no "
            "relevant one"
        )
    return "; ".join(said)


def scored_groups(task: Task) -> tuple[int, int]:
    """Return of how many groups of held-out rows the deciding metric says something, and how many there are.

    Returns:
        Both 0 where the metric is none by group.
    """
    if not task.score.metric.by_group or task.rows.group is None:
        return 0, 0
    each = []
    for train, held_out in task.folds:
        predicted = constant_prediction(task.target, task.rows.target[train], len(held_out))
        each.append(task.score.of_groups(task.rows.target[held_out], predicted, task.rows.group[held_out]))
    found = np.concatenate(each)
    return int((~np.isnan(found)).sum()), len(found)


def absent_classes(target: Target, values: NDArray[Any]) -> list[str]:
    """Return the classes that do not occur in some rows, with the target's name where there are several.

    Args:
        target: The target, or several as one.
        values: Class indices or values, `(rows,)`; `(rows, targets)` of several.
    """
    found = []
    for i, part in enumerate(target.each):
        codes = target.column(values, i) if target.parts else values
        name = f" of {part.name!r}" if target.parts else ""
        found += [f"{label!r}{name}" for k, label in enumerate(part.classes) if not (codes == k).any()]
    return found


def _constant_score(task: Task, score: Score, fold: int) -> float | None:
    """Return what a score says of the baseline's prediction of a fold, None where it is undefined."""
    train, held_out = task.folds[fold]
    predicted = constant_prediction(task.target, task.rows.target[train], len(held_out))
    weight, group = task.rows.weight, task.rows.group
    try:
        return score(
            task.rows.target[held_out],
            predicted,
            None if weight is None else weight[held_out],
            group=None if group is None else group[held_out],
        )
    except Unanswered:
        raise
    except Undefined:
        return None


def _check_number(task: Task, score: Score, fold: int) -> None:
    expected = (
        "A metric returns a finite number also where the same is predicted for every row, as the common-sense baseline "
        "does; where it says nothing of some rows it raises tuner.Undefined"
    )
    try:
        found = _constant_score(task, score, fold)
    except Unanswered as error:
        if error.cause is None:
            raise ValueError(f"metric {score.name!r} is nan on fold {fold}. {expected}") from error
        text = f"{type(error.cause).__name__}: {error.cause}"
        raise ValueError(f"metric {score.name!r} failed on fold {fold} with {text}. {expected}") from error
    except Exception as error:  # of groups, whatever a function of the user's raises
        text = f"{type(error).__name__}: {error}"
        raise ValueError(f"metric {score.name!r} failed on fold {fold} with {text}. {expected}") from error
    if found is not None and not math.isfinite(found):
        raise ValueError(f"metric {score.name!r} is {found} on fold {fold}. {expected}")


def _counted(task: Task, folds: tuple[int, ...]) -> str:
    return f"{len(folds)} of {len(task.folds)} folds"


def _what_lacks(task: Task, folds: tuple[int, ...]) -> str:
    """Say which classes the other folds lack; where it is no class, which folds they are."""
    others = [k for k in range(len(task.folds)) if k not in folds]
    lacking: dict[str, list[str]] = {}
    for k in others:
        for name in absent_classes(task.target, task.rows.target[task.folds[k][1]]):
            lacking.setdefault(name, []).append(str(k))
    if not lacking:
        return f"it is undefined in fold {', '.join(map(str, others))}"
    each = [f"class {name} does not occur in the held-out rows of fold {', '.join(of)}" for name, of in lacking.items()]
    return "; ".join(each)
