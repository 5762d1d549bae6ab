"""Scores on rows that a person brings along, with their labels."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ensembles.ensemble import Ensemble
from spaces.inputs.files import DataError
from spaces.machine.mistakes import briefly
from spaces.rows.columns import Schema
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, Target
from tuner.archive.report import leaderboard
from tuner.archive.study_folder import Archive
from tuner.ensembling.costs import megabytes, milliseconds
from tuner.ensembling.looks import count_look, hold_the_test_rows, single_ensemble
from tuner.scoring.metrics import METRICS, check_ranks
from tuner.scoring.score import Metric, Score, scored_rows
from tuner.scoring.several_targets import WEIGHTED, scores_of
from tuner.search.ledger import Trial
from tuner.task.labelled import check_weights, labelled_rows
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
    found = _labelled(task.schema, task.target, rows, y=y, sample_weight=sample_weight, group=task.group)
    check_ranks(task.scores, found, f"{_OF}: ")
    if hold_the_test_rows(task, found):
        looks = count_look(study.folder, "rows of a user's")
        logging.getLogger("tuner").warning("the test rows are among these rows: look %d at them is counted", looks)
    return found


def _labelled(
    schema: Schema, target: Target, rows: Any, *, y: Any, sample_weight: Any, group: str | None = None
) -> Rows:
    """Read rows with their labels and weights by what training rows taught."""
    if any(part.follows for part in target.each) and not isinstance(rows, Mapping):
        raise DataError(
            "rows of a forecast are windows of a series, with what came after them beside: hand over "
            f"({{{schema.arrays[0].name!r}: windows, 'table': frame}}, y), or set a share of the series aside, "
            "tuner.series_task(..., test=0.2), which ensemble.test() reads"
        )
    if y is None and isinstance(rows, np.ndarray) and target.kind != ITSELF:
        raise DataError("an array has no column of the target: hand over its labels too, evaluate(array, y)")
    named = sample_weight if isinstance(sample_weight, str) else None
    given = rows if y is None else (rows, _in_order(y, [part.name for part in target.each]))
    check_alignment(rows, y)
    found = labelled_rows(given, schema, target, sample_weight=named, group=group, of=_OF)
    if sample_weight is None or named is not None:
        return found
    weight = pd.Series(np.asarray(sample_weight))
    if len(weight) != len(found):
        raise DataError(f"sample_weight: {len(found)} numbers are needed, one a row, got {len(weight)}")
    check_weights(weight, "sample_weight")
    return replace(found, weight=weight.to_numpy(np.float64))


def _in_order(y: Any, names: list[str]) -> Any:
    """Return the columns of a frame in the order of the targets, where it names them."""
    return y[names] if isinstance(y, pd.DataFrame) and set(names) <= set(y.columns) else y


def evaluation_of(study: Archive, ensemble: Ensemble, rows: Rows) -> dict[str, float]:
    """Return every metric of the task, NaN where it is undefined on these rows."""
    return _metrics(study.task.scores, ensemble, rows, outputs=ensemble.outputs(rows.table))


@briefly
def evaluate(
    ensemble: Ensemble,
    rows: Any,
    y: Any = None,
    *,
    metrics: Sequence[str | Metric] = (),
    sample_weight: Any = None,
    group: str | None = None,
) -> dict[str, float]:
    """Score an ensemble that `tuner.load` returned on rows with their labels, without its study.

    Args:
        ensemble: The ensemble.
        rows: As for `ensemble.predict`, with the columns of the target unless labels stand beside.
        y: Labels or values, `(rows,)`, or of several targets `(rows, targets)`.
        metrics: Further metrics, names or `tuner.Metric`. A metric of your own that the ensemble was made for counts
            where it is among these; RMSE or log loss stands in its place otherwise.
        sample_weight: How much each row counts: a column, or numbers `(rows,)`.
        group: The column that says which rows are ranked together, for metrics by group.

    Returns:
        The metrics by name, that of the ensemble first; NaN where one is undefined on these rows.

    Raises:
        DataError, TableError: Rows, labels or weights cannot be used.
        ValueError: A metric is unknown or does not fit the target.
    """
    found = _labelled(ensemble.schema, ensemble.target, rows, y=y, sample_weight=sample_weight, group=group)
    known = METRICS | {one.name: one for one in metrics if isinstance(one, Metric)}
    _, scores = scores_of(ensemble.target, found.target, known.get(ensemble.metric), metrics=metrics)
    shown = [score for score in scores if score.name != WEIGHTED]  # it is a share of what only the study knows
    check_ranks(shown, found, f"{_OF}: ")
    return _metrics(shown, ensemble, found, outputs=ensemble.outputs(found.table))


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
    found = _metrics(study.task.scores, one, rows, outputs=outputs)
    return {
        **{f"evaluated_{name}": value for name, value in found.items()},
        "ms_per_row": of_all / len(rows),
        "ms_per_call": call,
        "megabytes": megabytes(one.members[0]),
    }


def _metrics(
    scores: Sequence[Score], ensemble: Ensemble, rows: Rows, *, outputs: NDArray[np.float64]
) -> dict[str, float]:
    found = scored_rows(scores, rows, outputs, decisions=ensemble.decisions(outputs))
    return {score.name: found.get(score.name, math.nan) for score in scores}
