"""Looks at the test rows, the only ones, each of them counted."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.choosing.cross_fitting import paired_difference
from ensembles.ensemble import Ensemble
from ensembles.losses import Undefined, copies
from spaces.machine.disk import alone, write_text
from spaces.machine.torn import read_list
from spaces.rows.table import Rows, Table
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.pool import member_of, too_few
from tuner.scoring.constant import constant_prediction
from tuner.scoring.score import scored_rows
from tuner.search.ledger import Trial
from tuner.task.task import Task
from tuner.trials.scored_folds import absent_classes

_LOOKS = "test_looks.json"
_UNCOUNTED = "restore it, or delete it, and the looks at the test rows so far are not counted"


def test_looks(folder: Path) -> int:
    """Return how often the test rows have been read."""
    return len(_looks(folder / _LOOKS))


def single_ensemble(study: Archive, trial: Trial) -> Ensemble:
    """Return one trial as an ensemble of itself, predicting with the mean of its fold models."""
    task = study.task
    scores = {"ensemble": {"in_sample": trial.value, "cross_fitted": trial.value}}
    return Ensemble("single", task.score.name, (member_of(study, trial, 1.0),), task.schema, task.target, scores)


@dataclass(frozen=True, eq=False)
class Tested:
    """Predictions of the test rows by ensembles, all in one look.

    Attributes:
        study: The study.
        outputs: Of each, by name, `(rows, outputs)`, as the deciding metric is given them.
        scores: Every metric of the task, for each.
    """

    study: Archive
    outputs: dict[str, NDArray[Any]]
    scores: dict[str, dict[str, float]]

    def better(self, one: str, other: str) -> tuple[float, float]:
        """Return by how much the deciding metric is better for one than for another, and the standard error of that.

        The bootstrap draws rows, or blocks of time where rows are in order; of fewer than ten rows or five blocks the
        standard error is NaN.
        """
        task = self.study.task
        assert task.test is not None
        target, weight, group = task.test.target, task.test.weight, task.test.group
        blocks = task.test_drawn_together
        gain, error = paired_difference(
            np.arange(len(target)),
            self.outputs[other],
            self.outputs[one],
            score=lambda rows, outputs: task.score.loss(
                target[rows],
                outputs,
                None if weight is None else weight[rows],
                group=None if group is None else copies(group[rows], rows),
            ),
            groups=blocks,
            strata=target if task.target.of_classes else None,
            seed=task.seed,
        )
        return gain, float("nan") if too_few(len(target), blocks) else error


def score_test_rows(study: Archive, contenders: Mapping[str, Ensemble]) -> Tested:
    """Score several ensembles on the test rows, in one look.

    Nothing else reads the test rows, and the study counts the looks: a test set that is looked at until the number is
    right is a validation set.

    Args:
        study: The study.
        contenders: Ensembles by name.

    Raises:
        StudyError: The task has no test rows, or the deciding metric says nothing of them: that is no look. Or it says
            nothing of what was predicted of them, which is known after a look only.
    """
    task = study.task
    if task.test is None:
        raise StudyError("the task has no test rows: give Task(..., test=...) a share, a data frame or a path")
    try:
        check_defined(task, task.test)
    except Undefined as error:
        raise StudyError(
            f"{task.score.name} is undefined on the test rows: {error}. They were not read, and no look was counted"
        ) from error
    count_look(study.folder, ", ".join(contenders))
    outputs, scores = {}, {}
    for name, ensemble in contenders.items():
        predicted = ensemble.outputs(task.test.table)
        decided = ensemble.decisions(predicted)
        outputs[name] = decided if task.score.metric.needs == "label" else predicted
        scores[name] = scored_rows(task.scores, task.test, predicted, decisions=decided)
        if task.score.name not in scores[name]:
            raise StudyError(_nothing_said(task, task.test, outputs[name], of=name))
    return Tested(study, outputs, scores)


def _nothing_said(task: Task, rows: Rows, outputs: NDArray[Any], *, of: str) -> str:
    """Say why the deciding metric, which is defined on some rows, says nothing of these predictions of them."""
    try:
        task.score.of(rows, outputs)
    except Undefined as error:
        return f"{task.score.name} says nothing of what {of!r} predicts of the test rows: {error}. The look was counted"
    raise AssertionError("a score that is defined was left out")


def check_defined(task: Task, rows: Rows) -> None:
    """Refuse rows on which the deciding metric is undefined.

    Raises:
        Undefined: It is so; the message says why.
    """
    try:
        task.score.of(rows, constant_prediction(task.target, task.rows.target, len(rows)))
    except Undefined as error:
        if not (absent := absent_classes(task.target, rows.target)):
            raise
        raise Undefined(f"class {', '.join(absent)} does not occur in them") from error


def hold_the_test_rows(task: Task, rows: Rows) -> bool:
    """Return whether every test row of the task is among some rows, in whatever order, by digests of both."""
    if task.test is None or len(rows) < len(task.test):
        return False
    return set(_digests(task.test.table)) <= set(_digests(rows.table))


def _digests(table: Table) -> Iterator[bytes]:
    """Yield a digest of each row, whatever sequence it is a step of."""
    for i in range(len(table)):
        digest = hashlib.sha256(table.numbers[i].tobytes())
        digest.update(table.codes[i].tobytes())
        digest.update("\0".join(table.texts[i]).encode() if table.texts is not None else b"")
        for array in table.arrays:
            digest.update(np.asarray(array[i : i + 1]).tobytes())
        yield digest.digest()


def count_look(folder: Path, what: str) -> int:
    """Count a look at the test rows, and return how many there are now.

    Args:
        folder: The study's.
        what: What was looked at.
    """
    path = folder / _LOOKS
    with alone(path):
        looks = _looks(path)
        looks.append({"when": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "what": what})
        write_text(path, json.dumps(looks))
    return len(looks)


def _looks(path: Path) -> list[Any]:
    return read_list(path, instead=_UNCOUNTED) if path.exists() else []
