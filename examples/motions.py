"""Which class is a series of? The archives of UCR and UEA, in the `.ts` format: BasicMotions, GunPoint, ...

    python examples/motions.py GunPoint_TRAIN.ts GunPoint_TEST.ts [folder] [time]

Budget and seed were chosen before any result was seen. Run it again to resume.
"""

import sys
from pathlib import Path

import numpy as np

import tuner
from tuner.ensembling.build import compare


def read(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return series `(rows, steps, channels)` and their classes."""
    lines = [line for line in Path(path).read_text().splitlines() if line and line[0] not in "#@"]
    rows = [line.split(":") for line in lines]
    series = [[np.array(channel.split(","), dtype="float32") for channel in row[:-1]] for row in rows]
    return np.stack([np.stack(one, axis=1) for one in series]), np.array([row[-1] for row in rows])


folder, time = [*sys.argv[3:], *["runs/motions", "3m"][len(sys.argv) - 3 :]]
task = tuner.Task(*read(sys.argv[1]), metrics=["accuracy"], test=read(sys.argv[2]))
families = ["linear", "xgboost", "random_forest", "series_dense", "series_conv", "series_recurrent"]
study = tuner.tune(task, families, time=time, trials=60, trial_time="1m", workers=1, seed=0, folder=folder)
print(compare(study, ["uniform", "auto"], test=True).to_string(index=False))
study.ensemble().save(study.folder / "ensemble")
