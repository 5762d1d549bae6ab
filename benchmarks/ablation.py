"""What each part of a study is worth: a whole study within a time, and the same without one part at a time.

    python -m benchmarks.ablation DATA [--tables NAME ...] [--without NAME ...] [--seeds 0 1] [--seconds 150] [--core 1]

The six tables are of those that settings are chosen on (`benchmarks/tables.py`), so that nothing here touches what is
reported beside other tools. Each run is a fresh process with one thread, `tune(task, time=...)`, `study.ensemble()` and
predictions of the test rows. Rows are kept in `results/ablation.jsonl`, and are not run again. Printed are the loss
without a part as a ratio of the whole study's, a geometric mean over tables and seeds: above 1, the part is worth that
much. `real_mlp` is no default family, so there the ratio is of the study with it.

| without | what is changed |
|---|---|
| `turns` | families take turns by trials, whatever these cost |
| `early_end` | all folds of every trial are trained |
| `starts` | no family begins with points that are known to be good |
| `tree_space` | boosted trees grow by depth, and choose columns by tree, in narrower ranges |
| `encoding` | `dense` reads numbers as they are, standardised, and is one member |
| `real_mlp` | the family is tried, too |
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import tuner
from benchmarks.environments import ROOT
from benchmarks.results import FOLDER, machine
from benchmarks.standing import loss_of, losses_of
from benchmarks.tables import TARGET, divided
from spaces import FAMILIES
from spaces.families.catalog import fitting

TABLES = ("california", "phoneme", "higgs", "adult", "compactiv", "banana")
WHOLE = "nothing"
NARROW_TREES: Mapping[str, Any] = {
    "learning_rate": {"low": 0.01, "high": 0.3},
    "grow_policy": "depthwise",
    "max_depth": {"low": 3, "high": 10},
    "min_child_weight": {"low": 1.0, "high": 20.0},
    "subsample": {"low": 0.5, "high": 1.0},
    "colsample_bytree": {"low": 0.5, "high": 1.0},
    "colsample_bylevel": 1.0,
    "colsample_bynode": 1.0,
}
WITHOUT: Mapping[str, Mapping[str, Any]] = {
    WHOLE: {},
    "turns": {"turns": "trials"},
    "early_end": {"fold_pruning": False},
    "starts": {},
    "tree_space": {"changes": {"xgboost": NARROW_TREES}},
    "encoding": {"changes": {"dense": {"scaling": "standard", "members": 1}}},
    "real_mlp": {"changes": {"real_mlp": {}}},
}
KEPT = FOLDER / "ablation.jsonl"


def main() -> None:
    """Run what is missing, and print what each part is worth."""
    given = _arguments()
    if given.one:
        print(json.dumps({"loss": measured(given.data, given.tables[0], given.without[0], seed=given.seeds[0],
                                           seconds=given.seconds)}))  # fmt: skip
        return
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    for seed in given.seeds:
        for table in given.tables:
            for without in given.without:
                key = {"set": table, "without": without, "seed": seed, "limit": given.seconds}
                if not any(key.items() <= row.items() for row in kept()):
                    _keep({**key, **_in_fresh_process(given.data, key), "machine": machine()})
    for name, (ratio, error, runs) in worth(kept()).items():
        print(f"without {name:10} {ratio:.3f} of the loss ({error:.3f} standard error, {runs} runs)")


def measured(data: Path, name: str, without: str, *, seed: int, seconds: float) -> float:
    """Return the loss of the test rows of a table."""
    table = divided(data, name)
    metric = "log_loss" if table.classes else "rmse"
    task = tuner.Task(table.train, TARGET, metric=metric)
    given = dict(WITHOUT[without])
    families: Any = {name: {} for name in fitting(task.signature) if name != "baseline"} | given.pop("changes", {})
    if without == "starts":
        families = [replace(FAMILIES[name], starts=()) for name in families]
    with tempfile.TemporaryDirectory() as folder:
        study = tuner.tune(task, families, time=seconds, seed=seed, folder=Path(folder) / "study", **given)
        ensemble = study.ensemble()
        predicted = ensemble.predict_proba(table.test) if table.classes else ensemble.predict(table.test)
    return loss_of(table, losses_of(table, np.asarray(predicted), [str(one) for one in task.target.classes]))


def kept() -> list[dict[str, Any]]:
    """Return the rows that are kept."""
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def worth(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float, int]]:
    """Return for each part the ratio of losses, its standard error, and the number of runs, over common runs."""
    at = {(row["without"], row["set"], row["seed"], row["limit"]): row["loss"] for row in rows}
    ratios: dict[str, list[float]] = defaultdict(list)
    for (without, *run), loss in at.items():
        whole = at.get((WHOLE, *run), math.nan)
        if without != WHOLE and math.isfinite(loss / whole):
            ratios[without].append(math.log(loss / whole))
    return {
        name: (math.exp(np.mean(logs)), float(np.std(logs, ddof=1) / math.sqrt(len(logs))) if logs[1:] else math.nan,
               len(logs))
        for name, logs in ratios.items()
    }  # fmt: skip


def _in_fresh_process(data: Path, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the loss of one run, NaN where it failed, and the seconds of its process."""
    command = [sys.executable, "-m", "benchmarks.ablation", str(data), "--one", "--tables", key["set"]]
    command += ["--without", key["without"], "--seeds", str(key["seed"]), "--seconds", str(key["limit"])]
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}, stdout=subprocess.PIPE, text=True)
    seconds = round(time.monotonic() - started, 1)
    loss = json.loads(done.stdout.splitlines()[-1])["loss"] if not done.returncode else math.nan
    print(f"{key['set']:12} without {key['without']:10} seed {key['seed']}: {loss:.5f}, {seconds} s", flush=True)
    return {"loss": loss, "seconds": seconds}


def _keep(row: Mapping[str, Any]) -> None:
    with KEPT.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--without", nargs="+", choices=list(WITHOUT), default=list(WITHOUT))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--core", type=int, help="the only core that a run may use (Linux)")
    parser.add_argument("--one", action="store_true", help="make one run in this process")
    return parser.parse_args()


if __name__ == "__main__":
    main()
