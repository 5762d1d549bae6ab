"""A study of eight slots whose trials sleep, while everything that it stands on fails: `python tests/soak --minutes 5`.

The driver is killed every 90 seconds on average, one of a node, the database and MLflow's server every 20 seconds, and
a worker every 4 seconds. The same command goes on each time. Then it is told to stop, what was cut off is run to its
end in peace, and every promise is checked (see `checks.py`). Where Ray or PostgreSQL are not installed, worker
processes and SQLite take their places.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "tuner")]

from checks import check  # noqa: E402
from faults import Driver, Faults, Watcher, command  # noqa: E402
from killing import wait_for  # noqa: E402
from services import Services, services  # noqa: E402

import tuner  # noqa: E402

MANY = 1_000_000  # trials: it is told to stop
CALLS = 3


def main() -> int:
    """Read the command line, run, and say what was found."""
    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder where everything is kept")
    parser.add_argument("--without", choices=("ray", "postgres"), nargs="*", default=(), help="as if it was not there")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a script starts with & does not hear Ctrl-C
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as temporary:
        place = (given.keep or Path(temporary)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        with services(place, without=given.without) as standing:
            wrong = _soak(place, standing, minutes=given.minutes, seed=given.seed)
    print(*(f"WRONG: {one}" for one in wrong), sep="\n")
    return int(bool(wrong))


def _soak(place: Path, standing: Services, *, minutes: float, seed: int) -> list[str]:
    folder, log = place / "study", place / "driver.out"
    if not wait_for(standing.tracking.answers, 120):
        return ["MLflow's server does not start"]
    driver = Driver(command(folder, MANY, standing), log)
    faults = Faults(driver, standing, folder, seed=seed)
    driver.start()
    wait_for(lambda: any(folder.glob("trials/*")), 120)
    with Watcher(driver, folder) as watcher:
        faults.run(60 * minutes)
        said = log.read_text()  # Ctrl-C may meet a driver that still imports
        stuck = driver.interrupt(300)
    n_trials = len([one for one in tuner.load_study(folder).trials if one.family != "baseline" and not one.duplicate])
    calm = _finish(command(folder, n_trials, standing))
    _tell(faults, watcher, driver, n_trials)
    (place / "memory.json").write_text(json.dumps(watcher.memory))
    wrong = check(folder, watcher, tracking=standing.tracking.uri, trials=n_trials, said=said)
    return [*filter(None, [stuck]), *faults.broke, *calm, *wrong]


def _finish(calm: list[str]) -> list[str]:
    """Run what was cut off; call again while MLflow misses something."""
    for _ in range(CALLS):
        done = subprocess.run(calm, capture_output=True, text=True, timeout=600)
        if done.returncode:
            return [f"the last call failed: {done.stdout[-500:]}{done.stderr[-1500:]}"]
        if "not in MLflow yet" not in done.stdout + done.stderr:
            return []
    return [f"MLflow misses trials after {CALLS} calls"]


def _tell(faults: Faults, watcher: Watcher, driver: Driver, n_trials: int) -> None:
    counted = ", ".join(f"{count} x {name}" for name, count in sorted(faults.counts.items()))
    print(f"{faults.counts.total()} faults ({counted}), {driver.starts} starts of the driver")
    print(f"{n_trials} trials, {len(watcher.sealed)} of them sealed under fire", flush=True)


if __name__ == "__main__":
    sys.exit(main())
