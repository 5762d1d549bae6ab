"""What a wrapper costs when a model predicts: nothing but its own part, as its networks run with all others.

Ratios of one run, least times of several: a forecast of changes beside the same of levels, a network for each of three
targets beside three networks, a joint model beside its trees, its network and its correction, each run once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import tuner
from benchmarks.results import save
from spaces import FAMILIES, defaults, narrow
from spaces.engines.contract import Fitted
from spaces.engines.together import Together
from spaces.families.joint.fit import fit_joint
from spaces.rows.table import Table
from tuner.task.folds import make_folds

ROWS = (1, 10_000)


def run(*, quick: bool = False, repeats: int = 1) -> None:
    """Measure, print, and keep the ratios unless it is a quick run."""
    times = 5 if quick else 30
    measured = [*_forecast(times), *_targets(times), *_joint(times)]
    print(pd.DataFrame(measured).to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    if not quick:
        save("wrapped", {"ratios": measured})


def _forecast(times: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    wave = pd.DataFrame({"load": np.cumsum(rng.normal(size=400)), "wind": rng.normal(size=400)})
    task = tuner.series_task(wave, "load", window=24, horizon=1, split={"folds": 2})
    names = ("series_conv", "series_recurrent")
    change = [_fitted(task, name, k, epochs=1) for name in names for k in range(2)]
    level = [_fitted(task, name, k, epochs=1, predicts="level") for name in names for k in range(2)]
    return _ratios("a forecast of changes / of levels", task, [change], [level], times)


def _targets(times: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 8)), columns=[f"x{i}" for i in range(8)])
    targets = frame[["x0", "x1", "x2"]].rename(columns={"x0": "a", "x1": "b", "x2": "c"})
    task = tuner.Task(frame, targets, kind="regression", split={"folds": 2})
    each: Any = _fitted(task, "wide_and_deep", 0, epochs=1)
    return _ratios("three targets / three members", task, [[each]], [list(each.fitted)], times)


def _joint(times: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 8)), columns=[f"x{i}" for i in range(8)])
    frame["y"] = frame["x0"] * frame["x1"] + rng.normal(size=600)
    task = tuner.Task(frame, "y", split={"folds": 2})
    fold = replace(make_folds(task)[0][0], seed=1)
    tree, tower = _fitted(task, "xgboost", 0, n_estimators=200), _fitted(task, "dense", 0, epochs=1)
    said = np.stack([one.predict(fold.train.table) for one in (tree, tower)])
    half = np.array([0.5, 0.5])
    joint: Any = fit_joint(
        tree, tower, fold, coefficients=half, predicted=said, signature=task.signature, penalties=(1.0,), epochs=1
    )
    _, correction = joint.networks
    alone = type(correction).fuse([correction])
    found = []
    for rows in ROWS:
        table = _rows(task, rows)
        made = tuple(reader.matrix(table) for reader in joint.readers)

        def top(table: Table = table, made: Any = made) -> Any:  # its own columns, the leaves, and its network
            return alone([joint.feeds((joint.wide.prepared.matrix(table), *made[1:]))[1]])

        calls = [_caller([one], table) for one in (joint, tree, tower)]
        whole, *parts = _least([*calls, top], _few(times, rows))
        found.append(_row("the joint model / its parts", rows, whole, sum(parts)))
    return found


def _ratios(
    what: str, task: tuner.Task, ours: Sequence[Sequence[Fitted]], theirs: Sequence[Sequence[Fitted]], times: int
) -> list[dict[str, Any]]:
    found = []
    for rows in ROWS:
        table = _rows(task, rows)
        seconds = _least([_caller(some, table) for some in (*ours, *theirs)], _few(times, rows))
        found.append(_row(what, rows, sum(seconds[: len(ours)]), sum(seconds[len(ours) :])))
    return found


def _caller(fitted: Sequence[Fitted], table: Table) -> Callable[[], Any]:
    together = Together(fitted)
    together(table)
    return lambda: together(table)


def _row(what: str, rows: int, ours: float, theirs: float) -> dict[str, Any]:
    return {"what": what, "rows": rows, "ms": 1000 * ours, "beside ms": 1000 * theirs, "ratio": ours / theirs}


def _rows(task: tuner.Task, rows: int) -> Table:
    """Return so many rows that have no name, so that nothing made of them is remembered."""
    return task.rows.table.take(np.arange(rows) % len(task.rows))


def _fitted(task: tuner.Task, name: str, fold: int, **changes: Any) -> Fitted:
    config = defaults(narrow(FAMILIES[name].space(task.signature), changes))
    model = FAMILIES[name].build(config, task.signature)
    return next(iter(model.fit([replace(make_folds(task)[fold][0], seed=fold)], lambda *_: None)))


def _least(calls: Sequence[Callable[[], Any]], times: int) -> list[float]:
    """Return the least seconds of each of some calls, made in turn so that a slow moment meets all; the first trace."""
    for call in calls:
        call()
    return [min(of) for of in zip(*([_seconds(call) for call in calls] for _ in range(times)), strict=True)]


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _few(times: int, rows: int) -> int:
    """Return how often to measure: many rows take long, and differ little."""
    return times if rows == 1 else max(2, times // 6)
