"""Sides that are measured one after the other, each in a fresh process, with rows that are kept and not run again."""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, machine

Measure = Callable[[Path, str, str, float], float]
"""Folder of data, set, side, seconds; returns the accuracy on the test rows."""


def main(
    module: str, about: str, measure: Measure, *, sets: Sequence[str], sides: Sequence[str], seconds: float
) -> int:
    """Run what is missing, and print all rows; seconds are those of a whole process, imports included.

    Args:
        module: The benchmark's, `python -m module FOLDER`; its last name is that of the kept rows.
        about: Its description.
        measure: Measures one side of one set, in this process.
        sets: Names of data sets.
        sides: Names of what is compared.
        seconds: What each side may take.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(sets), help="of the folder; those named above when left out")
    parser.add_argument("--sides", nargs="+", choices=sides, default=list(sides))
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--one", action="store_true", help="measure one side of one set in this process")
    given = parser.parse_args()
    if given.one:
        accuracy = measure(given.folder, given.sets[0], given.sides[0], given.seconds)
        print(json.dumps({"accuracy": accuracy}))
        return 0
    kept = FOLDER / f"{module.rpartition('.')[2]}.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    for name in given.sets:
        for side in given.sides:
            key = {"set": name, "side": side, "limit": given.seconds}
            if not any(key.items() <= row.items() for row in rows):
                rows.append({**key, **_in_fresh_process(module, given.folder, **key), "machine": machine()})
                with kept.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    for row in rows:
        print(f"{row['set']:18} {row['side']:14} {row['accuracy']:.4f} {row['seconds']:7.1f} s of {row['limit']:.0f}")
    return int(any(math.isnan(row["accuracy"]) for row in rows))


def _in_fresh_process(module: str, folder: Path, *, set: str, side: str, limit: float) -> dict[str, Any]:  # noqa: A002
    """Return the accuracy of one side, NaN where it failed, and the seconds of its process."""
    options = [str(folder), "--sets", set, "--sides", side, "--seconds", str(limit), "--one"]
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", module, *options], stdout=subprocess.PIPE, text=True)
    seconds = round(time.monotonic() - started, 1)
    if done.returncode:
        return {"accuracy": math.nan, "seconds": seconds}
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}
