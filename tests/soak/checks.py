"""What must hold of a study after any number of faults."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
from driver import NO_LUCK, value_of
from faults import Watcher
from killing import check_whole

import tuner

GROWTH = 0.15  # of the driver's memory, and of the largest worker's, in the last third
ENOUGH = 100  # sealed trials, to judge memory
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
KNOWN = {
    "data", "driver.log", "leaderboard.csv", "ledger.db", "README.md", "study.json", "tracking.json", "trials",
    "workers", ".lock",
}  # fmt: skip


def check(folder: Path, watcher: Watcher, *, tracking: str, trials: int, said: str) -> list[str]:
    """Return what does not hold."""
    wrong = []
    try:
        check_whole(folder, tracking, trials)
    except AssertionError as error:
        wrong.append(f"not whole: {error}")
    study = tuner.load_study(folder)
    changed = [str(path) for path, text in watcher.sealed.items() if not path.exists() or path.read_text() != text]
    if changed:
        wrong.append(f"{len(changed)} sealed results were lost or overwritten: {changed[:3]}")
    told = {trial.name: trial for trial in study.trials}
    for path in folder.glob("trials/*/*/result.json"):
        trial = told.get(path.parents[1].name)
        if trial is None or trial.outcome is None or trial.outcome.value != json.loads(path.read_text())["value"]:
            wrong.append(f"{path} was not told, or told with another value")
    wrong += [
        f"{trial.name} has the value {trial.value}, not {value_of(trial.params)}"
        for trial in study.complete
        if trial.family == "sleeper" and abs(trial.value - value_of(trial.params)) > 1e-9
    ]
    wrong += [
        f"{trial.name} failed: {trial.outcome.error}"
        for trial in study.trials
        if trial.state == "failed" and trial.outcome.error != NO_LUCK and trial.outcome.reason != "died"
    ]
    wrong += _of_mlflow(study, tracking)
    wrong += [f"{one.name} is left in the folder" for one in folder.iterdir() if one.name not in KNOWN]
    wrong += [f"a driver said {word!r}" for word in ("Traceback", "View run") if word in said]
    return wrong + _of_memory(watcher)


def _of_mlflow(study: tuner.Study, tracking: str) -> list[str]:
    client = mlflow.MlflowClient(tracking)
    experiment = client.get_experiment_by_name(study.folder.name).experiment_id
    runs, token = [], None
    while token is not None or not runs:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs += page
        if (token := page.token) is None:
            break
    shown = sorted((run.data.tags["tuner.trial"], run.info.status) for run in runs if "tuner.trial" in run.data.tags)
    wanted = sorted((trial.name, STATUS[trial.state]) for trial in study.trials)
    return [] if shown == wanted else [f"MLflow has {len(shown)} runs, not the {len(wanted)} trials as they ended"]


def _of_memory(watcher: Watcher) -> list[str]:
    """Compare the largest of the last third with the largest before, where enough was done to tell."""
    if len(watcher.sealed) < ENOUGH:
        print(f"memory is not judged: {len(watcher.sealed)} trials were sealed, {ENOUGH} are needed")
        return []
    wrong = []
    third = len(watcher.memory) // 3
    for name, column in (("driver", 2), ("worker", 3)):
        before, after = (
            max(row[column] for row in part) for part in (watcher.memory[:-third], watcher.memory[-third:])
        )
        if after > before * (1 + GROWTH):
            wrong.append(f"the {name}'s memory grew from {before / 2**20:.0f} to {after / 2**20:.0f} MiB")
    return wrong
