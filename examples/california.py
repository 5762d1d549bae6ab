"""California housing: tune networks and trees, combine them, compare on a fixed test split.

    python examples/california.py path/to/california_housing.csv.gz [folder]

Split, seed and budget were chosen before any result was seen. Run it again to resume or to see the table again.
"""

import sys

import pandas as pd

import tuner
from tuner.ensembling.build import compare

frame = pd.read_csv(sys.argv[1])
frame["median_house_value"] /= 100_000  # RMSE in units of 100,000 dollars
task = tuner.Task(
    frame,
    "median_house_value",
    metric="rmse",
    metrics=["mae", "r2"],
    split={"kind": "kfold", "folds": 3},
    test=0.2,
    seed=0,
)
study = tuner.tune(
    task,
    ["dense", "xgboost", "random_forest"],
    sampler="optuna.tpe",
    trials=40,
    time="20m",
    trial_time="3m",
    workers=2,
    seed=0,
    folder=sys.argv[2] if len(sys.argv) > 2 else "runs/california",
)
ensemble = study.ensemble("nelder_mead")
print("saved in", ensemble.save(study.folder / "ensemble"))
print("ensemble minus best single model, cross-fitted:", ensemble.scores["difference"])
print(compare(study, ["uniform", "greedy", "nelder_mead"], test=True).to_string(index=False))
