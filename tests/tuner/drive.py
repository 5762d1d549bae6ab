"""A driver process for the tests that kill it: `python drive.py FOLDER WORKERS TRACKING`."""

import sys
from pathlib import Path

from small import SMALL_XGBOOST, make_frame

import tuner

FAMILIES = {"linear": {}, "xgboost": SMALL_XGBOOST}


def run(folder: Path, workers: int, tracking: str | None, trials: int = 8) -> tuner.Study:
    task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
    return tuner.tune(
        task, FAMILIES, trials=trials, workers=workers, seed=9, folder=folder, tracking=tracking, sampler="optuna.tpe"
    )


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if sys.argv[3] != "none" else None, int(sys.argv[4]))
