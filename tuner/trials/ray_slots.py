"""Trials that run in warm actors on the nodes of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.families.family import Family
from tuner.task.task import Task
from tuner.trials.outcome import Job, killed
from tuner.trials.ray_cluster import ClusterError, RayCluster, check_nodes, connect, room
from tuner.trials.slots import Finished, OnEpochs, OnReport
from tuner.trials.warm import Starts, Warm, environment_for, idle, setup_of, wait_at_most
from tuner.trials.worker import RECYCLE_BYTES

_CREATION = "creation task"  # in what Ray says of an actor that cannot be made; of others it says that they died


@dataclass(eq=False, kw_only=True)
class _Worker(Warm):
    """An actor, and the reference to what it says next; None while it is idle."""

    actor: Any
    says: Any


class RaySlots:
    """Warm actors, replaced when they or their nodes die, when they are killed, or have grown.

    Ray itself neither restarts nor retries anything: the loop decides, as it does for processes.
    """

    def __init__(
        self,
        task: Task,
        families: Mapping[str, Family],
        *,
        cluster: RayCluster,
        folder: Path,
        hidden: Collection[str] = (),
        on_report: OnReport,
        on_epochs: OnEpochs,
    ) -> None:
        self._cluster, self._folder, self._hidden = cluster, folder, tuple(hidden)
        threads = max(1, int(cluster.of_a_trial["CPU"]))
        self._setup = setup_of(task, families, folder=folder, threads=threads)
        blind = {} if cluster.of_a_trial["GPU"] else {"CUDA_VISIBLE_DEVICES": "-1"}
        self._environment = environment_for(families, threads) | blind
        self._on_report, self._on_epochs = on_report, on_epochs
        self._workers: list[_Worker] = []
        self._starts = Starts()
        self._connected = False

    @property
    def count(self) -> int:
        """How many trials run at once."""
        return len(self._workers)

    def start(self) -> None:
        """Connect, check that every node reaches the folder, and start an actor a slot.

        Raises:
            ClusterError: The cluster cannot be used.
        """
        self._connected = connect(self._cluster.address)
        check_nodes(self._folder)
        fits = room(self._cluster)
        if not fits:
            raise ClusterError(f"no node of the cluster has what a trial occupies: {self._cluster.of_a_trial}")
        count = fits if self._cluster.slots is None else min(fits, self._cluster.slots)
        self._workers = [self._begun() for _ in range(count)]

    def free(self) -> int:
        """Return how many actors are ready and idle."""
        return len(idle(self._workers))

    def submit(self, job: Job) -> None:
        """Give the job to an idle actor."""
        worker = idle(self._workers)[0]
        worker.begin(job)
        worker.says = worker.actor.proceed.remote(("run", job))

    def poll(self, seconds: float) -> list[Finished]:
        """Hear what actors say, end trials that are over their time, replace actors that are gone."""
        import ray

        says = [worker.says for worker in self._workers if worker.says is not None]
        limit = wait_at_most(self._workers, seconds)
        if not says:
            time.sleep(limit)
            return []
        ray.wait(says, timeout=limit)
        ready = set(ray.wait(says, num_returns=len(says), timeout=0)[0])
        finished: list[Finished] = []
        for worker in list(self._workers):
            if worker.says in ready:
                finished += self._hear(worker)
            elif worker.job is not None and worker.hangs:
                finished.append(Finished(worker.job, killed(worker.job)))
                self._replace(worker)
        return finished

    def kill(self) -> None:
        """Kill every actor, and leave the cluster if it was joined here."""
        import ray

        if ray.is_initialized():
            for worker in self._workers:
                ray.kill(worker.actor)
            if self._connected:
                ray.shutdown()
        self._workers.clear()
        self._connected = False

    def close(self) -> None:
        """Do as `kill` does: an idle actor has nothing to put in order."""
        self.kill()

    def _begun(self) -> _Worker:
        import ray

        from tuner.trials.ray_worker import RayWorker

        needed = dict(self._cluster.of_a_trial)
        options = {"num_cpus": needed.pop("CPU"), "num_gpus": needed.pop("GPU"), "resources": needed}
        made = ray.remote(max_restarts=0, max_task_retries=0, **options)(RayWorker)
        actor = made.remote(self._setup, self._environment, self._hidden)
        return _Worker(actor=actor, says=actor.proceed.remote())

    def _hear(self, worker: _Worker) -> list[Finished]:
        import ray

        try:
            kind, *rest = ray.get(worker.says)
        except ray.exceptions.RayError as error:
            return self._bury(worker, str(error) if _CREATION in str(error) else None)
        worker.says, job = None, worker.job
        if kind == "broken":
            return self._bury(worker, rest[0])
        if kind == "ready":
            worker.ready = True
            self._starts.succeeded()
        elif kind == "done" and job is not None:
            outcome, grown = rest
            worker.end()
            if grown > RECYCLE_BYTES:
                self._replace(worker)
            return [Finished(job, outcome)]
        elif job is not None:
            self._answer(worker, job, (kind, *rest))
        return []

    def _answer(self, worker: _Worker, job: Job, said: tuple[Any, ...]) -> None:
        """Take a trial's reports, epochs and pauses, and let it go on."""
        answer = None
        if said[0] == "report":
            answer = ("answer", self._on_report(job, *said[1:]))
        elif said[0] == "epochs":
            self._on_epochs(job, said[1])
        elif said[0] == "pause":
            worker.pause(said[1])
        worker.says = worker.actor.proceed.remote(answer)

    def _bury(self, worker: _Worker, said: str | None) -> list[Finished]:
        if not worker.ready and (complaint := self._starts.failed(said)):
            self.kill()
            raise RuntimeError(complaint)
        job = worker.job
        self._replace(worker)
        return [] if job is None else [Finished(job, None)]

    def _replace(self, worker: _Worker) -> None:
        import ray

        ray.kill(worker.actor)
        self._workers[self._workers.index(worker)] = self._begun()
