"""A process that imports what workers need and forks them: `python -m tuner.trials.fork_server FD STUDY`; on Linux.

A forked worker starts at once and shares the memory of what was imported. TensorFlow may be forked only while it has
not computed anything, so this process imports modules and nothing else: it opens no data and calls no engine.

Python's own `multiprocessing.forkserver` would not do: there is one in a process, which belongs to the user, it takes
the user's environment, and each of its children imports the user's script.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from spaces.machine.parent import end_with_parent

SUPPORTED = sys.platform == "linux" and hasattr(os, "pidfd_open")
_ANSWER_SECONDS = 60.0  # a machine may be that busy, and without an answer all workers end
_MOST_BYTES = 65_536


class ForkServerError(RuntimeError):
    """The process that forks is gone, or does not answer."""


class ForkedWorker:
    """A process that the server forked; to its starter it is as a `subprocess.Popen` is."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server

    def poll(self) -> int | None:
        """Return how it ended, below 0 by a signal; None while it runs."""
        return self._server.ended(self.pid)

    def wait(self, timeout: float = _ANSWER_SECONDS) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: It runs on.
        """
        until = time.monotonic() + timeout
        while (code := self._server.ended(self.pid, max(0.0, until - time.monotonic()))) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("worker", timeout)
        return code

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """The driver's side of the process that forks.

    Args:
        folder: The study's.
        modules: What it imports before it forks.
        environment: Its environment, which workers take over.
    """

    def __init__(self, folder: Path, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_ANSWER_SECONDS)
        with theirs, (folder / "workers" / "fork_server.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tuner.trials.fork_server", str(theirs.fileno()), str(folder), *modules],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        self._ready = self._gone = False
        self._ended: dict[int, int] = {}

    def ready(self) -> bool:
        """Return whether it has imported everything."""
        self._hear(0.0)
        return self._ready and not self._gone

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        self._hear(0.0)
        return self._gone

    def fork(self, log: Path, connection: socket.socket) -> ForkedWorker:
        """Fork a worker that writes to a log and speaks over a connection.

        Raises:
            ForkServerError: There is no answer.
        """
        try:
            socket.send_fds(self._socket, [str(log).encode()], [connection.fileno()])
        except OSError as error:
            raise ForkServerError(f"the process that forks workers is gone: {error}") from None
        until = time.monotonic() + _ANSWER_SECONDS
        while not self._gone and time.monotonic() < until:
            if (heard := self._hear(max(0.0, until - time.monotonic()))) and heard[0] == "forked":
                return ForkedWorker(self, heard[1])
        raise ForkServerError("the process that forks workers does not answer")

    def ended(self, pid: int, seconds: float = 0.0) -> int | None:
        """Return how a worker ended; None while it runs. Workers end with the server."""
        while pid not in self._ended and not self._gone and self._hear(seconds):
            seconds = 0.0
        return -signal.SIGKILL if self._gone else self._ended.get(pid)

    def close(self) -> None:
        """End it, and with it the workers that are left."""
        self.process.kill()
        self.process.wait()
        self._socket.close()
        self._gone = True

    def _hear(self, seconds: float) -> list[Any]:
        """Read one message, if there is one within some seconds."""
        if self._gone or not wait([self._socket], seconds):
            return []
        try:
            message = self._socket.recv(_MOST_BYTES)
        except OSError:
            message = b""
        self._gone = not message
        heard: list[Any] = json.loads(message) if message else []
        if heard and heard[0] == "ready":
            self._ready = True
        elif heard and heard[0] == "ended":
            self._ended[heard[1]] = heard[2]
        return heard


def main(descriptor: int, modules: Sequence[str]) -> None:
    """Import, and fork workers until the driver is gone."""
    end_with_parent()
    # The threads are those of C++, which wait.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    for module in ("tuner.trials.worker", *modules):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that collecting in a worker does not copy what it shares
    channel = socket.socket(fileno=descriptor)
    channel.send(json.dumps(["ready"]).encode())
    running: dict[int, int] = {}  # the process of each descriptor that tells of its end
    while True:
        for told in wait([channel, *running]):
            if told is channel:
                pid = _fork(channel, list(running))
                running[os.pidfd_open(pid)] = pid
                channel.send(json.dumps(["forked", pid]).encode())
            elif isinstance(told, int):
                pid = running.pop(told)
                os.close(told)
                _, status = os.waitpid(pid, 0)
                channel.send(json.dumps(["ended", pid, os.waitstatus_to_exitcode(status)]).encode())


def _fork(channel: socket.socket, others: Sequence[int]) -> int:
    """Fork a worker as the next message says; the server returns its process id."""
    message, descriptors, _, _ = socket.recv_fds(channel, _MOST_BYTES, 1)
    if not message:
        os._exit(0)
    (descriptor,) = descriptors
    if pid := os.fork():
        os.close(descriptor)
        return pid
    try:
        channel.close()
        for other in others:
            os.close(other)
        _serve(message.decode(), descriptor)
    finally:
        os._exit(1)


def _serve(log: str, descriptor: int) -> None:
    """Be a worker, in a session of its own and with random numbers of its own."""
    import numpy as np

    from tuner.trials import worker

    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    random.seed()
    np.random.seed()  # noqa: NPY002  # the one that builders use
    try:
        worker.main(descriptor)
    except BaseException:
        import traceback

        traceback.print_exc()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[3:])
