"""Resident memory of the driver and its workers over 200 trials of a real study.

Measured: `tuner.tune` with two workers on scikit-learn's breast cancer table, networks of one hidden layer trained for
two epochs on five folds, MLflow on. Such trials are the hardest on memory for their time: every one builds and traces
new networks and hardly trains them. A thread reads the resident memory of the driver and of its child processes twice
a second.

How to read it. The rows say how much memory was in use when so many trials had ended. The driver should stay level.
A worker grows, as TensorFlow does not give memory back, until it is replaced (`RECYCLE_BYTES` above its
start, between two trials); `replaced` counts that. The peaks are of all readings.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sklearn.datasets import load_breast_cancer

import tuner
from benchmarks.results import save
from tuner.archive.report import print_table

WORKERS = 2
STOPS = (20, 50, 100, 150, 200)
_EVERY_SECONDS = 0.5
_MIB = 1024**2


@dataclass(frozen=True)
class Reading:
    """Memory at one moment, in bytes."""

    trials: int
    driver: int
    workers: dict[int, int]


@dataclass
class Meter:
    """Reads memory in a thread while a study runs in a folder."""

    folder: Path
    readings: list[Reading] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def read_until_stopped(self) -> None:
        """Read again and again."""
        me = psutil.Process()
        while not self.stopped.wait(_EVERY_SECONDS):
            ended = len(list(self.folder.glob("trials/dense-*/*/result.json")))
            workers = {child.pid: _resident(child) for child in me.children()}
            self.readings.append(Reading(ended, me.memory_info().rss, workers))


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep the memory of driver and workers; it is not repeated."""
    stops = (2, 4, 6) if quick else STOPS
    data = load_breast_cancer(as_frame=True)
    task = tuner.Task(data.data, data.target)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        meter = Meter(Path(temporary) / "study")
        thread = threading.Thread(target=meter.read_until_stopped)
        thread.start()
        try:
            tuner.tune(
                task,
                {"dense": {"epochs": 2, "depth": 1}},
                trials=stops[-1],
                workers=WORKERS,
                folder=meter.folder,
                progress=False,
            )
        finally:
            meter.stopped.set()
            thread.join()
    rows = [_row(meter.readings, stop) for stop in stops]
    peaks = {
        "driver": _mib(max(reading.driver for reading in meter.readings)),
        "worker": _mib(max(_largest(reading) for reading in meter.readings)),
    }
    seconds = time.monotonic() - started
    columns = ["trials ended", "driver MiB", "largest worker MiB", "workers replaced"]
    print_table(f"Memory over {stops[-1]} trials ({seconds:.0f} s)", columns, [list(row.values()) for row in rows])
    print(f"peaks: driver {peaks['driver']} MiB, worker {peaks['worker']} MiB")
    if not quick:
        save("memory", {"unit": "MiB", "workers": WORKERS, "rows": rows, "peaks": peaks, "seconds": round(seconds)})


def _row(readings: Sequence[Reading], trials: int) -> dict[str, Any]:
    """Describe the first moment at which so many trials had ended."""
    until = next((i for i, reading in enumerate(readings) if reading.trials >= trials), len(readings) - 1)
    seen = {pid for reading in readings[: until + 1] for pid in reading.workers}
    return {
        "trials": trials,
        "driver": _mib(readings[until].driver),
        "worker": _mib(_largest(readings[until])),
        "replaced": max(0, len(seen) - WORKERS),
    }


def _largest(reading: Reading) -> int:
    return max(reading.workers.values(), default=0)


def _mib(count: int) -> int:
    return round(count / _MIB)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
