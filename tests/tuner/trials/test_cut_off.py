"""A trial that was cut off goes on where it was, and one that ends the process is settled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from killing import wait_for, workers_of
from small import SMALL_XGBOOST, make_frame

import tuner
from spaces import FAMILIES, Family, defaults, narrow
from spaces.engines.engine import SKLEARN
from spaces.store import load_fitted
from tuner.task.folds import make_folds
from tuner.trials.outcome import Job, sealed
from tuner.trials.trial import RUNGS, run_trial

SMALL = {"xgboost": SMALL_XGBOOST, "linear": {}, "dense": {"epochs": 2, "units": 16, "depth": 1}}
HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def task():
    return tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})


def attempt(name, task, folder, *, report=lambda *_: False):
    config = defaults(narrow(FAMILIES[name].space(task.signature), SMALL[name]))
    job = Job(name, 0, int(folder.name), config, 7, str(folder))
    return run_trial(job, task, make_folds(task), family=FAMILIES[name], report=report, log=lambda *_: None)


def cut_off_after(folds):
    """Return what cuts a trial off when so many folds are finished."""

    def report(step, value):
        if step == len(RUNGS) + folds - 1:
            raise KeyboardInterrupt
        return False

    return report


def check_same_curves(found, expected):
    """Metrics are computed in as many epochs as there is time for: in each that both have, they are the same."""
    for these, those in zip(found, expected, strict=True):
        assert [curve["name"] for curve in these] == [curve["name"] for curve in those]
        for one, other in zip(these, those, strict=True):
            both = [pair for pair in zip(one["values"], other["values"], strict=False) if None not in pair]
            assert both
            assert all(mine == theirs for mine, theirs in both), one["name"]


@pytest.mark.parametrize("name", ["xgboost", pytest.param("dense", marks=pytest.mark.slow)])
def test_finished_folds_are_taken_over_and_nothing_else_differs(task, tmp_path, name):
    straight = attempt(name, task, tmp_path / "straight" / "1")
    cut = tmp_path / "cut"
    for k in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            attempt(name, task, cut / str(k), report=cut_off_after(k))
        assert len([*(cut / str(k)).glob("sealed-*.npz")]) == k
    before = (cut / "2" / "fold-1" / "model.json").stat().st_mtime_ns
    steps = []
    outcome = attempt(name, task, cut / "3", report=lambda step, value: steps.append(step))
    assert steps == [len(RUNGS), len(RUNGS) + 1]  # the last decision may be what was cut off; the ledger skips others
    assert (cut / "3" / "fold-1" / "model.json").stat().st_mtime_ns == before, "it was trained again"
    assert (outcome.value, outcome.fold_values, outcome.scores) == (
        straight.value,
        straight.fold_values,
        straight.scores,
    )
    assert outcome.inner_values == straight.inner_values
    whole = tmp_path / "straight" / "1"
    with np.load(cut / "3" / "held_out.npz") as found, np.load(whole / "held_out.npz") as expected:
        for key in expected.files:
            np.testing.assert_array_equal(found[key], expected[key])
    check_same_curves(*(json.loads((of / "curves.json").read_text()) for of in (cut / "3", whole)))
    table = make_folds(task)[1][1].table
    expected = load_fitted(whole / "fold-1").predict(table)
    np.testing.assert_array_equal(load_fitted(cut / "3" / "fold-1").predict(table), expected)
    assert not [*cut.rglob("sealed-*")]


def test_an_attempt_that_was_given_up_seals_nothing_once_another_one_began(task, tmp_path):
    def begin_another(step, value):
        (tmp_path / "lost" / "10").mkdir(exist_ok=True)
        return False

    assert attempt("xgboost", task, tmp_path / "lost" / "9", report=begin_another).state == "complete"
    assert sealed(tmp_path / "lost" / "9") is None
    attempt("xgboost", task, tmp_path / "lost" / "10")
    assert sealed(tmp_path / "lost" / "10").state == "complete"


def test_a_torn_seal_costs_its_fold_alone(task, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        attempt("xgboost", task, tmp_path / "1", report=cut_off_after(2))
    torn = tmp_path / "1" / "sealed-1.npz"
    torn.write_bytes(torn.read_bytes()[:100])
    assert attempt("xgboost", task, tmp_path / "2").state == "complete"
    assert (tmp_path / "1" / "fold-1").is_dir()
    assert not (tmp_path / "1" / "fold-0").exists()


def of(build):
    return Family("mine", lambda signature: {}, build, (SKLEARN,))


def once(task, folder, family, workers, **given):
    return tuner.tune(
        task, [family], trials=1, workers=workers, folder=folder, tracking=None, progress=False, **given
    )  # fmt: skip


def test_a_builder_that_exits_fails_its_trial_and_nothing_else(task, tmp_path):
    exits = of(lambda config, signature: sys.exit(3))
    study = tuner.tune(
        task, [exits, "linear"], trials=2, workers=0, folder=tmp_path / "s", tracking=None, turns="trials",
        progress=False,
    )  # fmt: skip
    _, trial, after = study.trials
    assert (trial.state, trial.outcome.reason, trial.outcome.error) == ("failed", "error", "SystemExit: 3")
    assert (after.family, after.state) == ("linear", "complete")


def test_finished_models_are_found_from_another_directory(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tuner.tune(task, ["linear"], trials=1, workers=0, folder="s", tracking=None, progress=False)
    loaded = tuner.load_study("s")
    study.ensemble("uniform").save("bundle")
    bundle = tuner.load("bundle")
    monkeypatch.chdir("/")
    assert loaded.has_models(loaded.complete[0])
    assert study.ensemble("uniform").members
    assert len(bundle.predict(make_frame(5))) == 5


ENDS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from small import make_frame
import tuner
from spaces import Family
from spaces.engines.engine import SKLEARN

def build(config, signature):
    os._exit(7)

task = tuner.Task(make_frame(), "label", split={{"kind": "stratified", "folds": 3}})
family = Family("mine", lambda signature: {{}}, build, (SKLEARN,))
tuner.tune(task, [family], trials=1, workers=0, folder=sys.argv[1], tracking=None, progress=False)
"""


def python(code, *arguments, **given):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], **given)


@pytest.mark.slow
def test_a_configuration_that_ends_the_driver_is_settled_by_a_second_death(tmp_path):
    codes = [python(ENDS.format(here=str(HERE)), tmp_path / "s").wait() for _ in range(3)]
    assert codes == [7, 7, 0]
    (trial,) = tuner.load_study(tmp_path / "s").ledger.trials("mine")
    assert trial.outcome.reason == "died"
    assert trial.outcome.error == "the process ended 2 times in the middle of this trial"
    assert sealed(tmp_path / "s" / "trials" / trial.name / "2") == trial.outcome


HANGS = """
import sys, time
sys.path.insert(0, {here!r})
from small import make_frame
import tuner
from spaces import Family
from spaces.engines.engine import SKLEARN

class Hangs:
    def __reduce__(self):  # a worker that reads it sleeps
        return time.sleep, (600,)

hangs = Hangs()
family = Family("mine", lambda signature: {{}}, lambda config, signature: hangs, (SKLEARN,))
task = tuner.Task(make_frame(), "label", split={{"kind": "holdout"}})
tuner.tune(task, [family], trials=1, workers=1, folder=sys.argv[1], tracking=None, progress=False)
"""


@pytest.mark.slow
@pytest.mark.evening
def test_a_worker_that_hangs_while_it_starts_ends_with_ctrl_c(tmp_path):
    driver = python(HANGS.format(here=str(HERE)), tmp_path / "s", stderr=subprocess.PIPE)
    assert wait_for(lambda: workers_of(tmp_path / "s"))
    time.sleep(1)  # until it reads
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert "Interrupted" in said.decode()
    assert wait_for(lambda: not workers_of(tmp_path / "s"))


DIES_ONCE = """
import os, sys
sys.path.insert(0, {here!r})
from small import make_frame
import tuner
from spaces import Family
from spaces.engines.engine import SKLEARN

once = sys.argv[1] + ".died"

class Waits:
    def __reduce__(self):  # a worker that reads it after the death is not ready for long
        return os.system, (f"test ! -e {{once}} || sleep 600",)

waits = Waits()

def build(config, signature):
    open(once, "w").close()
    os._exit(waits or 1)

family = Family("mine", lambda signature: {{}}, build, (SKLEARN,))
task = tuner.Task(make_frame(), "label", split={{"kind": "holdout"}})
tuner.tune(task, [family], trials=1, workers=1, folder=sys.argv[1], tracking=None)
"""


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_a_trial_whose_worker_died_before_it(tmp_path):
    driver = python(DIES_ONCE.format(here=str(HERE)), tmp_path / "s", stderr=subprocess.PIPE, text=True)
    for line in driver.stderr:
        if "a worker died while running mine-000000: trying again" in line:
            break
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=60)
    assert "To continue: the same call or command again" in said
    study = tuner.load_study(tmp_path / "s")
    assert [trial.name for trial in study.trials if trial.state == "running"] == ["mine-000000"]


@pytest.mark.slow
def test_what_a_builder_forked_ends_with_its_worker(task, tmp_path):
    pids = tmp_path / "pids"

    def build(config, signature):
        if child := os.fork():
            with pids.open("a") as file:
                file.write(f"{child}\n")
            os._exit(1)
        time.sleep(600)

    study = once(task, tmp_path / "s", of(build), 1)
    (trial,) = study.ledger.trials("mine")
    assert trial.outcome.reason == "died"
    children = [int(line) for line in pids.read_text().split()]
    assert len(children) == 3
    assert wait_for(lambda: not [pid for pid in children if psutil.pid_exists(pid) and not _zombie(pid)], 10)


def _zombie(pid):
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


CHILD = """
import os, signal, subprocess, sys, time
from spaces.machine.parent import end_with_parent
if sys.argv[1] == "child":
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(600)
child = subprocess.Popen([sys.executable, "-c", open(sys.argv[2]).read(), "child", ""], stdout=subprocess.PIPE)
pid = int(child.stdout.readline())
os.kill(pid, signal.SIGSTOP)
print(pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")
def test_a_stopped_process_ends_with_its_parent(tmp_path):
    (tmp_path / "code.py").write_text(CHILD)
    parent = python(CHILD, "parent", tmp_path / "code.py", stdout=subprocess.PIPE)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
