"""Tables within a time: a study of ours beside AutoGluon, FLAML and XGBoost's defaults.

    python -m benchmarks.peers DATA [--tables NAME ...] [--tools NAME ...] [--seconds 150] [--core 1]

DATA holds a folder for each data set (`benchmarks/tables.py` reads them and names the three groups). Each tool is a
program of `benchmarks/sides/tables_*.py` in an environment of its own, which is made first. It is a fresh process with
one thread, and is charged by wall time from its start to its predictions of the test rows; imports count. A peer is
told less time than it has: less by what it took over in the median of its rows so far. It runs once more, with less
time, if it ends after `--late` times its seconds. A tool that fails, or takes more than twice its time, ranks last.

Rows are kept in `results/peers.jsonl`, the losses of test rows in `results/peers/`; what is there is not run again,
but with `--again`. Run it on a core that does nothing else, for `--seconds 150` and 600 one after the other.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import REQUIREMENTS, ROOT, python_of, versions_of
from benchmarks.results import FOLDER, machine
from benchmarks.standing import Row, gains, loss_of, losses_of, name_of, printed, standing
from benchmarks.tables import GROUPS, REPORTED, SETTINGS, Divided, divided

TOOLS = ("xgboost", "flaml", "autogluon", "ours")
TOLD = {"flaml": 0.95, "autogluon": 0.9, "autogluon_ray": 0.8}  # the share of its time that a peer is told at first
KEPT, LOSSES = FOLDER / "peers.jsonl", FOLDER / "peers"
_KILLED_AFTER = 2.0  # times its seconds, after which a tool has failed
_PAUSE = 10.0  # seconds in which what a tool leaves behind comes to its end, before the next one starts
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def main() -> None:
    """Run what is missing, and print how the tools stand."""
    given = _arguments()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    for name in given.tables:
        table = divided(given.data, name)
        for tool in given.tools:
            key = {"set": name, "tool": tool, "limit": given.seconds}
            if given.again or not any(key.items() <= row.items() for row in kept()):
                _keep(_in_time(table, key, given.build, given.late))
    _print(given.tables, given.tools)


def kept() -> list[dict[str, Any]]:
    """Return the rows that are kept, of a table, tool and time the last."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return list({name_of(row): row for row in map(json.loads, lines)}.values())


def told(rows: Sequence[Row], tool: str, limit: float) -> float:
    """Return the seconds that a tool is told, so that it ends at its limit."""
    if tool not in TOLD:
        return limit
    ran = [
        row
        for row in rows
        if (row["tool"], row["limit"]) == (tool, limit) and 0.8 * limit < row["seconds"] < 1.5 * limit
    ]
    over = statistics.median(row["seconds"] - row["told"] for row in ran) if ran else (1 - TOLD[tool]) * limit
    return round(max(0.5 * limit, limit - max(0.0, over)), 1)


def _in_time(table: Divided, key: Row, build: Path, late: float) -> dict[str, Any]:
    """Return a row; a peer that is late runs once more with less time, and its faster run counts."""
    seconds = told(kept(), key["tool"], key["limit"])
    row = _measured(table, key, seconds, build)
    if row["tool"] in TOLD and row["seconds"] > late * key["limit"]:
        shorter = max(0.5 * key["limit"], seconds - (row["seconds"] - key["limit"]))
        again = _measured(table, key, round(shorter, 1), build)
        row = {**min(row, again, key=lambda one: one["seconds"]), "runs": 2}
    return row


def _measured(table: Divided, key: Row, seconds: float, build: Path) -> dict[str, Any]:
    """Run a tool in a fresh process; returns its row, with the losses of test rows under `losses`."""
    tool = key["tool"]
    python = python_of(build / "environments", tool)
    folder = (build / "runs" / name_of(key)).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table.train.to_parquet(folder / "train.parquet")
    table.test.to_parquet(folder / "test.parquet")
    before = {"probe": probe(), "versions": versions_of(python, tool), "commit": _commit(), "machine": machine()}
    program = f"benchmarks.sides.tables_{tool.partition('_')[0]}"
    spent = _cpu()
    took = _ran([str(python), "-m", program, str(folder), str(seconds)], folder, key["limit"])
    losses = _losses(table, folder)
    loss = math.nan if losses is None else loss_of(table, losses)
    print(f"{name_of(key):32} {loss:.5f} {took:7.1f} s, told {seconds:.0f}", flush=True)
    return {
        **key,
        "told": seconds,
        "loss": loss,
        "seconds": round(took, 1),
        "cpu": _cpu() - spent,
        **before,
        "losses": losses,
    }


def _ran(command: Sequence[str], folder: Path, limit: float) -> float:
    """Run a program; returns the seconds to its predictions, or to its end where it made none."""
    begun, started = time.time(), time.monotonic()
    with (folder / "log.txt").open("w") as log:
        running = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **_ONE_THREAD}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            running.wait(_KILLED_AFTER * limit)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    ended = time.monotonic()
    time.sleep(_PAUSE)
    written = folder / "predictions.npy"
    return written.stat().st_mtime - begun if written.exists() else ended - started


def _cpu() -> int:
    """Return the CPU seconds of all programs that have ended: near the wall time where nothing else wanted the core."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(used.ru_utime + used.ru_stime)


def _losses(table: Divided, folder: Path) -> np.ndarray | None:
    """Return the losses of test rows, None where the tool failed."""
    if not (folder / "predictions.npy").exists():
        return None
    predicted = np.load(folder / "predictions.npy")
    if len(predicted) != len(table.test) or not np.isfinite(predicted).all():
        return None
    return losses_of(table, predicted, json.loads((folder / "columns.json").read_text()))


def probe() -> float:
    """Return the seconds of a fixed piece of work, loops of Python and products of matrices: the machine's speed."""

    def work() -> float:
        started = time.perf_counter()
        matrix = np.ones((700, 700))
        for _ in range(5):
            matrix = matrix @ matrix / 700
        sum(i * i for i in range(2_000_000))
        return time.perf_counter() - started

    return round(min(work() for _ in range(3)), 4)


def _commit() -> str | None:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or None


def _keep(row: dict[str, Any]) -> None:
    LOSSES.mkdir(parents=True, exist_ok=True)
    losses = row.pop("losses")
    if losses is not None:
        np.savez_compressed(LOSSES / f"{name_of(row)}.npz", losses=np.minimum(losses, 6e4).astype(np.float16))
    with KEPT.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _print(tables: Sequence[str], tools: Sequence[str]) -> None:
    rows = [row for row in kept() if row["set"] in tables and row["tool"] in tools]
    rows.sort(key=lambda row: tables.index(row["set"]))
    found = {
        limit: standing([row for row in rows if row["limit"] == limit], LOSSES)
        for limit in sorted({row["limit"] for row in rows})
    }
    for limit, one in found.items():
        print(f"\n{limit:g} s\n\n{printed(one)}")
    if len(found) > 1:
        short, *_, long = found.values()
        print("\ngained with more time:", {tool: f"{share:.1%}" for tool, share in gains(short, long).items()})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--group", choices=[name for name in GROUPS if name != "starts"], default="reported")
    parser.add_argument("--tables", nargs="+", choices=(*SETTINGS, *REPORTED), help="of any group")
    parser.add_argument("--tools", nargs="+", choices=list(REQUIREMENTS), default=list(TOOLS))
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--core", type=int, help="the only core that a tool may use (Linux)")
    parser.add_argument("--late", type=float, default=1.05, help="times its seconds, after which a peer runs once more")
    parser.add_argument("--again", action="store_true", help="run also what is kept")
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "peers", help="environments and what tools write"
    )
    given = parser.parse_args()
    given.tables = given.tables or list(GROUPS[given.group])
    return given


if __name__ == "__main__":
    sys.exit(main())
