"""Faults that come at random times, of three kinds at once, and what is seen meanwhile."""

from __future__ import annotations

import math
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from killing import workers_of
from services import Services

MEANS = {"driver": 90.0, "service": 20.0, "worker": 4.0}  # seconds from one to the next
AWAY = (1.0, 8.0)  # seconds for which a service is away


class Driver:
    """The study's driver: the same command again whenever it ended."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def runs(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self.runs() else None

    def start(self) -> None:
        """Start it."""
        self.starts += 1
        with self._log.open("ab") as log:
            log.write(f"--- start {self.starts} at {time.strftime('%H:%M:%S')}\n".encode())
            log.flush()
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill it, as a machine that is switched off would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def interrupt(self, seconds: float) -> str | None:
        """End it as Ctrl-C does; return what it said last, and where it stood, if it does not end in time."""
        if self._process is None or not self.runs():
            return None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(1.0)
            self.kill()
            return f"Ctrl-C does not end it within {seconds:g} s:\n{self._log.read_text()[-6000:]}"
        return None


class Faults:
    """Faults of three kinds, each at random times of its own."""

    def __init__(self, driver: Driver, services: Services, folder: Path, *, seed: int) -> None:
        self._driver, self._services, self._folder, self._seed = driver, services, folder, seed
        self._over = threading.Event()
        self.counts: Counter[str] = Counter()
        self.broke: list[str] = []  # of the soak itself

    def run(self, seconds: float) -> None:
        """Let faults happen for so long: services in this thread, as Ray starts nodes in the main thread only."""
        beside = [
            threading.Thread(target=self._draw, args=("worker", self._of_worker)),
            threading.Thread(target=self._draw, args=("driver", self._of_driver)),
            threading.Thread(target=self._restart),
        ]
        for thread in beside:
            thread.start()
        try:
            self._draw("service", self._of_service, until=time.monotonic() + seconds)
        finally:
            self._over.set()
            for thread in beside:
                thread.join()

    def _draw(self, kind: str, fault: Callable[[random.Random], str | None], until: float = math.inf) -> None:
        rng = random.Random(f"{self._seed} {kind}")
        while not self._over.wait(min(rng.expovariate(1 / MEANS[kind]), max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                return
            try:
                if what := fault(rng):
                    self.counts[what] += 1
            except Exception:
                self.broke.append(traceback.format_exc())

    def _restart(self) -> None:
        while not self._over.wait(0.2):
            if not self._driver.runs():
                self._driver.start()

    def _of_driver(self, rng: random.Random) -> str | None:
        if not self._driver.runs():
            return None
        self._driver.kill()
        return "driver"

    def _of_service(self, rng: random.Random) -> str:
        name = rng.choice(sorted(self._services.breakable))
        self._services.breakable[name].take_away()
        self._over.wait(rng.uniform(*AWAY))
        self._services.breakable[name].give_back()
        return name

    def _of_worker(self, rng: random.Random) -> str | None:
        found = sorted(workers(self._folder), key=lambda process: process.pid)
        if not found:
            return None
        rng.choice(found).kill()
        return "worker"


def workers(folder: Path) -> list[psutil.Process]:
    """Return the study's live workers: its processes, or Ray's actors among what this process started."""
    actors = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("ray::RayWorker") or "ray::RayWorker" in "".join(process.cmdline()[:1]):
                actors.append(process)
        except psutil.Error:
            pass
    return actors or workers_of(folder)


class Watcher:
    """Notes what is sealed, and the memory of driver and workers, once a second in a thread of its own."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        self._driver, self._folder, self._over = driver, folder, threading.Event()
        self.sealed: dict[Path, str] = {}
        self.memory: list[tuple[float, int, int, int]] = []  # time, start, bytes of the driver, of its largest worker
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            for path in self._folder.glob("trials/*/*/result.json"):
                if path not in self.sealed:
                    self.sealed[path] = path.read_text()
            if (pid := self._driver.pid) is not None:
                largest = max(map(_bytes, workers(self._folder)), default=0)
                self.memory.append((time.time(), self._driver.starts, _bytes(pid), largest))


def _bytes(process: psutil.Process | int) -> int:
    try:
        return int((psutil.Process(process) if isinstance(process, int) else process).memory_info().rss)
    except psutil.Error:
        return 0


def command(folder: Path, trials: int, services: Services) -> list[str]:
    """Return the driver's command."""
    told = [folder, trials, services.workers, services.tracking.uri, services.ledger, services.address]
    return [sys.executable, str(Path(__file__).parent / "driver.py"), *map(str, told)]
