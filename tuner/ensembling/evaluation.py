"""Scores on rows that a person brings along, with their labels."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ensembles.ensemble import Ensemble
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF
from tuner.archive.report import leaderboard
from tuner.archive.study_folder import Archive
from tuner.ensembling.costs import megabytes, milliseconds
from tuner.ensembling.looks import count_look, hold_the_test_rows, single_ensemble
from tuner.scoring.metrics import check_ranks
from tuner.scoring.score import scored_rows
from tuner.search.ledger import Trial
from tuner.task.labelled import check_weights, labelled_rows
from tuner.task.reading import DataError
from tuner.task.targets import check_alignment

_OF = "rows"  # as complaints begin


def read_rows(study: Archive, rows: Any, y: Any = None, *, sample_weight: Any = None) -> Rows:
    """Read rows with their labels; where all test rows are among them, a look is counted.

    Args:
        study: The study.
        rows: As `Ensemble.predict` takes them, with the columns of the target unless labels stand beside.
        y: Labels or values, `(rows,)`, or of several targets `(rows, targets)`.
        sample_weight: The column that says how much each row counts, or numbers `(rows,)`.

    Raises:
        DataError, TableError: They cannot be used.
    """
    task = study.task
    if task.rows.weight is not None and sample_weight is None:
        raise DataError(
            "the task's rows have weights, and its metrics count by them: name the column, sample_weight='...', or "
            "hand over numbers, all ones where every row counts alike"
        )
    if any(part.follows for part in task.target.each) and not isinstance(rows, Mapping):
        raise DataError(
            "rows of a forecast are windows of a series, with what came after them beside: hand over "
            f"({{{task.schema.arrays[0].name!r}: windows, 'table': frame}}, y), or set a share of the series aside, "
            "tuner.series_task(..., test=0.2), which ensemble.test() reads"
        )
    if y is None and isinstance(rows, np.ndarray) and task.target.kind != ITSELF:
        raise DataError("an array has no column of the target: hand over its labels too, evaluate(array, y)")
    named = sample_weight if isinstance(sample_weight, str) else None
    given = rows if y is None else (rows, _in_order(y, [part.name for part in task.target.each]))
    check_alignment(rows, y)
    found = labelled_rows(given, task.schema, task.target, sample_weight=named, group=task.group, of=_OF)
    check_ranks(task.scores, found, f"{_OF}: ")
    if sample_weight is not None and named is None:
        weight = pd.Series(np.asarray(sample_weight))
        if len(weight) != len(found):
            raise DataError(f"sample_weight: {len(found)} numbers are needed, one a row, got {len(weight)}")
        check_weights(weight, "sample_weight")
        found = replace(found, weight=weight.to_numpy(np.float64))
    if hold_the_test_rows(task, found):
        looks = count_look(study.folder, "rows of a user's")
        logging.getLogger("tuner").warning("the test rows are among these rows: look %d at them is counted", looks)
    return found


def _in_order(y: Any, names: list[str]) -> Any:
    """Return the columns of a frame in the order of the targets, where it names them."""
    return y[names] if isinstance(y, pd.DataFrame) and set(names) <= set(y.columns) else y


def evaluate(study: Archive, ensemble: Ensemble, rows: Rows) -> dict[str, float]:
    """Return every metric of the task, NaN where it is undefined on these rows."""
    return _metrics(study, ensemble, rows, outputs=ensemble.outputs(rows.table))


def evaluated_leaderboard(study: Archive, rows: Rows) -> pd.DataFrame:
    """Return the leaderboard with what every model makes of some rows, and what it costs.

    Returns:
        Beside the usual columns every metric as `evaluated_...`, `ms_per_row` (milliseconds for a row of many),
        `ms_per_call` (for a row alone) and `megabytes` on disk; NaN where a trial has no model.
    """
    board = leaderboard(study)
    usable = [trial for trial in study.complete if study.has_models(trial)]
    found = pd.DataFrame({trial.name: _evaluated(study, trial, rows) for trial in usable}).T
    return board.join(found, on="trial")


def _evaluated(study: Archive, trial: Trial, rows: Rows) -> dict[str, float]:
    one, row = single_ensemble(study, trial), rows.table.take(slice(0, 1))
    call = milliseconds(lambda: one.outputs(row))
    start = time.perf_counter()
    outputs = one.outputs(rows.table)
    of_all = 1000 * (time.perf_counter() - start)
    found = _metrics(study, one, rows, outputs=outputs)
    return {
        **{f"evaluated_{name}": value for name, value in found.items()},
        "ms_per_row": of_all / len(rows),
        "ms_per_call": call,
        "megabytes": megabytes(one.members[0]),
    }


def _metrics(study: Archive, ensemble: Ensemble, rows: Rows, *, outputs: NDArray[np.float64]) -> dict[str, float]:
    scores, decided = study.task.scores, ensemble.decisions(outputs)
    found = scored_rows(scores, rows, outputs, decisions=decided)
    return {score.name: found.get(score.name, math.nan) for score in scores}
