"""The driver's own time for each trial, after 10, 500 and 2,000 finished trials.

Measured on the real path: `tuner.tune` with one worker process, the SQLite ledger and MLflow in SQLite, the real
space of the `dense` family, three folds, the median pruner (which is asked, but not obeyed, so that every trial costs
its five reports). Only training is left out: the worker sleeps a moment and makes up an outcome (see `pretend`),
reporting at every rung and fold as a network does. The finished trials are put into the ledger with
`study.add_trials`, in the form in which `Ledger.tell` leaves them, and sent to MLflow (without curves) before the
clock runs.

How to read it. All times are CPU time of the thread that does the work, so that they do not depend on what else the
machine does: waiting for the worker, for the disk and for a database is not in them, nor what a database's server
computes itself. A cycle reaches from one `ask` to the next. `whole` is what the driver computes in a cycle: what a
trial costs on top of its training. Its parts are `ask` (the sampler), `equal` (was it run before?), `reports` (all
five reports and pruning decisions), `tell`, and `rest` (limits, whose turn it is, the best so far, folders).
`tracking` is the time a trial takes in MLflow's thread, beside the driver, curves included, and `note` one refresh of
the parent run's leaderboard, at most every three seconds, in that thread too. Medians in milliseconds; `mean` is the
mean of `whole`. `first ask` is the one after a restart, when everything is read. The aim is a `whole` under 150 ms at
2,000 trials.

All is measured with the ledger in PostgreSQL, too, where that is installed, on loopback. `ratio` is its `whole` to that
of SQLite.

Rows are kept in `results/driver.jsonl`; what is there is not measured again, unless the file is deleted.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import optuna

import tuner
from benchmarks.database import borrowed, database
from benchmarks.pretend import EPOCHS_OF_BUDGET, made_up_error, pretend_dense, pretend_task
from benchmarks.results import FOLDER
from spaces.language.space import Space, flatten, sample, suggest
from tuner.archive.report import print_table
from tuner.archive.study_folder import read_study_file
from tuner.launch import mlflow_page as page_module
from tuner.launch.mlflow_page import StudyPage
from tuner.launch.tune import plan_of
from tuner.search.ledger import Ledger
from tuner.search.transaction import one_transaction
from tuner.study import Study
from tuner.tracking.client import default_uri
from tuner.tracking.tracker import Tracker
from tuner.trials.outcome import Outcome
from tuner.trials.trial import RUNGS

SAMPLERS = ("optuna.tpe", "hyperopt.tpe")
STORES = ("SQLite", "PostgreSQL")
SIZES = (10, 500, 2_000)
AIM_MS = 150
KEPT = FOLDER / "driver.jsonl"
_PARTS = ("ask", "equal", "reports", "tell", "rest")
_COLUMNS = (
    "store",
    "sampler",
    "finished",
    "whole",
    "ratio",
    "mean",
    *_PARTS,
    "tracking",
    "note",
    "first ask",
    "cycles",
)


@dataclass(frozen=True)
class Call:
    """One call of a timed function: when it began by the clock, and its thread's seconds of CPU before and after it."""

    name: str
    start: float
    cpu_before: float
    cpu_after: float

    @property
    def seconds(self) -> float:
        """How long it computed."""
        return self.cpu_after - self.cpu_before


class AskedOnly(optuna.pruners.MedianPruner):
    """Decides as the median pruner does, and lets the trial go on."""

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Take the decision, and answer no."""
        super().prune(study, trial)
        return False


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep row by row, so that a run that was cut off goes on; it is not repeated."""
    rows = [] if quick or not KEPT.exists() else [json.loads(line) for line in KEPT.read_text().splitlines()]
    done = {(row["finished"], row["store"], row["sampler"]) for row in rows}
    n_warm, n_measured = (2, 4) if quick else (8, 30)
    for n_finished in (10, 40) if quick else SIZES:
        for place, store, sampler in _prepared(n_finished, done):
            measured = _measure(place, sampler, n_warm, n_measured)
            rows.append({"store": store, "sampler": sampler, "finished": n_finished, **measured})
            print(f"{store}, {sampler} after {n_finished:,}: {rows[-1]['whole']:.1f} ms a trial", flush=True)
            if not quick:
                with KEPT.open("a") as kept:
                    kept.write(json.dumps(rows[-1]) + "\n")
    _print([{**row, "ratio": row["whole"] / _of_sqlite(row, rows)} for row in rows])


def _of_sqlite(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> float:
    """Return the `whole` of SQLite with the same sampler, after as many trials."""
    which = ("SQLite", row["sampler"], row["finished"])
    return next(float(one["whole"]) for one in rows if (one["store"], one["sampler"], one["finished"]) == which)


def _prepared(n_finished: int, done: Container[tuple[int, str, str]]) -> Iterator[tuple[Path, str, str]]:
    """Yield a place with a study of so many trials, its store and a sampler, for each that is not done yet."""
    missing = {store: [one for one in SAMPLERS if (n_finished, store, one) not in done] for store in STORES}
    if not any(missing.values()):
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        _prepare(place / "SQLite", n_finished, None)
        for sampler in missing["SQLite"]:
            yield Path(shutil.copytree(place / "SQLite", place / f"SQLite, {sampler}")), "SQLite", sampler
        with database() if missing["PostgreSQL"] else nullcontext() as ledger:
            if ledger is not None:
                _prepare(place / "PostgreSQL", n_finished, ledger, shown=place / "SQLite")
            for sampler in missing["PostgreSQL"] if ledger is not None else ():
                with borrowed(ledger):
                    yield Path(shutil.copytree(place / "PostgreSQL", place / sampler)), "PostgreSQL", sampler


def _print(rows: Sequence[dict[str, Any]]) -> None:
    table = [[_cell(row[name]) for name in _COLUMNS] for row in rows]
    print_table(f"Driver time per trial, ms (aim: whole under {AIM_MS} at {SIZES[-1]:,})", _COLUMNS, table)


def _cell(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _measure(place: Path, sampler: str, n_warm: int, n_measured: int) -> dict[str, float | int]:
    timed = [
        (Ledger, "ask"),
        (Ledger, "equal"),
        (Ledger, "report"),
        (Ledger, "tell"),
        (page_module, "markdown_note"),
        (Tracker, "_try"),
    ]
    n_finished = _n_told(place)
    with _timing(timed) as calls:
        _tune(place, sampler=sampler, trials=n_finished + n_warm + n_measured + 1)
    asks = [call for call in calls if call.name == "ask"]
    cycles = [_cycle(calls, one, following) for one, following in zip(asks[n_warm:-1], asks[n_warm + 1 :], strict=True)]
    result: dict[str, float | int] = {
        name: statistics.median(cycle[name] for cycle in cycles) for name in ("whole", *_PARTS)
    }
    # The first sending connects; it and what follows from it end before the warm cycles do.
    sent = [call for call in calls if call.name in ("_try", "markdown_note") and call.start > asks[n_warm].start]
    note = [call.seconds * 1000 for call in sent if call.name == "markdown_note"]
    sending = sum(call.seconds * 1000 for call in sent if call.name == "_try") - sum(note)
    return result | {
        "mean": statistics.mean(cycle["whole"] for cycle in cycles),
        "tracking": sending / (len(asks) - n_warm),
        "note": statistics.median(note) if note else math.nan,
        "first ask": asks[0].seconds * 1000,
        "cycles": len(cycles),
    }


def _cycle(calls: Sequence[Call], one: Call, following: Call) -> dict[str, float]:
    """Sum up the parts of a cycle, from one ask to the following one, in milliseconds."""

    def total(name: str) -> float:
        return sum(
            call.seconds * 1000 for call in calls if call.name == name and one.start <= call.start < following.start
        )

    whole = (following.cpu_before - one.cpu_before) * 1000
    parts = {"ask": total("ask"), "equal": total("equal"), "reports": total("report"), "tell": total("tell")}
    return {"whole": whole, **parts, "rest": whole - sum(parts.values())}


@contextmanager
def _timing(functions: Sequence[tuple[Any, str]]) -> Iterator[list[Call]]:
    """Note every call of some functions, as `(owner, name)`, while the block runs."""
    calls: list[Call] = []
    with ExitStack() as stack:
        for owner, name in functions:
            stack.enter_context(mock.patch.object(owner, name, _timed(getattr(owner, name), name, calls)))
        yield calls


def _timed(function: Callable[..., Any], name: str, calls: list[Call]) -> Callable[..., Any]:
    def measured(*arguments: Any, **settings: Any) -> Any:
        start, before = time.perf_counter(), time.thread_time()
        try:
            return function(*arguments, **settings)
        finally:
            calls.append(Call(name, start, before, time.thread_time()))

    return measured


def _tune(place: Path, *, sampler: str, trials: int, tracking: str | None = "auto", ledger: str | None = None) -> Study:
    return tuner.tune(
        pretend_task(),
        [pretend_dense()],
        sampler=sampler,
        pruner=AskedOnly(n_startup_trials=5, n_warmup_steps=1),
        trials=trials,
        workers=1,
        folder=place / "study",
        tracking=tracking,
        ledger=ledger,
        progress=False,
    )


def _n_told(place: Path) -> int:
    return len(tuner.load_study(place / "study").ledger.trials("dense"))


def begin(place: Path, ledger: str | None = None) -> Study:
    """Return a study of one trial, untracked."""
    return _tune(place, sampler="optuna.random", trials=1, tracking=None, ledger=ledger)


def _prepare(place: Path, n_finished: int, ledger: str | None, *, shown: Path | None = None) -> None:
    """Begin a study, put finished trials into its ledger, and send all of them to MLflow.

    Args:
        place: Its folder and MLflow's database lie there.
        n_finished: How many trials.
        ledger: The ledger, where it is in a database.
        shown: A place whose MLflow shows the same trials, of which this one has a copy.
    """
    study = begin(place, ledger)
    space = pretend_dense().space(study.task.signature)
    with one_transaction(study.ledger._storage):
        study.to_optuna("dense").add_trials(finished_trials(space, n_finished - 1))
    study = tuner.load_study(study.folder)  # the ledger reads its trials when it is opened
    if shown is not None:
        _copy_mlflow(shown, place, str(read_study_file(study.folder)["id"]))
    plan = plan_of(study.task, [pretend_dense()], sampler="optuna.random", pruner="none", trials=1, workers=1)
    page = StudyPage(study, plan, {})
    tracker = Tracker(default_uri(study.folder), page, curves="none", trials="all", complain=print)
    for trial in study.trials:
        tracker.told(trial)
    if missing := tracker.close("FINISHED", seconds=1800):
        raise RuntimeError(f"{missing} trials could not be sent to MLflow")
    if _n_told(place) != n_finished:
        raise RuntimeError(f"{_n_told(place)} trials are in the ledger, expected {n_finished}")


def _copy_mlflow(shown: Path, place: Path, study: str) -> None:
    """Copy a database of MLflow, and let its study be another one."""
    path = shutil.copy(shown / "mlflow.db", place)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("UPDATE tags SET value = ? WHERE key = 'tuner.study'", (study,))


def finished_trials(space: Space, count: int) -> list[optuna.trial.FrozenTrial]:
    """Make trials up as the ledger stores them: the worst third pruned at the second rung, the rest complete."""
    rng = np.random.default_rng(1)
    configs = [sample(space, rng) for _ in range(count)]
    errors = [made_up_error(config, seed) for seed, config in enumerate(configs)]
    limit = float(np.quantile(errors, 2 / 3)) if errors else 0.0
    return [
        _finished(space, config, error, pruned=error > limit) for config, error in zip(configs, errors, strict=True)
    ]


def _finished(space: Space, config: dict[str, Any], error: float, *, pruned: bool) -> optuna.trial.FrozenTrial:
    params = flatten(space, config)
    asked = optuna.trial.FixedTrial(params)
    suggest(space, asked)
    outcome = Outcome("pruned", error="pruned at step 1", seconds=1.0, started=time.time())
    if not pruned:
        scores = {"held_out": {"rmse": error}, "train": {"rmse": error}}
        outcome = Outcome("complete", error, (error,) * 3, scores, seconds=2.0, started=time.time())
    reported = [error * (1 + math.exp(-rung * EPOCHS_OF_BUDGET / 10)) for rung in RUNGS] + [error, error]
    steps = dict(enumerate(reported[: 2 if pruned else None]))
    states = optuna.trial.TrialState
    return optuna.trial.create_trial(
        state=states.PRUNED if pruned else states.COMPLETE,
        value=steps[1] if pruned else error,
        params=params,
        distributions=asked.distributions,
        user_attrs={"outcome": json.dumps(outcome.to_json()), "turn": [0, "in turn"]},
        intermediate_values=steps,
    )
