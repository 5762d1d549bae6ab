"""Trials that run in warm local worker processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Protocol

from spaces.engines.engine import ENGINES
from spaces.families.family import Family
from spaces.machine.cores import cores
from tuner.task.task import Task
from tuner.trials.fork_server import SUPPORTED, ForkServer, ForkServerError
from tuner.trials.outcome import Job, killed
from tuner.trials.slots import Finished, OnEpochs, OnReport
from tuner.trials.warm import Starts, Warm, environment_for, idle, setup_of, wait_at_most
from tuner.trials.worker import RECYCLE_BYTES, Setup


class _Process(Protocol):
    """A worker's process, which we started or had forked."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float = ...) -> int: ...

    def kill(self) -> None: ...


@dataclass(eq=False, kw_only=True)
class _Worker(Warm):
    process: _Process
    connection: Connection
    log: Path


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
        threads = max(1, cores() // workers)
        self._setup = setup_of(task, families, folder=folder, threads=threads)
        self._environment = environment_for(families, threads)
        engines = {engine.name: engine for family in families.values() for engine in family.engines}
        ours = [engine for name, engine in engines.items() if name in ENGINES]  # a user's own may compute when imported
        self._modules = [module for engine in ours for module in engine.modules]
        self._server: ForkServer | None = None
        self.count, self._folder, self._hidden = workers, folder, hidden
        self._on_report, self._on_epochs = on_report, on_epochs
        self._workers: list[_Worker] = []
        self._starts = Starts()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.process.pid for worker in self._workers]

    def start(self) -> None:
        """Start every worker; each becomes free when it has imported its libraries.

        Where processes can be forked, only the first is started at once, and the others when the fork server is ready.
        """
        (self._folder / "workers").mkdir(exist_ok=True)
        self._workers.append(self._spawn())
        if self.count > 1:
            self._begin_server()
        self._complete()

    def free(self) -> int:
        """Return how many workers are ready and idle."""
        return len(idle(self._workers))

    def submit(self, job: Job) -> None:
        """Give the job to an idle worker."""
        worker = idle(self._workers)[0]
        worker.begin(job)
        with suppress(OSError):  # it died idle; poll sees that
            worker.connection.send(("run", job))

    def poll(self, seconds: float) -> list[Finished]:
        """Read messages, end trials that are over their time, replace workers that are gone."""
        finished: list[Finished] = []
        self._complete()
        ready = wait([worker.connection for worker in self._workers], wait_at_most(self._workers, seconds))
        for worker in list(self._workers):
            if worker.connection in ready:
                finished += self._read(worker)
            elif worker.process.poll() is not None:  # what it forked may keep its end of the connection open
                finished += self._bury(worker)
                continue
            if worker.job is not None and worker.hangs:
                finished.append(Finished(worker.job, killed(worker.job)))
                self._replace(worker)
        return finished

    def kill(self) -> None:
        """Kill every worker."""
        for worker in self._workers:
            _end(worker)
        self._workers.clear()
        self._end_server()

    def close(self) -> None:
        """Ask idle workers to leave; kill those that do not."""
        for worker in self._workers:
            try:
                worker.connection.send(("stop",))
                worker.process.wait(timeout=5)
            except (OSError, subprocess.TimeoutExpired):
                pass
        self.kill()

    def _complete(self) -> None:
        """Start workers that are wanted, unless a fork server will soon be there."""
        if self._server is not None and self._server.gone:
            self._end_server()
        while len(self._workers) < self.count and (self._server is None or self._server.ready()):
            self._workers.append(self._spawn())

    def _begin_server(self) -> None:
        if SUPPORTED and self._server is None:
            self._server = ForkServer(self._folder, self._modules, self._environment_of_workers())

    def _end_server(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _spawn(self) -> _Worker:
        mine, theirs = socket.socketpair()
        log = self._folder / "workers" / f"{time.time_ns()}.log"
        with theirs:
            process = self._forked(log, theirs) or self._started(log, theirs)
        worker = _Worker(process=process, connection=Connection(mine.detach()), log=log)
        # Sent beside: a worker that hangs before it reads must not hold up its driver.
        threading.Thread(target=_tell, args=(worker.connection, self._setup), daemon=True).start()
        return worker

    def _forked(self, log: Path, theirs: socket.socket) -> _Process | None:
        """Fork a worker, if there is a process that does so and can."""
        if self._server is None or not self._server.ready():
            return None
        try:
            return self._server.fork(log, theirs)
        except ForkServerError:
            self._end_server()
            return None

    def _started(self, log: Path, theirs: socket.socket) -> _Process:
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tuner.trials.worker", str(theirs.fileno()), str(self._folder)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment_of_workers(),
                start_new_session=True,  # Ctrl-C is for the driver, which lets running trials end
            )

    def _environment_of_workers(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in self._hidden}
        # A thread that waits must not spin: on a busy machine it keeps the others from their work.
        environment = {"OMP_WAIT_POLICY": "passive"} | kept | self._environment
        return environment | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

    def _read(self, worker: _Worker) -> list[Finished]:
        try:
            kind, *rest = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        job = worker.job
        if kind == "ready":
            worker.ready = True
            self._starts.succeeded()
        elif kind == "report" and job is not None:
            answer = self._on_report(job, *rest)
            with suppress(OSError):  # it died meanwhile; poll sees that
                worker.connection.send(("answer", answer))
        elif kind == "epochs" and job is not None:
            self._on_epochs(job, rest[0])
        elif kind == "pause" and job is not None:
            worker.pause(rest[0])
        elif kind == "done" and job is not None:
            outcome, grown = rest
            worker.end()
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
        killed = worker.process.wait() == -signal.SIGKILL
        if complaint := self._starts.failed(None if killed else worker.log.read_text(errors="replace")):
            self.kill()
            raise RuntimeError(complaint)

    def _replace(self, worker: _Worker) -> None:
        _end(worker)
        self._begin_server()  # who replaced one worker will replace others
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
