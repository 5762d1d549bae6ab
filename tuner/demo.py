"""`make demo`: a small study on data that scikit-learn embeds, from start to predictions.

Data, split, seed and budget were chosen before any result was seen; what comes out is printed, also when the ensemble
loses.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

SEED = 0
FAMILIES = ("dense", "xgboost", "random_forest", "linear")
TRIALS = 20
TIME = "90s"
MODEL, ALIAS = "digits", "champion"


def main(folder: Path) -> None:
    """Tune four families on the handwritten digits, combine the best, compare on test rows, predict five rows."""
    from sklearn.datasets import load_digits

    from tuner.archive.report import compact
    from tuner.ensembling.build import compare
    from tuner.launch.tune import tune
    from tuner.task.task import Task

    digits = load_digits(as_frame=True).frame
    task = Task(
        digits,
        "target",
        metric="log_loss",
        metrics=["accuracy"],
        split={"kind": "stratified", "folds": 3},
        test=0.25,
        seed=SEED,
    )
    study = tune(task, FAMILIES, trials=TRIALS, time=TIME, trial_time="60s", workers=2, seed=SEED, folder=folder)
    _print(compact(study.leaderboard(), "log_loss").head(8), "Best trials")
    ensemble = study.ensemble("nelder_mead")
    saved = ensemble.save(folder / "ensemble")
    _print(compare(study, ["uniform", "nelder_mead"], test=True), "Handwritten digits: what came out")
    scores = ensemble.scores
    difference, comparator = scores["difference"], scores["comparator"]
    print(
        f"Cross-fitted log loss: weighted ensemble {scores['ensemble']['cross_fitted']:.4f}, comparator "
        f"{comparator['cross_fitted']:.4f}, difference {difference['cross_fitted']:+.4f} (standard error "
        f"{difference['standard_error']:.4f}; below zero the ensemble wins).\nThe comparator is {comparator['why']}.\n"
    )
    five = folder / "five_rows.csv"
    digits.drop(columns="target").head(5).to_csv(five, index=False)
    command = [sys.executable, "-m", "tuner.cli", "predict", str(saved), str(five)]
    print(f"$ tuner predict {saved} {five}    (the true digits are {digits['target'].head(5).tolist()})", flush=True)
    subprocess.run(command, check=True)
    ensemble.publish(MODEL, alias=ALIAS)
    print(_how_to_go_on(folder))


def _how_to_go_on(folder: Path) -> str:
    """Return how to look at the study, and how to serve its model, wherever the programs of this environment are."""
    from tuner.tracking.client import remembered_uri

    programs = Path(sys.executable).parent
    place = programs.relative_to(Path.cwd()) if programs.is_relative_to(Path.cwd()) else programs
    known = shutil.which("tuner") is not None and Path(str(shutil.which("tuner"))).parent == programs
    path = "" if known else f"PATH={place}:$PATH "  # MLflow looks for its server's program there
    serve = f"mlflow models serve -m models:/{MODEL}@{ALIAS} --env-manager local --port 5001"
    return (
        f"\nSee every trial, and the ensemble as the model {MODEL!r}, in MLflow:\n  {path}tuner ui {folder}\n"
        f"Serve the model (its page in MLflow shows a request):\n"
        f"  {path}MLFLOW_TRACKING_URI={remembered_uri(folder)} {serve}"
    )


def _print(frame: pd.DataFrame, title: str) -> None:
    from tuner.archive.report import print_table

    print_table(title, list(frame.columns), frame.astype(object).values.tolist())
