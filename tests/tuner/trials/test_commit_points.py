"""Drivers and workers are killed at every point at which they make a change last; studies go on as if they were not."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from commit_points import PLAN, ROOT
from killing import HERE, check_whole

import tuner
from tuner.tracking.client import open_client, remembered_uri

TRIALS, PARTS = 6, 5
FEW = 3  # trials, where a driver takes long
OF_A_MOMENT = ("_empty_ledger: mkdir", "_empty_ledger: unlink", "_empty_ledger: rmdir", ": unlink stop")


class Drivers:
    """A process whose forks are drivers, in a folder of its own."""

    def __init__(self, place):
        self._place, self._count = place, 0
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "killed" / "drivers.py")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def drive(self, folder, *, plan=None, **given):
        """Run a driver to its end or its death, and return its exit code."""
        given = {"trials": TRIALS, "folder": str(folder), "said": str(self._place / "said.txt")} | given
        given["environment"] = {name: os.environ[name] for name in os.environ if name.startswith(("PG", "RAY_"))}
        if plan is not None:
            given["plan"] = os.environ.get(PLAN) or str(folder.with_name(f"{folder.name}.plan"))
            Path(given["plan"]).write_text(json.dumps(plan))
        self._process.stdin.write(json.dumps(given) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def said(self):
        """Return what all of them said."""
        return (self._place / "said.txt").read_text()

    def points(self, folder, **given):
        """Run a study that nobody kills, and return its commit points, each as often as it came."""
        log = folder.with_name("points.txt")
        assert self.drive(folder, plan={"log": str(log)}, **given) == 0, self.said()
        return log.read_text().splitlines()

    def killed_at(self, point, folder, **given):
        """Kill a process of a study at a point, and let the study go on."""
        once = folder.with_name(f"{folder.name}.once")
        code = self.drive(folder, plan={"kill": point, "once": str(once)}, **given)
        assert once.exists(), "it was not reached"
        assert code == (-9 if point.startswith("driver") else 0), self.said()
        assert code == 0 or self.drive(folder, **given) == 0, self.said()

    def end(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    drivers = Drivers(tmp_path_factory.mktemp("drivers"))
    yield drivers
    drivers.end()


def told(study):
    return {t.name: (t.params, t.state, t.value, t.turn, t.duplicate) for t in study.trials}


def in_mlflow(study):
    """Return what MLflow shows of a study: of each run how it ended, its params, metrics, data and files."""
    client = open_client(remembered_uri(study.folder))
    experiment = client.get_experiment_by_name(study.folder.name).experiment_id
    return {
        run.data.tags.get("tuner.trial", ""): (
            run.info.status,
            run.data.params,
            sorted(run.data.metrics),
            [one.dataset.digest for one in run.inputs.dataset_inputs],
            [file.path for file in client.list_artifacts(run.info.run_id)],
        )
        for run in client.search_runs([experiment])
    }


def chosen(points, *, other=-1):
    """Return of each kind of point the one in the middle, and another one, the last where nothing is said."""
    kinds = defaultdict(list)
    for point in points:
        if not any(one in point for one in OF_A_MOMENT):
            kinds[point.rpartition("#")[0]].append(point)
    return [one for kind in kinds.values() for one in dict.fromkeys((kind[len(kind) // 2], kind[other]))]


def one_of(points, what, number=""):
    """Return the first point that names an operation, of some number where one is said."""
    return next(one for one in points if what in one and one.endswith(f"#{number}" if number else ""))


def check(drivers, points, straight, place, *, empty=None, trials=TRIALS, **given):
    """Kill at each point, with MLflow where an empty database is given; return what went wrong."""
    wrong = {}
    for i, point in enumerate(points):
        folder = place / f"{i}" / "study"
        folder.parent.mkdir(parents=True)
        if empty is not None:
            given["tracking"] = f"sqlite:///{shutil.copy(empty, folder.parent)}"
        try:
            drivers.killed_at(point, folder, trials=trials, **given)
            study = check_whole(folder, given.get("tracking", "none"), trials)
            assert told(study) == told(straight)
            assert empty is None or in_mlflow(study) == in_mlflow(straight)
        except AssertionError as error:
            wrong[point] = str(error).strip()[-2000:]
        else:
            shutil.rmtree(folder)
    return wrong


@pytest.fixture(scope="module")
def undisturbed(drivers, tmp_path_factory):
    """Returns a study that nobody kills, with so many workers, and its points."""

    @functools.cache
    def study(workers):
        folder = tmp_path_factory.mktemp("undisturbed") / "study"
        points = drivers.points(folder, workers=workers)
        return check_whole(folder, "none", TRIALS), chosen(points)

    return study


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_kills_at_every_commit_point_lose_and_repeat_nothing(drivers, undisturbed, tmp_path, part):
    straight, points = undisturbed(1)
    assert check(drivers, points[part::PARTS], straight, tmp_path) == {}


@pytest.mark.slow
def test_three_kills_of_a_driver_that_trains_itself(drivers, undisturbed, tmp_path):
    straight, points = undisturbed(0)
    three = [one_of(points, what) for what in ("sealed-N.npz", "replace result.json", "ledger.tell: commit")]
    assert check(drivers, three, straight, tmp_path, workers=0) == {}


@pytest.mark.slow
@pytest.mark.evening
@pytest.mark.parametrize("part", range(PARTS))
def test_kills_of_a_driver_that_trains_itself(drivers, undisturbed, tmp_path, part):
    straight, points = undisturbed(0)
    assert check(drivers, points[part::PARTS], straight, tmp_path, workers=0) == {}


@pytest.mark.slow
@pytest.mark.evening
def test_the_points_are_those_of_a_study_in_which_everything_happens(undisturbed):
    straight, points = undisturbed(0)
    for known in ("study.json", "asked.json", "result.json", "sealed-N.npz", "commit trial_intermediate_values"):
        assert any(known in point for point in points), known
    assert {trial.state for trial in straight.trials} == {"complete", "pruned", "failed"}
    assert any(trial.duplicate for trial in straight.trials)


@pytest.mark.slow
@pytest.mark.cluster
def test_kills_between_the_commits_of_a_database(drivers, tmp_path, database):
    given = {"ledger": database, "trials": FEW}
    points = drivers.points(tmp_path / "straight", **given)
    straight = tuner.load_study(tmp_path / "straight")
    three = [one_of(points, what, 3) for what in ("_stored: commit", "ledger.report: commit", "ledger.tell: commit")]
    assert check(drivers, three, straight, tmp_path / "killed", **given) == {}


@pytest.mark.slow
@pytest.mark.parametrize("which", ["three", pytest.param("all", marks=pytest.mark.evening)])
def test_kills_while_mlflow_is_told(drivers, tmp_path, which):
    open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")
    empty = shutil.copy(tmp_path / "mlflow.db", tmp_path / "empty.db")
    points = drivers.points(tmp_path / "straight", trials=2, tracking=f"sqlite:///{tmp_path / 'mlflow.db'}")
    known = {path.stem for path in (ROOT / "tuner" / "tracking").glob("*.py")}
    of_mlflow = [point for point in points if point.split(": ")[1].split(".")[0] in known]
    straight = check_whole(tmp_path / "straight", f"sqlite:///{tmp_path / 'mlflow.db'}", 2)
    some = chosen(of_mlflow, other=0)  # how often the last ones come depends on how fast MLflow is,
    some = [point for point in some if "_page: commit" not in point or point.endswith("#1")]  # and how often its pages
    assert len(some) > 5
    if which == "three":
        some = [one_of(some, f"tracker.{what}: commit") for what in ("_open", "_send_to", "_complete")]
    assert check(drivers, some, straight, tmp_path / "killed", empty=empty, trials=2) == {}


@pytest.mark.slow
@pytest.mark.cluster
def test_kills_with_trials_on_ray(drivers, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
    from ray_nodes import cluster_of

    monkeypatch.setenv(PLAN, str(tmp_path / "plan"))  # of the driver and of Ray's workers
    monkeypatch.setenv("PYTHONPATH", str(HERE / "killed"))
    with cluster_of(1) as cluster:
        given = {"workers": "ray", "ray": {"address": cluster.address}, "trials": FEW}
        points = drivers.points(tmp_path / "straight", **given)
        straight = tuner.load_study(tmp_path / "straight")
        of_workers = "worker: outcome.seal: replace result.json"
        three = [one_of(points, what, 3) for what in ("_begin: mkdir", "ledger.tell: commit", of_workers)]
        assert check(drivers, three, straight, tmp_path / "killed", **given) == {}
