"""In which order do the starts of a family help? Each is fitted once, on three folds of each of twenty small tables.

    python -m benchmarks.starts DATA [--families NAME...]

DATA holds `keel_suite`, `regression_suite` and `abalone`. What is tried is `spaces.families.catalog.STARTS`, beside the
defaults; rows are kept in `results/starts.jsonl` and not run again. A table counts once all of its starts are tried.
The order is that of a greedy cover: first the defaults, then whatever lowers most the mean over tables of the log of
the best loss so far. Tables were named before any was tried.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import tuner
from benchmarks.results import FOLDER
from spaces import FAMILIES, Family
from spaces.families.catalog import STARTS
from spaces.language.points import nearest_point
from spaces.language.space import Params, configure
from tuner.task.folds import make_folds
from tuner.trials.outcome import Job
from tuner.trials.trial import run_trial

NUMBERS = ("airfoil", "concrete", "mortgage", "wankara", "abalone")
TABLES = (
    "airfoil", "australian", "segment", "tic-tac-toe", "concrete", "contraceptive", "german", "vowel", "wankara",
    "bands", "crx", "led7digit", "mortgage", "breast", "chess", "ionosphere", "abalone", "pima", "sonar", "splice",
)  # fmt: skip
SECONDS = 20.0  # for a fit of three folds; what takes longer stops early and is kept, as in a study
KEPT = FOLDER / "starts.jsonl"
DEFAULTS = "defaults"


def table(data: Path, name: str) -> tuple[pd.DataFrame, str]:
    """Return a table and the name of its target, the last column."""
    if name not in NUMBERS:
        with zipfile.ZipFile(data / "keel_suite" / "keel_dev.zip") as files:
            frame = pd.read_csv(io.BytesIO(files.read(f"{name}.dat")), header=None, skipinitialspace=True)
        frame.columns = [*(f"x{i}" for i in range(frame.shape[1] - 1)), "target"]
        return frame, "target"
    path = data / "abalone" / "abalone.csv" if name == "abalone" else data / "regression_suite" / f"{name}.csv.gz"
    frame = pd.read_csv(path)
    return frame, frame.columns[-1]


def task_of(data: Path, name: str) -> tuner.Task:
    """Return the task: three folds, log loss of classes and the root of squared errors of numbers."""
    frame, target = table(data, name)
    classes = name not in NUMBERS
    frame[target] = frame[target].astype(str) if classes else frame[target].astype(float)
    return tuner.Task(frame, target, metric="log_loss" if classes else "rmse", split={"folds": 3})


def fitted(task: tuner.Task, family: Family, params: Params) -> dict[str, Any]:
    """Return what one fit on three folds came to: its value, its seconds, and whether the clock stopped it."""
    space = family.space(task.signature)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(family.name, 0, 1, configure(space, params), 0, folder, SECONDS)
        outcome = run_trial(job, task, make_folds(task), family=family, report=lambda *_: False, log=lambda *_: None)
    value = math.inf if outcome.value is None else outcome.value
    stopped = any(one is not None for one in outcome.stopped)
    return {"value": value, "seconds": round(outcome.seconds, 2), "stopped": stopped, "error": outcome.error}


def rows_of(data: Path, family: str, kept: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a family, those that are kept as they are."""
    for name in TABLES:
        task = task_of(data, name)
        space = FAMILIES[family].space(task.signature)
        for start, said in {DEFAULTS: {}, **STARTS[family]}.items():
            key = {"set": name, "family": family, "start": start, "params": nearest_point(space, said)}
            known = next((row for row in kept if key.items() <= row.items()), None)
            yield dict(known) if known else {**key, **fitted(task, FAMILIES[family], key["params"]), "fresh": True}


def cover(losses: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the starts in the order in which they help, each with the mean ratio of loss to that of the defaults.

    Args:
        losses: A row a table, a column a start.
    """
    relative = np.log(losses.clip(lower=1e-9)).sub(np.log(losses[DEFAULTS].clip(lower=1e-9)), axis=0)
    order, best = [], relative[DEFAULTS]
    left = [name for name in losses if name != DEFAULTS]
    while left:
        after = {name: np.minimum(best, relative[name]) for name in left}
        chosen = min(left, key=lambda name: float(after[name].mean()))
        best = after[chosen]
        left.remove(chosen)
        order.append((chosen, float(np.exp(best.mean()))))
    return order


def main() -> None:
    """Fit what is missing, and print the order of each family."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--families", nargs="+", choices=list(STARTS), default=list(STARTS))
    given = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    kept = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    for family in given.families:
        rows = []
        for row in rows_of(given.data, family, kept):
            if row.pop("fresh", False):
                with KEPT.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            rows.append(row)
        frame = pd.DataFrame(rows).pivot(index="set", columns="start", values="value").dropna()
        alone = np.exp(np.log(frame).sub(np.log(frame[DEFAULTS]), axis=0).mean())
        print(f"\n{family}: the mean ratio to the defaults of the best so far, and of a start alone")
        for start, ratio in cover(frame):
            print(f"  {start:22} {ratio:.4f} {alone[start]:.4f}")


if __name__ == "__main__":
    main()
