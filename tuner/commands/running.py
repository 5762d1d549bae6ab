"""Commands that run studies."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.commands.common import FAILED, NO_MODELS, folder_argument, say, told, with_exit_codes
from tuner.commands.kept_file import keeping
from tuner.commands.output import show_report, show_steps, show_trials
from tuner.derived_command import DerivedCommand

if TYPE_CHECKING:
    from tuner.studyfile import StudyFile

_FILES_SECONDS = 2.0
_COLUMN_SECONDS = 10.0


@click.command(
    cls=DerivedCommand, function="tuner.launch.tune:tune", without=("task", "families", "folder", "progress")
)
@click.argument("study_file", metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), help="Where to keep the study  [default: runs/<name>].")
@click.option("--dry-run", is_flag=True, help="Say what would run, and start nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Print no line for each trial, only what came out.")
@with_exit_codes
def run(study_file: Path, folder: Path | None, *, dry_run: bool, quiet: bool, **given: Any) -> None:
    """Run a study file; run it again to resume. Options stand in place of what the file says.

    Exits with 1 where the trials succeeded and no ensemble could be made of them: they are kept and shown.

    Example: tuner run adult.toml --time 10m
    """
    began = time.monotonic()
    from spaces.rows.target import ITSELF
    from tuner.ensembling.build import check_method
    from tuner.ensembling.method_names import check_method_name
    from tuner.launch.tune import tune
    from tuner.studyfile import families_of, importable, read_study_toml, task_of

    options = told({**given, "progress": False if quiet else None})
    file = read_study_toml(study_file, **options)
    method = file.ensemble.get("method", "auto")
    check_method_name(method)
    if dry_run:
        click.echo(_would_run(file, study_file.resolve().parent, folder))
        return
    here = study_file.resolve().parent
    with importable(here):
        families: Any = families_of(file, here)
        task = task_of(file, here)
        if task.target.kind != ITSELF:
            check_method(task, method)
        launch = file.launch | _time_left(file.launch.get("time"), began) | {"on_trial": keeping(study_file, options)}
        study = tune(task, families, folder=folder or here / "runs" / file.name, **launch)
    if study.task.target.kind == ITSELF:
        say("Use the best model: tuner.best_model(tuner.load_study(...)) in Python")
        say(f"See every trial: tuner ui {study.folder}")
        return
    try:
        combined = study.ensemble(**{"column_time": _column_time(launch.get("time"), began), **file.ensemble})
        saved = combined.save(study.folder / "ensemble")
    except (ValueError, OSError) as error:
        show_trials(study)
        say(f"Error: no ensemble could be made: {error}")
        say(f"The trials are kept. Try another method: tuner ensemble {study.folder} --method uniform")
        sys.exit(NO_MODELS if type(error).__name__ == "NoModels" else FAILED)
    show_steps(combined.explain())
    show_report(combined.report(), "table")
    for warning in combined.warnings():
        say(f"Warning: {warning}")
    say(f"Predict with it: tuner predict {saved} INPUT.csv -o OUT.csv")
    say(f"See every trial: tuner ui {study.folder}")


def _would_run(file: StudyFile, here: Path, folder: Path | None) -> str:
    """Say what a study file would run; code of the user's is named and not imported."""
    from tuner.launch.tune import plan_of, understood
    from tuner.studyfile import is_own, task_of

    own = {name: one.get("family") or one.get("build") for name, one in file.families.items() if is_own(name, one)}
    ours: Any = {name: changes for name, changes in file.families.items() if name not in own}
    task = task_of(file, here)
    plan = plan_of(task, ours or None, **file.launch)
    if own and not ours:
        plan = replace(plan, families={})
    lines = [understood(task, plan, folder or here / "runs" / file.name)]
    lines += [f"  and     {name}, of your own: {where} (not imported now)" for name, where in own.items()]
    return "\n".join([*lines, f"  then    an ensemble, method {file.ensemble.get('method', 'auto')}"])


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True)
@with_exit_codes
def demo(folder: Path) -> None:
    """Run a small study on embedded data, from start to predictions."""
    from tuner.demo import main as run_demo

    run_demo(folder)


def _time_left(given: float | str | None, began: float) -> dict[str, float]:
    """Return the `time` of a study whose command began then: reading its data and writing its files count too."""
    from tuner.duration import seconds

    if given is None:
        return {}
    whole = seconds(given, "time")
    return {"time": max(0.5 * whole, whole - (time.monotonic() - began) - _FILES_SECONDS)}


def _column_time(given: float | None, began: float) -> float | None:
    """Return how long columns may be measured within the `time` of a study; None where there is hardly any left."""
    left = float("inf") if given is None else given - (time.monotonic() - began)
    return _COLUMN_SECONDS if left > 2 * _COLUMN_SECONDS else None  # loading models takes as long


@click.command()
@folder_argument
@with_exit_codes
def stop(folder: Path) -> None:
    """End a study that runs in another terminal, as Ctrl-C would: running trials are finished.

    Example: tuner stop runs/adult
    """
    from tuner.archive.records import STOP_REQUEST
    from tuner.archive.study_folder import read_study_file
    from tuner.launch.tune import is_running

    read_study_file(folder)
    if not is_running(folder):
        raise ValueError(f"nothing runs in {folder}: there is nothing to stop")
    (folder / STOP_REQUEST).touch()
    say(f"{folder} ends once its running trials are finished; the same command as before goes on")


@click.command()
@with_exit_codes
def schema() -> None:
    """Print the JSON schema of study files, for editors that check and complete TOML.

    Example: tuner schema > study.schema.json
    """
    import json

    from tuner.studyfile import json_schema

    click.echo(json.dumps(json_schema(), indent=1))
