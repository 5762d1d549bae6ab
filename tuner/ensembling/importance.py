"""How much an ensemble needs each column: what its score loses on held-out rows when the column is shuffled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ensembles.combiners.combiner import Combiner
from ensembles.ensemble import Ensemble
from ensembles.losses import Undefined
from spaces.engines.together import Together
from spaces.rows.columns import Schema
from spaces.rows.table import Rows, Table
from spaces.store import load_fitted
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.looks import check_defined
from tuner.scoring.score import Score

_ROWS = 500  # of a fold


def column_importances(study: Archive, ensemble: Ensemble, seconds: float) -> dict[str, Any] | None:
    """Return how much worse the score gets when a column is shuffled, by the mean over folds.

    Each fold's models predict the rows that were held out of them, at most 500 of a fold. Breiman, "Random Forests",
    Machine Learning, 2001.

    Args:
        study: The study.
        ensemble: An ensemble of its trials.
        seconds: Begin no further column after so long; it counts from when the first fold's models are loaded.

    Returns:
        `columns`, a list of `{"column", "worse", "folds"}` in order of importance, and how many columns there `are`;
        None where rows are steps of sequences, or the ensemble has models without folds.
    """
    task, combine, end = study.task, ensemble.combine, float("inf")
    folders = [member.of_folds for member in ensemble.members]
    if task.schema.sequence is not None or any(len(one) != len(task.folds) for one in folders):
        return None
    worse: dict[str, list[float]] = {}
    for k, (_, held_out) in enumerate(task.folds):
        if time.monotonic() > end:
            break
        rng = np.random.default_rng([task.seed, k])
        chosen = _some(held_out, task.rows.group, rng)
        rows = task.rows.take(chosen)
        together = Together([load_fitted(one[k]) for one in folders])
        known = _loss(task.score, combine, _combined(combine, together, rows.table), rows=rows)
        end = min(end, time.monotonic() + seconds)
        for name, shuffled in _shuffled(rows.table, task.schema, rng):
            if time.monotonic() > end:
                break
            outputs = _combined(combine, together, shuffled)
            worse.setdefault(name, []).append(_loss(task.score, combine, outputs, rows=rows) - known)
    table = [{"column": name, "worse": float(np.mean(each)), "folds": each} for name, each in worse.items()]
    return {"columns": sorted(table, key=lambda one: -one["worse"]), "are": len(_usable(task.schema))}


def permutation_importance(study: Archive, ensemble: Ensemble, rows: Rows, *, repeats: int, seed: int) -> pd.DataFrame:
    """Return how much worse the deciding metric gets on rows when a column is shuffled; see `Predictor.importance`.

    Raises:
        StudyError: The metric is undefined on these rows.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    task = study.task
    try:
        check_defined(task, rows)
    except Undefined as error:
        raise StudyError(f"{task.score.name} is undefined on these rows: {error}") from error

    def loss(table: Table) -> float:
        return _loss(task.score, ensemble.combine, ensemble.outputs(table), rows=rows)

    known, rng = loss(rows.table), np.random.default_rng(seed)
    worse: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, shuffled in _shuffled(rows.table, task.schema, rng):
            worse.setdefault(name, []).append(loss(shuffled) - known)
    found = pd.DataFrame(
        {"column": name, "importance": float(np.mean(each)), "std": float(np.std(each))} for name, each in worse.items()
    )
    return found.sort_values("importance", ascending=False, ignore_index=True)


def _some(held_out: NDArray[np.int64], group: NDArray[np.int64] | None, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return some rows, sorted; of rows in groups whole ones, the first of which may be larger."""
    if group is None or len(held_out) <= _ROWS:
        return np.sort(rng.choice(held_out, min(_ROWS, len(held_out)), replace=False))
    names, of, counts = np.unique(group[held_out], return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    kept = order[: max(1, int(np.searchsorted(np.cumsum(counts[order]), _ROWS, side="right")))]
    return np.sort(held_out[np.isin(of, kept)])


def _usable(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns if column.kind != "sequence"]


def _combined(combine: Combiner, together: Together, table: Table) -> NDArray[np.float64]:
    return combine(np.stack(together(table)).astype(np.float64), table.joined())


def _loss(score: Score, combine: Combiner, outputs: NDArray[np.float64], *, rows: Rows) -> float:
    decided = combine.decide(outputs) if score.metric.needs == "label" else outputs
    return score.sign * score.of(rows, decided)


def _shuffled(table: Table, schema: Schema, rng: np.random.Generator) -> Iterator[tuple[str, Table]]:
    """Yield each column's name, and the rows with that column's values drawn from other rows."""
    table = replace(table, key=None, origin=None)
    number = code = text = array = 0
    for column in schema.columns:
        order = rng.permutation(len(table))
        if column.kind == "sequence":
            continue
        if column.kind == "category":
            yield column.name, replace(table, codes=_moved(table.codes, slice(code, code + 1), order))
            code += 1
        elif column.kind == "text":
            assert table.texts is not None
            yield column.name, replace(table, texts=_moved(table.texts, slice(text, text + 1), order))
            text += 1
        elif column.tabular:
            place = slice(number, number + column.n_numbers)
            yield column.name, replace(table, numbers=_moved(table.numbers, place, order))
            number = place.stop
        else:
            arrays = list(table.arrays)
            arrays[array] = np.asarray(arrays[array])[order]
            yield column.name, replace(table, arrays=tuple(arrays))
            array += 1


def _moved(values: NDArray[Any], place: slice, order: NDArray[np.int64]) -> NDArray[Any]:
    found = values.copy()
    found[:, place] = values[order, place]
    return found
