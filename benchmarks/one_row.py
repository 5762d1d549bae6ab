"""One row through an ensemble of ten members, five folds each, beside a loop over `model.predict`; and how it begins.

CPU time (`time.process_time`) of one process and one thread, medians: what else the machine does matters less to it.
Ours is the public `predict_proba` of a dict and of a frame of one row, checks and preprocessing included. The loop
calls Keras' `predict` for each network of each fold, and for trees and linear models their own, on rows that are
already preprocessed. Beginning is `load(); warm_up()` in a fresh process, imports included.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import save

MEMBERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("dense", {"units": 64}),
    ("dense", {"units": 64, "scaling": "standard"}),
    ("dense", {"units": 96}),
    ("dense", {"units": 128}),
    ("wide_and_deep", {}),
    ("xgboost", {"n_estimators": 200}),
    ("xgboost", {"n_estimators": 200, "max_depth": 4}),
    ("random_forest", {}),
    ("linear", {}),
    ("deep_trees", {}),
)
_BEGIN = """
import sys, time
import tuner
tuner.load(sys.argv[1]).warm_up()
print(time.process_time())
"""


def run(*, quick: bool, repeats: int) -> None:
    """Measure, print and keep the numbers."""
    del repeats
    os.environ["OMP_NUM_THREADS"] = "1"
    times = 5 if quick else 50
    with tempfile.TemporaryDirectory() as folder:
        bundle, rows = _bundle(Path(folder), folds=2 if quick else 5)
        found = {"begin_cpu_seconds": _begin(bundle, 1 if quick else 3), **_one_row(bundle, rows, times)}
    print(json.dumps(found, indent=1))
    if not quick:
        save("one_row", found)


def _one_row(bundle: Path, rows: Any, times: int) -> dict[str, float]:
    import tuner

    loaded = tuner.load(bundle).warm_up()
    frame = rows.iloc[[7]]
    row = frame.iloc[0].to_dict()
    table = loaded._table(row)
    calls = [_own_call(one, table) for one in loaded._together._fitted]

    def loop() -> None:
        for call in calls:
            call()

    as_dict = _cpu_ms(lambda: loaded.predict_proba(row), times)
    as_frame = _cpu_ms(lambda: loaded.predict_proba(frame), times)
    loop_ms = _cpu_ms(loop, max(3, times // 10))
    return {
        "dict_cpu_ms": as_dict,
        "frame_cpu_ms": as_frame,
        "loop_cpu_ms": loop_ms,
        "loop_by_dict": loop_ms / as_dict,
        "loop_by_frame": loop_ms / as_frame,
    }


def _own_call(fitted: Any, table: Any) -> Callable[[], Any]:
    """Return a call of the library's own `predict`, of a row that is preprocessed already."""
    read = tuple(reader.matrix(table) for reader in fitted.readers)
    if fitted.library == "deep_trees":
        (fed,), trees = fitted.feeds(read), fitted.trees
        units = fitted.columns.matrix(table)
        return lambda: (fitted.columns.body.predict(fed, verbose=0), trees.booster.inplace_predict(units))
    if fitted.networks:
        (fed,) = fitted.feeds(read)
        return lambda: fitted.model.predict(fed, verbose=0)
    if hasattr(fitted, "booster"):
        return lambda: fitted.booster.inplace_predict(read[0])
    return lambda: fitted.estimator.predict_proba(read[0])


def _begin(bundle: Path, times: int) -> float:
    """Return the CPU seconds of a fresh process that loads an ensemble and warms it up."""
    command = [sys.executable, "-c", _BEGIN, str(bundle)]
    runs = (subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(times))
    return statistics.median(float(done.stdout.split()[-1]) for done in runs)


def _bundle(folder: Path, *, folds: int) -> tuple[Path, Any]:
    """Train the members for a moment, and save them as an ensemble."""
    from sklearn.datasets import load_breast_cancer

    import tuner
    from ensembles.ensemble import Ensemble
    from ensembles.member import Member
    from spaces.families.catalog import FAMILIES
    from spaces.language.narrow import narrow
    from spaces.language.space import defaults
    from tuner.task.folds import make_folds

    frame = load_breast_cancer(as_frame=True).frame
    task = tuner.Task(frame, "target", split={"kind": "kfold", "folds": folds})
    sides = [train for train, *_ in make_folds(task)]
    members = []
    for number, (name, changes) in enumerate(MEMBERS):
        space = FAMILIES[name].space(task.signature)
        few = {"epochs": 2} if "epochs" in space else {}
        model = FAMILIES[name].build(defaults(narrow(space, changes | few)), task.signature)
        places = []
        for k, fitted in enumerate(model.fit(sides, lambda *_: None)):
            places.append(folder / f"{name}-{number}-{k}")
            places[-1].mkdir()
            fitted.save(places[-1])
        members.append(Member(f"{name}-{number}", name, 1 / len(MEMBERS), tuple(places)))
    made = Ensemble("uniform", "log_loss", tuple(members), task.schema, task.target, {})
    return made.save(folder / "bundle"), frame.drop(columns="target")


def _cpu_ms(function: Callable[[], Any], times: int) -> float:
    function()
    taken = []
    for _ in range(times):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return 1000 * statistics.median(taken)
