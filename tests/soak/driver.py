"""The driver of the soak, one command each time: `python driver.py FOLDER TRIALS WORKERS TRACKING LEDGER ADDRESS`.

Trials sleep, report as networks do, and make up a number of their configuration; a few raise. Nothing heavy is
imported, so that a driver or a worker that was killed is soon there again.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tuner
from spaces import Family, Float
from spaces.engines.curves import Curve

SHORTEST, LONGEST = 2.0, 10.0  # seconds of a trial
STEPS = 8  # of a fold
RAISES = 0.03  # of all trials
NO_LUCK = "LookupError: no luck"


def value_of(params):
    """Return the number that a trial of these parameters has."""
    return 0.5 + (params["seconds"] - 5) ** 2 / 100 + params["luck"]


def look_of(fitted, inner):
    """Return what predicts some rows, the inner ones when left out."""
    return lambda table=None: fitted.predict(inner if table is None else table)


def sleeper():
    """Return the family; all of it travels to workers as it stands here."""
    train, inner = Curve("loss"), Curve("loss", "validation")

    class Sleeps:
        stops_early = True

        def __init__(self, config):
            self.config = config

        def fit(self, folds, watch):
            for fold in folds:
                fitted = Made(value_of(self.config))
                look = look_of(fitted, fold.inner.table)
                for step in range(STEPS):
                    time.sleep(self.config["seconds"] / len(folds) / STEPS)
                    watch(step, STEPS, {train: fitted.error, inner: fitted.error}, look)
                if self.config["luck"] > 1 - RAISES:
                    raise LookupError("no luck")
                yield fitted

    class Made:
        def __init__(self, error):
            self.error, self.curves = error, {}

        def predict(self, table):
            return table.numbers[:, :1] + self.error

        def save(self, folder):
            (folder / "model.json").write_text(str(self.error))

    def space(signature):
        return {"seconds": Float(SHORTEST, LONGEST, default=SHORTEST), "luck": Float(0.0, 1.0, default=0.5)}

    return Family("sleeper", space, lambda config, signature: Sleeps(config), ())


def task():
    """Return a table whose first column is the target."""
    numbers = np.random.default_rng(0).normal(size=200)
    return tuner.Task(
        pd.DataFrame({"x": numbers, "y": numbers}), "y", metric="rmse", split={"kind": "kfold", "folds": 2}
    )


def run(folder, trials, workers, tracking, ledger, address):
    """Begin the study, or go on with it."""
    tuner.tune(
        task(),
        [sleeper()],
        sampler="optuna.random",
        trials=trials,
        seed=1,
        folder=folder,
        tracking=tracking,
        ledger=ledger,
        workers=workers,
        ray=None if address is None else {"address": address},
    )


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # the soak asks a driver that does not end where it is
    folder, trials, workers, tracking, ledger, address = [None if word == "none" else word for word in sys.argv[1:]]
    try:
        run(Path(folder), int(trials), workers if address else int(workers), tracking, ledger, address)
    except ValueError as error:  # what the house says in a sentence
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(3)
