"""A study of 2,000 trials in MLflow, for each setting of `log_trials`.

Nothing is trained: trials are made up as in `driver`, with curves of 60 epochs, and sent as a study sends them.

How to read it. `a trial` is the time of MLflow's thread for each trial, in milliseconds, beside the driver. `database`
is the size of `mlflow.db` in megabytes. `first page` reaches from the start of `tuner ui` to MLflow's first answer (aim
3 s, of which MLflow's own start is nearly all), `leaderboard` is the request behind the page, the 100 best runs (aim
1 s), `table` is `study.leaderboard()`, and `report` is `tuner report` from its start to its end, without an ensemble
(aim 10 s), in seconds. `cpu` beside `a trial` and `report` is what these took of a core, in the same units: on a
machine that does other things too, these are the numbers to compare.

The last line is the report of a small study whose ensemble has as many members as are said, which are really trained.
"""

from __future__ import annotations

import json
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import tuner
from benchmarks.driver import begin, finished_trials
from benchmarks.pretend import EPOCHS_RUN, pretend_dense
from benchmarks.results import save
from spaces.engines.curves import Curve, Curves
from spaces.families.catalog import FAMILIES
from tuner.archive.report import print_table
from tuner.launch.mlflow_page import StudyPage
from tuner.launch.plan import Plan
from tuner.launch.tune import plan_of
from tuner.search.ledger import Trial
from tuner.study import Study
from tuner.tracking.client import default_uri, open_client, remember
from tuner.tracking.shown import TrialsShown
from tuner.tracking.tracker import Tracker

TRIALS, QUICK = 2_000, 50
MEMBERS, QUICK_MEMBERS = 10, 2
_COLUMNS = (
    "log_trials", "a trial", "a trial cpu", "database", "first page", "leaderboard", "table", "report", "report cpu",
)  # fmt: skip


class _Page(StudyPage):
    """The study's page, with made-up curves."""

    def curves(self, trial: Trial) -> list[Curves]:
        """Return the curves of three folds."""
        falling = [2.0 / (1 + epoch) for epoch in range(EPOCHS_RUN)]
        return [{Curve("loss"): falling, Curve("loss", "validation"): falling}] * 3


def run(*, quick: bool = False, repeats: int = 1) -> None:
    """Measure, print and keep the numbers."""
    rows, count = [], QUICK if quick else TRIALS
    with tempfile.TemporaryDirectory() as place:
        _prepare(Path(place) / "prepared", count)
        for how in get_args(TrialsShown):
            rows.append(_measured(Path(shutil.copytree(Path(place) / "prepared", Path(place) / how)), how, count))
            print(rows[-1], flush=True)
    print_table("A study in MLflow", _COLUMNS, [[row[name] for name in _COLUMNS] for row in rows])
    with tempfile.TemporaryDirectory() as place:
        ensemble = _report_of_an_ensemble(Path(place), QUICK_MEMBERS if quick else MEMBERS)
    print(ensemble)
    if not quick:
        save("mlflow_scale", {"trials": TRIALS, "rows": rows, "report of an ensemble": ensemble})


def _prepare(place: Path, count: int) -> None:
    """Begin a study, and put finished trials into its ledger."""
    study = begin(place)
    study.to_optuna("dense").add_trials(finished_trials(pretend_dense().space(study.task.signature), count - 1))


def _measured(place: Path, how: TrialsShown, count: int) -> dict[str, Any]:
    study = tuner.load_study(place / "study")
    plan = plan_of(study.task, [pretend_dense()], sampler="optuna.random", pruner="none", trials=1, workers=1)
    remember(study.folder, default_uri(study.folder))
    open_client(default_uri(study.folder))  # makes the tables
    sending = _timed(lambda: _send(study, plan, how))
    with _server(study.folder) as (address, first_page):
        experiment = open_client(default_uri(study.folder)).get_experiment_by_name(study.name).experiment_id
        asked = {"experiment_ids": [experiment], "order_by": ["metrics.`rmse` ASC"], "max_results": 100}
        leaderboard = _answer(f"{address}/ajax-api/2.0/mlflow/runs/search", asked)
    database = (place / "mlflow.db").stat().st_size / 1e6
    table, report = _timed(study.leaderboard), _report(study)
    trial = [1000 * seconds / count for seconds in sending]
    numbers = (*trial, database, first_page, leaderboard, table[0], *report)
    return {"log_trials": how, **{name: round(one, 2) for name, one in zip(_COLUMNS[1:], numbers, strict=True)}}


def _report_of_an_ensemble(place: Path, members: int) -> dict[str, float]:
    """Return how long the report of a study takes whose ensemble has so many members."""
    from sklearn.datasets import load_breast_cancer

    task = tuner.Task(load_breast_cancer(as_frame=True).frame, "target", metric="log_loss")
    families = {f"member {i}": _member(i) for i in range(members)}
    study = tuner.tune(task, families, trials=members, workers=2, folder=place / "study", tracking=None, progress=False)
    made = study.ensemble("uniform")
    wall, cpu = _report(study)
    return {"members": len(made.members), "report": round(wall, 2), "report cpu": round(cpu, 2)}


def _member(i: int) -> dict[str, Any]:
    """Return a family of a name of its own, with its settings: the plain average has a member of each family."""
    name, setting = ("random_forest", "min_samples_leaf") if i % 2 else ("xgboost", "max_depth")
    family = replace(FAMILIES[name], name=f"{name}_{i}", starts=())
    return {"family": family, setting: 2 + i // 2}


def _report(study: Study) -> tuple[float, float]:
    """Return the seconds that `tuner report` takes, and those of a core."""
    wall, children = time.monotonic(), _cpu_of_children()
    subprocess.run([sys.executable, "-m", "tuner", "report", str(study.folder)], check=True, capture_output=True)
    return time.monotonic() - wall, _cpu_of_children() - children


def _timed(function: Callable[[], object]) -> tuple[float, float]:
    """Call a function, and return the seconds that it took, and those of a core in all threads."""
    wall, cpu = time.monotonic(), time.process_time()
    function()
    return time.monotonic() - wall, time.process_time() - cpu


def _cpu_of_children() -> float:
    """Return the seconds of a core of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _send(study: Study, plan: Plan, how: TrialsShown) -> None:
    """Send all trials to MLflow."""
    page, said = _Page(study, plan, {}), list[str]()
    tracker = Tracker(default_uri(study.folder), page, curves="mean", trials=how, complain=said.append)
    if tracker.close("FINISHED", seconds=1200) or said:
        raise RuntimeError(f"not all trials could be sent to MLflow: {said}")


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, float]]:
    """Run `tuner ui`, and yield its address and the seconds until its page answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    command: Sequence[str] = [sys.executable, "-m", "tuner", "ui", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        address = server.stderr.readline().split()[-1].partition("/#")[0]
        urllib.request.urlopen(address, timeout=60).close()
        yield address, time.monotonic() - started
    finally:
        server.terminate()
        server.communicate(timeout=30)


def _answer(url: str, asked: dict[str, Any]) -> float:
    started = time.monotonic()
    request = urllib.request.Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        json.load(answer)
    return time.monotonic() - started
