"""Many small tables, a study of two minutes each: is the ensemble better than the best single model on new rows?

    python -m benchmarks.sweep OUT TABLE...

Every TABLE is a CSV file, or a zip archive of KEEL `.dat` files; its target is the last column, or that of
`TABLE:COLUMN`. Run it again to go on where it stopped. Everything is fixed here, before any test row is read: the
split, the seed, the budget, the families and the contenders; a dear table may be given more time. All rows are
printed, the lost ones too.
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
from ensembles.choosing.cross_fitting import paired_difference
from ensembles.ensemble import Ensemble
from tuner.archive.study_folder import StudyError
from tuner.ensembling.looks import single_ensemble
from tuner.study import Study, load_study

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
    parser.add_argument("tables", nargs="+", metavar="TABLE[:TARGET]", help="CSV files or zip archives of .dat files")
    parser.add_argument("--joint", action="store_true", help="train and score the joint model too, a minute a table")
    parser.add_argument("--studies", action="store_true", help="run the studies only, and read no test row")
    parser.add_argument("--time", default=TIME, help=f"a study's time, {TIME} if not given")
    parser.add_argument("--trial-time", default=TRIAL_TIME, help=f"a trial's most, {TRIAL_TIME} if not given")
    given = parser.parse_args()
    for name, frame in tables(given.tables):
        study = run(name, frame, given.out, {"time": given.time, "trial_time": given.trial_time, "trials": TRIALS})
        if not given.studies:
            score(study, given.out, [*METHODS, "joint"] if given.joint else METHODS)
    if not given.studies:
        report(given.out)


def tables(given: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read tables one by one, by name; the target is made the last column."""
    for one in given:
        before, _, target = one.partition(":")
        path = Path(before)
        if path.suffix != ".zip":
            frame = pd.read_csv(path)
            if target:
                frame[target] = frame.pop(target)
            yield path.name.split(".")[0], frame
            continue
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                yield Path(name).stem, read_keel(archive.read(name).decode())


def read_keel(text: str) -> pd.DataFrame:
    """Read KEEL's rows, without or with a header of lines that begin with `@`."""
    rows = "\n".join(line for line in text.splitlines() if not line.startswith("@"))
    frame = pd.read_csv(io.StringIO(rows), header=None, skipinitialspace=True, na_values=["?", "<null>"])
    return frame.rename(columns=lambda i: f"x{i}")


def run(name: str, frame: pd.DataFrame, out: Path, budget: dict[str, Any]) -> Study:
    """Run the study of one table, or open it when it has ended."""
    folder = out / name
    if (folder / "ended").exists():
        return load_study(folder)
    target = frame.columns[-1]
    classes = frame[target].nunique() <= _MOST_CLASSES
    task = tuner.Task(
        frame,
        target,
        metric="log_loss" if classes else "rmse",
        split={"kind": "stratified" if classes else "kfold", "folds": 3},
        test=TEST,
        seed=SEED,
    )
    print(f"{name}: {len(frame)} rows, {task.target.kind}", flush=True)
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
        trial.family: single_ensemble(study, trial) for trial in study.best_of_each_family
    }
    singles = {trial.family: trial.value for trial in study.best_of_each_family}
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
        gain, error = paired_difference(everywhere, outputs["best single"], predicted, score=loss)
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
    contenders = ["baseline", *FAMILIES, *METHODS, "joint"]
    print(f"\nGain over the best single model on test rows (s.e.)\n\n| table | {' | '.join(contenders)} |")
    print(f"|{'---|' * (len(contenders) + 1)}")
    for result in results:
        found = [result["scores"].get(name) for name in contenders]
        cells = [f"{one['gain']:+.4f} ({one['standard_error']:.4f})" if one else "" for one in found]
        print(f"| {result['table']} | {' | '.join(cells)} |")
    print("\n| method | wins | ties | losses | sign test p | losses beyond 3 s.e. |\n|---|---|---|---|---|---|")
    for method in (*METHODS, "joint"):
        found = [result["scores"][method] for result in results if method in result["scores"]]
        wins, losses = (sum(sign * one["gain"] > 0 for one in found) for sign in (1, -1))
        p = stats.binomtest(wins, wins + losses, alternative="greater").pvalue if wins + losses else 1.0
        beyond = sum(one["gain"] < -3 * one["standard_error"] for one in found)
        print(f"| {method} | {wins} | {len(found) - wins - losses} | {losses} | {p:.2g} | {beyond} |")


if __name__ == "__main__":
    main()
