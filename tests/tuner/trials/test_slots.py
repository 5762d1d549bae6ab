"""Every kind of slots keeps the same contract."""

import os
import time

import numpy as np
import psutil
import pytest
from killing import wait_for
from small import SMALL_XGBOOST, make_frame

import tuner
from spaces import Family, defaults, narrow
from spaces.engines.engine import SKLEARN
from spaces.families.catalog import FAMILIES
from tuner.trials import outcome as outcomes
from tuner.trials.inline_slots import InlineSlots
from tuner.trials.outcome import Job, sealed
from tuner.trials.process_slots import ProcessSlots
from tuner.trials.trial import RUNGS

SECONDS = 120
RAY = pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.cluster])
ALL = pytest.mark.parametrize("kind", ["inline", "process", RAY], indirect=True)
APART = pytest.mark.parametrize("kind", ["process", RAY], indirect=True)  # from the driver's process


@pytest.fixture(scope="module")
def task():
    return tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})


def toy():
    """A family that does what its configuration says; made here, as workers do not have the module of the tests."""

    class Nonsense:
        stops_early = False

        def fit(self, folds, watch):
            for _ in folds:
                yield Nothing()

    class Nothing:
        curves = {}  # noqa: RUF012

        def predict(self, table):
            return np.full((len(table), 1), np.nan)

    def build(config, signature):
        match config["do"]:
            case "raise":
                raise LookupError("as I was told [not markup]")
            case "exit":
                os._exit(137)
            case "sleep":
                time.sleep(600)
            case "look":
                raise LookupError(os.environ.get("CUDA_VISIBLE_DEVICES"))
        return Nonsense()

    return Family("toy", lambda signature: {}, build, (SKLEARN,))


def maker():
    """A family whose trials make something for all others, for so many seconds; and say whether time is left."""

    class Makes:
        stops_early = False

        def __init__(self, config):
            self.seconds = config["seconds"]

        def fit(self, folds, watch):
            clock = folds[0].clock
            with clock.standing_still():
                time.sleep(self.seconds)
            raise LookupError("time is left" if clock.left > 0 else "no time is left")

    return Family("maker", lambda signature: {}, lambda config, signature: Makes(config), (SKLEARN,))


@pytest.fixture
def kind(request):
    if request.param == "ray":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'tuned-ensembles[ray]'")
        from ray_nodes import cluster_of

        with cluster_of(1) as cluster:
            yield "ray", cluster.address
    else:
        yield request.param, None


class Run:
    """Slots of a kind, and what was reported to them."""

    def __init__(self, kind, task, folder, *, prune_at=None, resources=None):
        name, address = kind
        self.meanwhile = lambda step: None
        self.task, self.folder, self.heard, self.prune_at = task, folder, [], prune_at
        self.families = {"toy": toy(), "maker": maker()} | {name: FAMILIES[name] for name in ("linear", "xgboost")}
        hooks = {"on_report": self.on_report, "on_epochs": lambda job, epochs: None}
        task.save(folder / "data")
        if name == "inline":
            self.slots = InlineSlots(task, self.families, **hooks)
        elif name == "process":
            self.slots = ProcessSlots(task, self.families, workers=1, folder=folder, **hooks)
        else:
            from tuner.trials.ray_cluster import RayCluster
            from tuner.trials.ray_slots import RaySlots

            cluster = RayCluster(address, slots=1, resources=resources)
            self.slots = RaySlots(task, self.families, cluster=cluster, folder=folder, **hooks)

    def __enter__(self):
        self.slots.start()
        return self

    def __exit__(self, *_):
        self.slots.kill()

    def on_report(self, job, step, value):
        self.heard.append((job.number, step))
        self.meanwhile(step)
        return step == self.prune_at

    def submit(self, family, number, config, **given):
        until = time.monotonic() + SECONDS
        while not self.slots.free():
            assert not self.slots.poll(0.2)
            assert time.monotonic() < until, "no slot is free"
        place = self.folder / "trials" / f"{family}-{number}" / "1"
        self.slots.submit(Job(family, number, 1, config, 7, str(place), **given))
        return place

    def ended(self):
        until = time.monotonic() + SECONDS
        while not (finished := self.slots.poll(0.2)):
            assert time.monotonic() < until, "nothing ended"
        (one,) = finished
        return one

    def config(self, family, changes=None):
        return defaults(narrow(FAMILIES[family].space(self.task.signature), changes or {}))


@ALL
def test_jobs_end_in_order_sealed_and_what_goes_wrong_is_their_outcome(kind, task, tmp_path):
    with Run(kind, task, tmp_path) as run:
        assert run.slots.count == 1
        given = [("linear", None), ("toy", "raise"), ("toy", "nan"), ("linear", None)]
        ends = []
        for number, (family, do) in enumerate(given):
            place = run.submit(family, number, {"do": do} if do else run.config(family))
            assert run.slots.free() == 0
            ends.append(run.ended())
            assert sealed(place) == ends[-1].outcome
        assert [end.job.number for end in ends] == [0, 1, 2, 3]
        assert [end.outcome.state for end in ends] == ["complete", "failed", "failed", "complete"]
        assert [end.outcome.reason for end in ends] == [None, "error", "nan", None]
        assert ends[1].outcome.error == "LookupError: as I was told [not markup]"
        assert ends[0].outcome.fold_values == ends[3].outcome.fold_values


@ALL
def test_reports_come_in_order_and_the_decision_is_obeyed(kind, task, tmp_path):
    with Run(kind, task, tmp_path, prune_at=len(RUNGS)) as run:
        run.submit("xgboost", 0, run.config("xgboost", SMALL_XGBOOST))
        outcome = run.ended().outcome
        steps = [step for number, step in run.heard if number == 0]
        assert steps == sorted(set(steps))
        assert len(steps) > 2
        assert steps[-1] == len(RUNGS), "nothing is reported after the decision"
        assert (outcome.state, outcome.error) == ("pruned", f"pruned at step {len(RUNGS)}")


@APART
def test_a_worker_that_is_gone_costs_its_job_alone(kind, task, tmp_path):
    with Run(kind, task, tmp_path) as run:
        place = run.submit("toy", 0, {"do": "exit"})
        assert run.ended() == (Job("toy", 0, 1, {"do": "exit"}, 7, str(place)), None)
        run.submit("linear", 1, run.config("linear"))
        assert run.ended().outcome.state == "complete"


def test_a_worker_that_dies_before_its_report_is_answered_costs_its_job_alone(task, tmp_path):
    with Run(("process", None), task, tmp_path) as run:

        def die(step):
            process = psutil.Process(run.slots.pids[0])
            process.kill()
            assert wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE)

        run.meanwhile = die
        run.submit("xgboost", 0, run.config("xgboost", SMALL_XGBOOST))
        assert run.ended().outcome is None
        run.submit("linear", 1, run.config("linear"))
        assert run.ended().outcome.state == "complete"


@APART
def test_a_job_that_hangs_is_ended_when_its_patience_is_over(kind, task, tmp_path, monkeypatch):
    monkeypatch.setattr(outcomes, "_GRACE_SECONDS", 0.5)
    with Run(kind, task, tmp_path) as run:
        run.submit("toy", 0, {"do": "sleep"}, seconds=0.5)
        assert run.ended().outcome.reason == "time"
        run.submit("linear", 1, run.config("linear"))
        assert run.ended().outcome.state == "complete"


@APART
def test_what_is_made_for_all_trials_takes_no_time_of_the_first(kind, task, tmp_path, monkeypatch):
    monkeypatch.setattr(outcomes, "_GRACE_SECONDS", 1.0)
    with Run(kind, task, tmp_path) as run:
        run.submit("maker", 0, {"seconds": 6}, seconds=3.0)
        outcome = run.ended().outcome
        assert outcome.error == "LookupError: time is left"
        assert outcome.seconds < 3
        run.submit("maker", 1, {"seconds": 60}, seconds=1.0, late=2.0)
        assert run.ended().outcome.reason == "time", "the study's end"


@ALL
def test_killed_slots_have_no_room_and_no_job(kind, task, tmp_path):
    with Run(kind, task, tmp_path) as run:
        run.submit("toy", 0, {"do": "sleep"})
        run.slots.kill()
        assert run.slots.poll(0.1) == []
        run.slots.kill()
        run.slots.close()


@pytest.mark.slow
@pytest.mark.cluster
def test_a_node_that_is_lost_cuts_its_trial_off(task, tmp_path):
    pytest.importorskip("ray")
    from ray_nodes import cluster_of

    with cluster_of(2) as cluster, Run(("ray", cluster.address), task, tmp_path) as run:
        run.submit("toy", 0, {"do": "sleep"})
        cluster.lose_the_node_that_is_busy()
        assert run.ended().outcome is None
        run.submit("linear", 1, run.config("linear"))
        assert run.ended().outcome.state == "complete"


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize(("gpus", "seen"), [(0, "-1"), (1, "0")])
def test_a_trial_sees_the_gpus_that_it_occupies_and_no_other(task, tmp_path, gpus, seen):
    pytest.importorskip("ray")
    from ray_nodes import cluster_of

    with cluster_of(0) as cluster:
        cluster.add(gpus=2)
        with Run(("ray", cluster.address), task, tmp_path, resources={"GPU": gpus}) as run:
            run.submit("toy", 0, {"do": "look"})
            assert run.ended().outcome.error == f"LookupError: {seen}"
