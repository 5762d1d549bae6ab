"""Forked workers: as started ones in all they do, and gone when what forked them is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from small import make_frame

import tuner
from spaces import FAMILIES, Family, defaults, narrow
from spaces.engines.engine import SKLEARN
from tuner.trials.fork_server import SUPPORTED, ForkedWorker
from tuner.trials.outcome import Job
from tuner.trials.process_slots import ProcessSlots

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="only Linux forks workers")
SECONDS = 240


def drawing():
    """A family that fails with a random number that no seed of ours has a part in, or kills its worker."""

    def build(config, signature):
        if config["die"]:
            os.kill(os.getpid(), signal.SIGKILL)
        raise LookupError(f"{np.random.random()}")  # noqa: NPY002

    return Family("drawing", lambda signature: {}, build, (SKLEARN,))


class Two:
    """Slots of two workers, the second of them forked."""

    def __init__(self, folder, names):
        self.task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
        self.task.save(folder / "data")
        self.folder, self.number = folder, 0
        self.families = {name: FAMILIES[name] for name in names} | {"drawing": drawing()}
        hooks = {"on_report": lambda *_: False, "on_epochs": lambda *_: None}
        self.slots = ProcessSlots(self.task, self.families, workers=2, folder=folder, **hooks)

    def __enter__(self):
        self.slots.start()
        self.wait(lambda: self.slots.free() == 2)
        return self

    def __exit__(self, *_):
        self.slots.kill()

    def wait(self, condition):
        """Poll until something holds, and return the jobs that ended."""
        ended, until = [], time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < until
            ended += self.slots.poll(0.1)
        return ended

    def on_both(self, family, config):
        """Run a configuration in each worker, and return the outcomes, of the one that was started first."""
        for _ in range(2):
            self.number += 1
            place = self.folder / "trials" / f"{family}-{self.number}" / "1"
            self.slots.submit(Job(family, self.number, 1, config, 7, str(place)))
        names = [worker.job.name for worker in self.slots._workers]
        ended = {job.name: outcome for job, outcome in self.wait(lambda: self.slots.free() == 2)}
        return [ended[name] for name in names]

    @property
    def kinds(self):
        return [type(worker.process) for worker in self.slots._workers]


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_forked_worker_does_what_a_started_one_does_and_is_replaced_as_it_is(tmp_path):
    with Two(tmp_path, ["linear"]) as two:
        assert two.kinds == [subprocess.Popen, ForkedWorker]
        started, forked = two.on_both("linear", defaults(FAMILIES["linear"].space(two.task.signature)))
        assert started.state == forked.state == "complete"
        assert started.fold_values == forked.fold_values
        assert two.on_both("drawing", {"die": True}) == [None, None]  # and both are replaced by forked ones
        assert two.kinds == [ForkedWorker, ForkedWorker]
        one, other = two.on_both("drawing", {"die": False})
        assert one.reason == other.reason == "error"
        assert one.error != other.error, "forked workers draw the same random numbers"


def test_forked_workers_end_with_what_forked_them_and_others_are_started(tmp_path):
    with Two(tmp_path, ["linear"]) as two:
        server, (first, second) = two.slots._server.process, two.slots.pids
        server.kill()
        two.wait(lambda: gone(second) and two.slots.free() == 2 and two.slots.pids[1] != second)
        assert two.slots.pids[0] == first
        for outcome in two.on_both("linear", defaults(FAMILIES["linear"].space(two.task.signature))):
            assert outcome.state == "complete"
        left = [*two.slots.pids, server.pid]
    two.slots.kill()
    assert all(gone(pid) for pid in left)


@pytest.mark.slow
def test_a_network_is_trained_to_the_same_weights_in_a_forked_worker(tmp_path):
    with Two(tmp_path, ["dense"]) as two:
        config = defaults(narrow(FAMILIES["dense"].space(two.task.signature), {"epochs": 2}))
        started, forked = two.on_both("dense", config)
        assert (started.state, started.fold_values) == ("complete", forked.fold_values)


COMPUTED = """
import sys, threading
from importlib import import_module
from importlib.util import find_spec
from spaces.engines.engine import ENGINES
engines = [engine for engine in ENGINES.values() if not engine.extra or all(map(find_spec, engine.modules))]
for module in ("tuner.trials.worker", *(one for engine in engines for one in engine.modules)):
    import_module(module)
from tensorflow.python.eager import context
print(threading.active_count(), context._context is not None and context._context._context_handle is not None)
"""


@pytest.mark.slow
def test_what_is_imported_before_the_fork_computes_nothing():
    said = subprocess.run([sys.executable, "-c", COMPUTED], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["1", "False"]
