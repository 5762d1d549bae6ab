"""Memory and time while a folder of 2,000 and one of 20,000 image files become a task, read first and then found again.

Measured: `tuner.Task(folder, "class", image_size=(64, 64), test=0.2)` on coloured JPEG files, 96 x 96 pixels of noise,
eight pictures under many names, every file decoded. Each construction is a fresh process, which first reads a folder of
64 so that the libraries are loaded; the second one of a folder finds what the first one kept. The files were just
written, so the system has them in memory. A thread reads `/proc/self/status` every few milliseconds (Linux only).

How to read it. `growth` is of anonymous memory (RssAnon), which the system cannot take back: if the array were held, it
would be at least the array. `mapped` is the growth of mapped pages of files (RssFile), the kept array among them: they
count as resident but the system drops them when it needs the room. Peaks are of all readings.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import tuner
from benchmarks.results import save
from tuner.archive.report import print_table

SIZES = (2_000, 20_000)
_PIXELS, _SIDE, _PICTURES, _WARM = 96, 64, 8, 64
_EVERY_SECONDS = 0.005
_FIELDS = {"growth": "RssAnon", "mapped": "RssFile"}


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep memory and seconds; they are not repeated."""
    del repeats
    if sys.platform != "linux":
        raise SystemExit("images reads /proc/self/status, which only Linux has")
    rows = [_row(files) for files in ((200, 2_000) if quick else SIZES)]
    columns = ["files", "array MiB", "growth MiB", "mapped", "s", "again: growth MiB", "mapped", "s", "first / again"]
    cells = [[*list(row.values())[:2], *row["first"].values(), *row["again"].values(), row["ratio"]] for row in rows]
    print_table(f"Folders of images, {_SIDE} x {_SIDE}", columns, cells)
    if not quick:
        save("images", {"unit": "MiB", "cores_used": len(os.sched_getaffinity(0)), "rows": rows})


def _row(files: int) -> dict[str, Any]:
    """Write a folder and read it twice, each time in a fresh process."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write(folder / "warm", _WARM)
        _write(folder / "images", files)
        first, again = (_in_fresh_process(folder, files) for _ in range(2))
    ratio = round(first["seconds"] / again["seconds"], 1)
    array = round(files * _SIDE * _SIDE * 3 / 2**20, 1)
    return {"files": files, "array": array, "first": first, "again": again, "ratio": ratio}


def _write(folder: Path, files: int) -> None:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (_PICTURES, _PIXELS, _PIXELS, 3), np.uint8)
    pictures = [io.BytesIO() for _ in noise]
    for picture, pixels in zip(pictures, noise, strict=True):
        Image.fromarray(pixels).save(picture, "JPEG")
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
    for i in range(files):
        (folder / ("cat", "dog")[i % 2] / f"{i:06}.jpg").write_bytes(pictures[i // 2 % _PICTURES].getvalue())


def _in_fresh_process(folder: Path, files: int) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (folder, files))


def _measure(folder: Path, files: int) -> dict[str, float]:
    """Make the task; return how far memory grew meanwhile, in MiB, and the seconds."""
    os.environ["TUNER_CACHE"] = str(folder / "cache")
    _task(folder / "warm")
    before, peaks, done = _memory(), dict.fromkeys(_FIELDS, 0.0), threading.Event()

    def watch() -> None:
        while not done.wait(_EVERY_SECONDS):
            peaks.update({name: max(peaks[name], now - before[name]) for name, now in _memory().items()})

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        started = time.perf_counter()
        task = _task(folder / "images")
        seconds = time.perf_counter() - started
    finally:
        done.set()
        thread.join()
    if task.test is None or len(task.rows) + len(task.test) != files:
        raise RuntimeError(f"the task has {len(task.rows)} rows to train on, of {files} files")
    return {**{name: round(peak, 1) for name, peak in peaks.items()}, "seconds": round(seconds, 2)}


def _task(folder: Path) -> tuner.Task:
    return tuner.Task(folder, "class", image_size=(_SIDE, _SIDE), test=0.2)


def _memory() -> dict[str, float]:
    """Return the resident memory of this process, anonymous and mapped, in MiB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {name: int(status[field].split()[0]) / 1024 for name, field in _FIELDS.items()}
