"""Drivers in processes of their own, for tests that kill them, and every promise that must hold then."""

import subprocess
import sys
import time
from pathlib import Path

import mlflow
import psutil

import tuner

HERE = Path(__file__).parent


def start(folder, workers, tracking, trials, *ledger):
    command = [sys.executable, str(HERE / "drive.py"), str(folder), str(workers), tracking, str(trials), *ledger]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=HERE.parents[1])


def finish(folder, workers, tracking, trials, *ledger):
    driver = start(folder, workers, tracking, trials, *ledger)
    _, said = driver.communicate(timeout=600)
    assert driver.returncode == 0, said.decode()
    return said.decode()


def workers_of(folder):
    """Live worker processes of a study, and the one that forks them, told by the folder in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        ours = {"tuner.trials.worker", "tuner.trials.fork_server"} & {*command} and str(folder.resolve()) in command
        if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def wait_for(condition, seconds=60.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def proposals(study):
    return {trial.name: trial.params for trial in study.trials}


def check_whole(folder, tracking, trials):
    """Every promise about a study that was killed and finished."""
    study = tuner.load_study(folder)
    assert all(trial.state != "running" for trial in study.trials)
    run = [trial for trial in study.trials if not trial.duplicate and trial.family != "baseline"]
    assert len(run) == trials
    for trial in study.complete:
        sealed = list((folder / "trials" / trial.name).glob("*/result.json"))
        assert len(sealed) == 1, f"{trial.name} was finished {len(sealed)} times"
    assert wait_for(lambda: not workers_of(folder)), "orphan workers"
    if tracking != "none":
        client = mlflow.MlflowClient(tracking)
        runs = client.search_runs([client.get_experiment_by_name(folder.name).experiment_id], max_results=1000)
        children = [run.data.tags["tuner.trial"] for run in runs if "tuner.trial" in run.data.tags]
        assert sorted(children) == sorted(trial.name for trial in study.trials)
        assert all(run.info.status in ("FINISHED", "KILLED", "FAILED") for run in runs)
    return study
