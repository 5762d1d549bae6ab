"""A worker process: `python -m tuner.trials.worker FD STUDY` runs jobs that come over an inherited socket.

The study's folder is named for whoever looks at the list of processes.

A worker never imports the user's script, so an unguarded `__main__` is harmless; the user's functions arrive as
cloudpickle bytes. It leaves when its driver is gone, also in the middle of a trial.

Libraries are imported when the first trial needs them, so that trees and linear models need not wait for TensorFlow.
What an import takes is the study's and no trial's, and memory counts from there.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import cloudpickle

from spaces.engines.contract import Fold
from spaces.engines.engine import begin
from spaces.families.family import Family
from spaces.inputs.kinds import hand_over
from spaces.machine.parent import end_with_parent
from spaces.rows.table import Rows
from tuner.scoring.score import Metric
from tuner.task.folds import make_folds
from tuner.task.task import Task
from tuner.trials.all_rows import run_on_all_rows
from tuner.trials.outcome import Job, Outcome
from tuner.trials.trial import run_trial

_LOG_EVERY_SECONDS = 2.0
_LEAST_SECONDS = 1.0
RECYCLE_BYTES = 512 * 1024**2  # a worker that has grown so much is replaced


@dataclass(frozen=True)
class Setup:
    """What a worker is told once: where modules and data are, kinds of input, families and own metrics as bytes."""

    path: list[str]
    data: str
    kinds: tuple[str, ...]
    payload: bytes
    threads: int


def pack(families: Mapping[str, Family], metrics: list[Metric]) -> bytes:
    """Return families and metrics as bytes that travel over the pipe, never to disk."""
    packed: bytes = cloudpickle.dumps((dict(families), metrics))
    return packed


class Channel(Protocol):
    """What carries a conversation: a connection to another process, or queues within one."""

    def send(self, obj: Any, /) -> None:
        """Send."""

    def recv(self) -> Any:
        """Wait for what is sent; raise `EOFError` or `OSError` when nobody is there any more."""


class Session:
    """A worker's end of the conversation."""

    def __init__(self, connection: Channel) -> None:
        self._connection = connection
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._epochs: list[tuple[int, int, dict[str, float], float]] = []
        self._sent = time.monotonic()

    def listen(self) -> None:
        """Start reading; a driver that is gone ends the process at once."""

        def read() -> None:
            while True:
                try:
                    self._inbox.put(self._connection.recv())
                except (EOFError, OSError):
                    os._exit(0)

        threading.Thread(target=read, daemon=True).start()

    def receive(self) -> Any:
        """Wait for the next message."""
        return self._inbox.get()

    def send(self, *message: Any) -> None:
        """Send a message; there is nobody to complain to when the driver is gone."""
        try:
            self._connection.send(message)
        except OSError:
            os._exit(0)

    def report(self, step: int, value: float) -> bool:
        """Report to the pruner and wait for its answer."""
        self.send("report", step, value)
        return bool(self.receive()[1])

    def pause(self, paused: bool) -> None:
        """Say that the trial's time stands still, or goes on."""
        self.send("pause", paused)

    def log(self, fold: int, epoch: int, curves: Mapping[str, float]) -> None:
        """Collect an epoch's numbers and send them every few seconds."""
        self._epochs.append((fold, epoch, dict(curves), time.time()))
        if time.monotonic() - self._sent > _LOG_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send the epochs collected so far."""
        if self._epochs:
            self.send("epochs", self._epochs)
        self._epochs, self._sent = [], time.monotonic()

    def drop(self) -> None:
        """Forget epochs that the finished trial's own curves hold anyway."""
        self._epochs = []


def main(descriptor: int) -> None:
    """Serve jobs until told to stop."""
    end_with_parent()
    os.register_at_fork(after_in_child=lambda: _leave_to_the_worker(descriptor))
    session = Session(Connection(descriptor))
    session.listen()
    serve(session)


def serve(session: Session) -> None:
    """Hear the setup, and run jobs until told to stop."""
    setup: Setup = session.receive()
    sys.path[:] = setup.path
    hand_over(setup.kinds)
    families, metrics = cloudpickle.loads(setup.payload)
    task = Task.open(Path(setup.data), metrics)
    folds, begun, first_bytes = make_folds(task), set[str](), _resident_bytes()
    session.send("ready")
    while True:
        kind, *rest = session.receive()
        if kind == "stop":
            os._exit(0)  # TensorFlow's threads may take long to unwind
        job: Job = rest[0]
        family = families[job.family]
        if new := [engine for engine in family.engines if engine.name not in begun]:
            started, before = time.monotonic(), _resident_bytes()
            begin(new, setup.threads)
            begun |= {engine.name for engine in new}
            first_bytes += _resident_bytes() - before
            left = job.left - (time.monotonic() - started)
            job = replace(job, seconds=max(_LEAST_SECONDS, min(job.seconds, left)), left=left)
        outcome = _run(job, task, folds, family=family, session=session)
        session.drop()
        session.send("done", outcome, _resident_bytes() - first_bytes)


def _run(job: Job, task: Task, folds: Sequence[tuple[Fold, Rows]], *, family: Family, session: Session) -> Outcome:
    if job.on_all_rows is not None:
        return run_on_all_rows(job, task, family)
    return run_trial(job, task, folds, family=family, report=session.report, log=session.log, pause=session.pause)


def _leave_to_the_worker(descriptor: int) -> None:
    """Close the connection in what a builder forks: only the worker speaks, and its end is then seen."""
    with suppress(OSError):
        os.close(descriptor)
    end_with_parent()


def _resident_bytes() -> int:
    """Return the memory of this process that is of no file: on Linux, pages of libraries come and go."""
    import psutil

    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
