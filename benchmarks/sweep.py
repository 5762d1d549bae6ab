"""Many small tables, a study of two minutes each: is the ensemble better than the best single model on new rows?

    python -m benchmarks.sweep OUT TABLE...

Every TABLE is a CSV file, or a zip archive of KEEL `.dat` files, whose last column is the target. Run it again to go
on where it stopped. Everything is fixed here, before any test row is read: the split, the seed, the budget, the
families and the contenders. All rows are printed, the lost ones too.
"""

from __future__ import annotations

import argparse
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import tuner
from ensembles.ensemble import Ensemble
from ensembles.honest import paired_difference
from tuner.looks import best_of_each_family, single_ensemble
from tuner.study import Study, StudyError, load_study

FAMILIES = ("dense", "wide_and_deep", "xgboost", "random_forest", "linear")
METHODS = ("uniform", "greedy", "nelder_mead", "auto")
SEED = 0
TEST = 0.25
TIME, TRIAL_TIME, TRIALS = "2m", "60s", 60
_MOST_CLASSES = 30


def main() -> None:
    """Read the command line, run the studies that are missing, score those that are not scored, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for studies and results")
    parser.add_argument("tables", type=Path, nargs="+", metavar="TABLE", help="CSV files or zip archives of .dat files")
    parser.add_argument("--joint", action="store_true", help="train and score the joint model too, a minute a table")
    parser.add_argument("--studies", action="store_true", help="run the studies only, and read no test row")
    given = parser.parse_args()
    for name, frame in tables(given.tables):
        study = run(name, frame, given.out)
        if not given.studies:
            score(study, given.out, [*METHODS, "joint"] if given.joint else METHODS)
    if not given.studies:
        report(given.out)


def tables(paths: list[Path]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read tables one by one, by name."""
    for path in paths:
        if path.suffix != ".zip":
            yield path.name.split(".")[0], pd.read_csv(path)
            continue
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                yield Path(name).stem, read_keel(archive.read(name).decode())


def read_keel(text: str) -> pd.DataFrame:
    """Read KEEL's rows, without or with a header of lines that begin with `@`."""
    rows = "\n".join(line for line in text.splitlines() if not line.startswith("@"))
    frame = pd.read_csv(io.StringIO(rows), header=None, skipinitialspace=True, na_values=["?", "<null>"])
    return frame.rename(columns=lambda i: f"x{i}")


def run(name: str, frame: pd.DataFrame, out: Path) -> Study:
    """Run the study of one table, or open it when it has ended."""
    folder = out / name
    if (folder / "ended").exists():
        return load_study(folder)
    target = frame.columns[-1]
    classes = not pd.api.types.is_float_dtype(frame[target]) and frame[target].nunique() <= _MOST_CLASSES
    task = tuner.Task(
        frame,
        target,
        metric="log_loss" if classes else "rmse",
        split={"kind": "stratified" if classes else "kfold", "folds": 3},
        test=TEST,
        seed=SEED,
    )
    print(f"{name}: {len(frame)} rows, {task.target.kind}", flush=True)
    budget: dict[str, Any] = {"time": TIME, "trial_time": TRIAL_TIME, "trials": TRIALS}
    study = tuner.tune(task, FAMILIES, **budget, workers=1, seed=SEED, folder=folder, tracking=None, progress=False)
    (folder / "ended").touch()
    return study


def score(study: Study, out: Path, methods: Sequence[str]) -> None:
    """Write the scores of one study's contenders, unless they are written."""
    path = out / f"{study.name}.json"
    if path.exists():
        return
    task = study.task
    contenders: dict[str, Ensemble] = {
        trial.family: single_ensemble(study, trial) for trial in best_of_each_family(study)
    }
    singles = {trial.family: trial.value for trial in best_of_each_family(study)}
    contenders["best single"] = single_ensemble(study, next(trial for trial in study.complete))
    rows: dict[str, dict[str, Any]] = {
        **{family: {"cross_validated": value} for family, value in singles.items()},
        "best single": {"cross_validated": study.complete[0].value, "method": study.complete[0].family},
    }
    for method in methods:
        try:
            combined = study.ensemble(method)
        except StudyError as error:  # the joint model needs trees and a network
            print(f"{study.name}: {error}", flush=True)
            continue
        contenders[method] = combined.ensemble
        rows[method] = {
            "cross_validated": combined.scores["ensemble"]["cross_fitted"],
            "method": combined.ensemble.method,
            "members": len(combined.members),
        }
    assert task.test is not None
    table, target = task.test.table, task.test.target
    outputs = {name: contender.outputs(table) for name, contender in contenders.items()}

    def loss(at: Any, predictions: Any) -> float:
        return task.score.loss(target[at], predictions)

    everywhere = np.arange(len(target))
    for name, predicted in outputs.items():
        gain, error = paired_difference(everywhere, outputs["best single"], predicted, loss)
        rows[name] |= {"test": task.score(target, predicted), "gain": gain, "standard_error": error}
    result = {
        "table": study.name,
        "rows": len(task.rows),
        "test_rows": len(target),
        "metric": task.score.name,
        "trials": sum(trial.state == "complete" for trial in study.trials),
        "scores": rows,
    }
    path.write_text(json.dumps(result, indent=1))


def report(out: Path) -> None:
    """Print every table's scores, and how often each method won over the best single model."""
    results = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    print(
        "| table | rows | metric | trials | baseline | best single | joint | auto | auto took | gain of auto (s.e.) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for result in results:
        scores = result["scores"]
        auto, single = scores["auto"], scores["best single"]
        print(
            f"| {result['table']} | {result['rows']} | {result['metric']} | {result['trials']} "
            f"| {scores['baseline']['test']:.4f} | {single['test']:.4f} ({single['method']}) "
            f"| {scores.get('joint', {}).get('test', float('nan')):.4f} | {auto['test']:.4f} "
            f"| {auto['method'].removeprefix('auto: ')} | {auto['gain']:+.4f} ({auto['standard_error']:.4f}) |"
        )
    print("\n| method | wins | ties | losses | sign test p | losses beyond 3 s.e. |\n|---|---|---|---|---|---|")
    for method in (*METHODS, "joint"):
        found = [result["scores"][method] for result in results if method in result["scores"]]
        wins, losses = (sum(sign * one["gain"] > 0 for one in found) for sign in (1, -1))
        p = stats.binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
        beyond = sum(one["gain"] < -3 * one["standard_error"] for one in found)
        print(f"| {method} | {wins} | {len(found) - wins - losses} | {losses} | {p:.2g} | {beyond} |")


if __name__ == "__main__":
    main()
