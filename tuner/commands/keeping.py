"""Commands that list studies, try again what failed, mend ledgers, hand studies on, and remove them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tuner.commands.common import folder_argument, format_option, own_code, say, with_exit_codes
from tuner.commands.output import show_frame


@click.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@format_option
@with_exit_codes
@own_code
def list_studies(folder: Path, form: str) -> None:
    """List the studies below a folder, runs when left out: what they predict, trials, the best one, and when it ended.

    Example: tuner list runs
    """
    import pandas as pd

    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}: name one that holds studies, such as runs")
    found = list(_studies_below(folder))
    if not found:
        raise ValueError(f"there is no study below {folder}: tuner run keeps them under runs, beside the study file")
    show_frame(pd.DataFrame([_about(one, folder) for one in found]), f"Studies below {folder}", form)


def _studies_below(folder: Path) -> Iterator[Path]:
    """Yield folders of studies, by name; what lies within a study is not looked at."""
    for place, inner, files in os.walk(folder):
        inner.sort()
        if "study.json" in files and "data" in inner:  # MLflow keeps copies of study.json alone
            inner.clear()
            yield Path(place)


def _about(place: Path, below: Path) -> dict[str, Any]:
    from datetime import datetime

    from tuner.launch.tune import is_running
    from tuner.study import load_study

    name = str(place.relative_to(below)) if place != below else place.resolve().name
    try:
        study = load_study(place)
    except ValueError as error:  # of another version, or with metrics of a user's own
        return {"study": name, "target": str(error).splitlines()[0][:60]}
    best, ends = study.best, [one.outcome.started + one.outcome.seconds for one in study.trials if one.outcome]
    when = datetime.fromtimestamp(max(ends)).strftime("%Y-%m-%d %H:%M") if ends else ""
    when = "running" if is_running(place) else when
    found = "" if best is None else f"{study.task.score.name} {best.value:.5g} by {best.name}"
    return {"study": name, "target": study.task.target.name, "trials": len(study.trials), "best": found, "ended": when}


@click.command()
@folder_argument
@with_exit_codes
def retry(folder: Path) -> None:
    """Let the failed trials of a study be tried once more by the next launch, under their numbers.

    Example: tuner retry runs/adult
    """
    from tuner.launch.retry import retry_failed

    names = retry_failed(folder)
    if not names:
        say(f"No trial of {folder} failed: there is nothing to try again")
        return
    trials = "1 trial" if len(names) == 1 else f"{len(names)} trials"
    say(f"{trials} will be tried once more: {', '.join(names)}. The same command or call as before does it")


@click.command()
@folder_argument
@with_exit_codes
@own_code
def repair(folder: Path) -> None:
    """Tell the trials that a damaged ledger lost into a new one, of what their files say; then the study goes on.

    Example: tuner repair runs/adult
    """
    from tuner.launch.repair import repair as repair_ledger

    done = repair_ledger(folder)
    if done.aside is not None:
        say(f"The damaged ledger lies in {done.aside}")
    if not done.told and not done.again:
        say(f"The ledger of {folder} holds every trial that has a folder: there is nothing to tell")
        return
    say(f"Told anew: {len(done.told)} trials that ended, of what their files say")
    if done.again:
        say(f"Cut off, and run again by the next launch: {', '.join(done.again)}")
    if done.unknown:
        say(f"Samplers do not know, as no file says what was asked of them: {', '.join(done.unknown)}")
    say("The same command or call as before goes on")


@click.command()
@folder_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new folder  [default: FOLDER-export].")
@with_exit_codes
@own_code
def export(folder: Path, output: Path | None) -> None:
    """Write the trials of a study for other programs.

    That is trials.csv, optuna.db with an Optuna study for each family, and hyperopt-FAMILY.json where something is
    searched, of which hyperopt.trials_from_docs(json.load(file)) makes Hyperopt's Trials.

    Example: tuner export runs/adult -o adult-trials
    """
    import json

    import optuna

    from tuner.sqlite_url import sqlite_url
    from tuner.study import load_study

    study = load_study(folder)
    output = output or study.folder.with_name(f"{study.name}-export")
    if output.exists():
        raise ValueError(f"{output} is there already: choose another with --output")
    output.mkdir(parents=True)
    study.leaderboard().to_csv(output / "trials.csv", index=False)
    url = sqlite_url((output / "optuna.db").absolute())
    for family in study.families:
        known = study.to_optuna(family)
        copy = optuna.create_study(study_name=family, storage=url, direction=known.direction)
        copy.add_trials(known.get_trials(states=[state for state in optuna.trial.TrialState if state.is_finished()]))
        if study.space(family):
            trials = json.dumps(study.to_hyperopt(family).trials, indent=1)
            (output / f"hyperopt-{family}.json").write_text(trials)
    say(f"{len(study.trials)} trials in {output}/trials.csv; look at them: optuna-dashboard {url}")


@click.command()
@folder_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_exit_codes
def rm(folder: Path, yes: bool) -> None:
    """Remove a study: its folder with all models, its ledger, and its runs in MLflow, which can be restored there.

    Example: tuner rm runs/adult
    """
    from tuner.archive.study_folder import read_study_file
    from tuner.launch.tune import is_running
    from tuner.search.stores import forget
    from tuner.study import store_of
    from tuner.tracking.client import delete_runs, reachable_uri, remembered_uri

    stored = read_study_file(folder)
    if is_running(folder):
        raise ValueError(f"{folder} is running: end it with tuner stop {folder}")
    uri = reachable_uri(folder) if remembered_uri(folder) else None
    what = f"{folder.resolve()}, with all its models" + (", and its runs in MLflow" if uri else "")
    if not yes and not click.confirm(f"Remove {what}?", err=True):
        say("Nothing was removed")
        return
    removed = delete_runs(uri, folder.resolve().name, stored["id"]) if uri else 0
    forget(store_of(folder, stored))
    shutil.rmtree(folder)
    say(f"Removed {folder}" + (f", and {removed} runs in MLflow" if removed else ""))
