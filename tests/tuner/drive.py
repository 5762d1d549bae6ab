"""A driver process for the tests that kill it: `python drive.py FOLDER WORKERS TRACKING TRIALS [LEDGER [ADDRESS]]`."""

import sys
from pathlib import Path

from small import SMALL_XGBOOST, make_frame

import tuner

FAMILIES = {"linear": {}, "xgboost": SMALL_XGBOOST}


def run(
    folder: Path,
    workers: int | str,
    tracking: str | None,
    trials: int = 8,
    *,
    ledger: str | None = None,
    ray: dict[str, str] | None = None,
) -> tuner.Study:
    task = tuner.Task(make_frame(), "label", split={"kind": "stratified", "folds": 3})
    return tuner.tune(
        task, FAMILIES, trials=trials, workers=workers, seed=9, folder=folder, tracking=tracking, sampler="optuna.tpe",
        ledger=ledger, ray=ray,
    )  # fmt: skip


if __name__ == "__main__":
    folder, workers, tracking, trials, ledger, address, *_ = *sys.argv[1:], "none", "none"
    run(
        Path(folder),
        workers if workers == "ray" else int(workers),
        None if tracking == "none" else tracking,
        int(trials),
        ledger=None if ledger == "none" else ledger,
        ray=None if address == "none" else {"address": address},
    )
