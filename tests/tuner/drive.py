"""A driver process for the tests that kill it: `python drive.py FOLDER WORKERS TRACKING TRIALS [LEDGER]`."""

import sys
from pathlib import Path

from small import SMALL_XGBOOST, make_frame

import tuner

FAMILIES = {"linear": {}, "xgboost": SMALL_XGBOOST}


def run(folder: Path, workers: int, tracking: str | None, trials: int = 8, *, ledger: str | None = None) -> tuner.Study:
    task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
    return tuner.tune(
        task, FAMILIES, trials=trials, workers=workers, seed=9, folder=folder, tracking=tracking, sampler="optuna.tpe",
        ledger=ledger,
    )  # fmt: skip


if __name__ == "__main__":
    folder, workers, tracking, trials, *ledger = sys.argv[1:]
    run(Path(folder), int(workers), tracking if tracking != "none" else None, int(trials), ledger=(ledger or [None])[0])
