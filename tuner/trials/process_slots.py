"""Trials that run in warm local worker processes."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from spaces.engines.engine import environment_of
from spaces.families.family import Family
from spaces.machine.cores import cores
from tuner.scoring.metrics import own_metrics
from tuner.task.task import Task
from tuner.trials.outcome import Job, killed
from tuner.trials.slots import Finished, OnEpochs, OnReport
from tuner.trials.worker import RECYCLE_BYTES, Setup, pack

_STARTS_BEFORE_GIVING_UP = 3
_KILLS_BEFORE_GIVING_UP = 20


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    ready: bool = False
    job: Job | None = None
    deadline: float = math.inf
    log: Path = field(default_factory=Path)


class ProcessSlots:
    """Warm local worker processes, replaced when they die, are killed, or have grown.

    Variables of the environment that are `hidden` do not reach them.
    """

    def __init__(
        self,
        task: Task,
        families: Mapping[str, Family],
        *,
        workers: int,
        folder: Path,
        hidden: Collection[str] = (),
        on_report: OnReport,
        on_epochs: OnEpochs,
    ) -> None:
        self._threads = max(1, cores() // workers)
        payload = pack(families, own_metrics(task.scores))
        self._environment = environment_of(engine for family in families.values() for engine in family.engines)
        self._setup = Setup(
            [path for path in sys.path if path] + [os.getcwd()],
            str(folder / "data"),
            task.schema.kinds,
            payload,
            self._threads,
        )
        self.count, self._folder, self._hidden = workers, folder, hidden
        self._on_report, self._on_epochs = on_report, on_epochs
        self._workers: list[_Worker] = []
        self._stillborn = self._killed = 0

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def start(self) -> None:
        """Start every worker; each becomes free when it has imported its libraries."""
        (self._folder / "workers").mkdir(exist_ok=True)
        while len(self._workers) < self.count:
            self._workers.append(self._spawn())

    def free(self) -> int:
        """Return how many workers are ready and idle."""
        return sum(worker.ready and worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give the job to an idle worker."""
        worker = next(worker for worker in self._workers if worker.ready and worker.job is None)
        worker.job, worker.deadline = job, time.monotonic() + job.patience
        try:
            worker.connection.send(("run", job))
        except OSError:
            pass  # it died idle; poll sees that

    def poll(self, seconds: float) -> list[Finished]:
        """Read messages, end trials that are over their time, replace workers that are gone."""
        finished: list[Finished] = []
        left = min((worker.deadline for worker in self._workers), default=math.inf) - time.monotonic()
        ready = wait([worker.connection for worker in self._workers], max(0.0, min(seconds, left)))
        for worker in list(self._workers):
            if worker.connection in ready:
                finished += self._read(worker)
            elif worker.process.poll() is not None:  # what it forked may keep its end of the connection open
                finished += self._bury(worker)
                continue
            if worker.job is not None and time.monotonic() > worker.deadline:
                finished.append(Finished(worker.job, killed(worker.job)))
                self._replace(worker)
        return finished

    def kill(self) -> None:
        """Kill every worker."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()

    def close(self) -> None:
        """Ask idle workers to leave; kill those that do not."""
        for worker in self._workers:
            try:
                worker.connection.send(("stop",))
                worker.process.wait(timeout=5)
            except (OSError, subprocess.TimeoutExpired):
                pass
        self.kill()

    def _spawn(self) -> _Worker:
        mine, theirs = socket.socketpair()
        log = self._folder / "workers" / f"{time.time_ns()}.log"
        threads = str(self._threads)
        kept = {name: value for name, value in os.environ.items() if name not in self._hidden}
        environment = {"OMP_WAIT_POLICY": "passive"} | kept
        environment |= {  # a thread that waits must not spin: on a busy machine it keeps the others from their work
            "TUNER_THREADS": threads,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            **self._environment,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        with theirs, log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tuner.trials.worker", str(theirs.fileno()), str(self._folder)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the driver, which lets running trials end
            )
        worker = _Worker(process, Connection(mine.detach()), log=log)
        # Sent beside: a worker that hangs before it reads must not hold up its driver.
        threading.Thread(target=_tell, args=(worker.connection, self._setup), daemon=True).start()
        return worker

    def _read(self, worker: _Worker) -> list[Finished]:
        try:
            kind, *rest = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        job = worker.job
        if kind == "ready":
            worker.ready = True
            self._stillborn = self._killed = 0
        elif kind == "report" and job is not None:
            answer = self._on_report(job, *rest)
            worker.connection.send(("answer", answer))
        elif kind == "epochs" and job is not None:
            self._on_epochs(job, rest[0])
        elif kind == "done" and job is not None:
            outcome, grown = rest
            worker.job, worker.deadline = None, math.inf
            if grown > RECYCLE_BYTES:
                self._replace(worker)
            return [Finished(job, outcome)]
        return []

    def _bury(self, worker: _Worker) -> list[Finished]:
        if not worker.ready:
            self._count_stillborn(worker)
        job = worker.job
        self._replace(worker)
        return [] if job is None else [Finished(job, None)]

    def _count_stillborn(self, worker: _Worker) -> None:
        """Give up soon on workers that end by themselves before they are ready, later on those that are killed."""
        if worker.process.wait() == -signal.SIGKILL:
            self._killed += 1
        else:
            self._stillborn += 1
        if self._stillborn >= _STARTS_BEFORE_GIVING_UP:
            tail = worker.log.read_text(errors="replace").strip()[-1500:]
            self.kill()
            raise RuntimeError(f"workers cannot start; the last one said:\n{tail}")
        if self._killed >= _KILLS_BEFORE_GIVING_UP:
            self.kill()
            raise RuntimeError(
                f"{self._killed} workers in a row were killed while starting, perhaps for want of memory"
            )

    def _replace(self, worker: _Worker) -> None:
        _end(worker)
        self._workers[self._workers.index(worker)] = self._spawn()


def _tell(connection: Connection, setup: Setup) -> None:
    with suppress(OSError, TypeError, ValueError):  # it is gone; poll sees that
        connection.send(setup)


def _end(worker: _Worker) -> None:
    """Kill a worker and what it forked, which is of its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.kill()
    worker.process.wait()
    worker.connection.close()
