"""Run benchmarks by name, each in a fresh process, all of them when none is named."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys

NAMES = (
    "driver",
    "slots_simulated",
    "memory",
    "keras_tuner",
    "ensembles",
    "throughput",
    "images",
    "one_row",
    "wrapped",
    "thinning",
    "mlflow_scale",
)


def main() -> int:
    """Read the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(NAMES)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="a reduced size, to see that it works; nothing is kept")
    parser.add_argument("--repeats", type=int, default=1, help="repetitions of keras_tuner, of which medians are shown")
    given = parser.parse_args()
    names = given.names or list(NAMES)
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {given.repeats}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if len(names) == 1:
        importlib.import_module(f"benchmarks.{names[0]}").run(quick=given.quick, repeats=given.repeats)
        return 0
    options = ["--repeats", str(given.repeats), *(["--quick"] if given.quick else [])]
    codes = [subprocess.run([sys.executable, "-m", "benchmarks", name, *options]).returncode for name in names]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
