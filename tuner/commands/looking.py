"""Commands that look at a study, and change nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tuner.commands.common import FAILED, folder_argument, format_option, open_option, own_code, say, with_exit_codes
from tuner.commands.output import show_frame

if TYPE_CHECKING:
    from tuner.study import Study

_SHOWN = 60  # rows of curves in a terminal


@click.command()
@folder_argument
@click.option("--top", type=click.IntRange(1), help="Show so many trials  [default: all].")
@format_option
@with_exit_codes
@own_code
def leaderboard(folder: Path, *, top: int | None, form: str) -> None:
    """Show the trials of a study, best first.

    Example: tuner leaderboard runs/adult --top 10
    """
    from tuner.archive.report import compact
    from tuner.study import load_study

    study = load_study(folder)
    board = study.leaderboard().iloc[:top]
    show_frame(compact(board, study.task.score.name) if form == "table" else board, study.name, form)
    if form == "table":
        show_frame(study.spending(), "Seconds of each family", form)
    say(study.summary())


@click.command()
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@with_exit_codes
@own_code
def diff(first: Path, second: Path) -> None:
    """Show two studies of one task side by side: scores, families, spaces, seconds.

    Example: tuner diff runs/adult runs/adult-wide
    """
    from ensembles.choosing.cross_fitting import error_said
    from tuner.ensembling.side_by_side import side_by_side
    from tuner.study import load_study

    one, other = load_study(first), load_study(second)
    found = side_by_side(one, other)
    show_frame(found.standing, f"{one.name} and {other.name}", "table")
    show_frame(found.leaderboard, "The best trials", "table")
    show_frame(found.families, "Families", "table")
    for difference in found.spaces:
        click.echo(difference)
    if found.gain is None:
        say("The best trials predicted other rows: there is no paired difference")
    else:
        gain, error = found.gain
        click.echo(
            f"The best trial of {first} is {abs(gain):.2g} {'better' if gain >= 0 else 'worse'} than that of {second} "
            f"in {one.task.score.name} (standard error {error_said(error)}, paired over the same rows)"
        )


@click.command()
@folder_argument
@click.argument("trial", required=False)
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Write the best of each family (or TRIAL) there.")
@format_option
@with_exit_codes
@own_code
def curves(folder: Path, trial: str | None, tensorboard: Path | None, *, form: str) -> None:
    """Show the learning curves of a trial, the best one when left out.

    With --tensorboard, networks are written too: their graph, histograms of weights, activations and gradients, and
    embeddings for the projector.

    Example: tuner curves runs/adult --tensorboard board
    """
    from importlib.util import find_spec

    from tuner.archive.curves import complete_trial_named, to_tensorboard
    from tuner.archive.curves import curves as curves_of
    from tuner.study import load_study

    study = load_study(folder)
    chosen = complete_trial_named(study, trial)
    if tensorboard is not None:
        to_tensorboard(study, tensorboard, None if trial is None else [chosen])
        extra = "" if find_spec("tensorboard") else "  (needs pip install 'tuned-ensembles[tensorboard]')"
        say(f"Look at it: tensorboard --logdir {tensorboard}{extra}")
        return
    steps = curves_of(study, chosen)
    if steps.empty:
        others = [one.name for one in study.best_of_each_family if any(study.curves(one))]
        say(f"{chosen.name} has no curves, as it was trained in one go; curves have {', '.join(others) or 'none'}")
        if form == "table":
            return
    if form == "table" and len(steps) > _SHOWN:
        every = -(-len(steps) // _SHOWN)
        steps = steps.iloc[::every]
        say(f"One row in {every}: --format csv writes them all")
    show_frame(steps, chosen.name, form)


@click.command()
@folder_argument
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@open_option
@click.option("--optuna", is_flag=True, help="Show the trials in Optuna's dashboard, which must be installed.")
@with_exit_codes
def ui(folder: Path, *, port: int, opened: bool, optuna: bool) -> None:
    """Show a study in MLflow's pages, on this computer only."""
    from tuner.archive.study_folder import read_study_file
    from tuner.tracking.addresses import leaderboard_page
    from tuner.tracking.moved import follow_the_folder
    from tuner.tracking.server import (
        PortTaken,
        check_port,
        experiment_id,
        serve,
        serve_optuna,
        tracked_at,
    )

    stored = read_study_file(folder)
    uri = _ledger_at(folder, stored.get("ledger")) if optuna else tracked_at(folder)
    try:
        check_port(port)
    except PortTaken as error:
        say(f"Error: {error}")
        sys.exit(FAILED)
    if optuna:
        sys.exit(serve_optuna(uri, port, lambda at: _ready(folder, at, opened)))
    if (old := follow_the_folder(uri)) is not None:
        say(f"The folder was {old} before: what MLflow stored of it is brought here")
    experiment = experiment_id(uri, folder.resolve().name)

    def page(server: str) -> str:
        return leaderboard_page(server, experiment) if experiment else server

    sys.exit(serve(uri, port, lambda server: _ready(folder, page(server), opened)))


def _ledger_at(folder: Path, said: str | None) -> str:
    """Return the address of a ledger in a file, as Optuna's dashboard takes it.

    Raises:
        ValueError: The ledger is in a database, whose password must not stand in a command.
    """
    from tuner.sqlite_url import sqlite_url

    if said is not None:
        address = f'"${said.removeprefix("env:")}"' if said.startswith("env:") else said
        raise ValueError(f"the ledger of {folder} is in a database: optuna-dashboard {address} shows it")
    return sqlite_url(folder.resolve() / "ledger.db")


def _ready(folder: Path, page: str, opened: bool) -> None:
    """Say where the pages of a study are, and open them where that was asked for."""
    import webbrowser

    say(f"{folder.resolve().name} (Ctrl-C ends it): {page}")
    if opened:
        webbrowser.open(page)


@click.command()
@folder_argument
@click.argument("trial", required=False)
@with_exit_codes
@own_code
def show(folder: Path, trial: str | None) -> None:
    """Show one trial whole, the best one when left out: parameters, folds, and why it failed.

    Example: tuner show runs/adult dense-000003
    """
    from tuner.archive.one_trial import described
    from tuner.study import load_study

    study = load_study(folder)
    click.echo(described(study, trial))


@click.command()
@folder_argument
@with_exit_codes
@own_code
def status(folder: Path) -> None:
    """Say in a few lines how a study stands, also while it runs elsewhere.

    Example: tuner status runs/adult
    """
    from tuner.launch.tune import is_running
    from tuner.study import load_study

    study = load_study(folder)
    click.echo(study.brief())
    click.echo("\n".join(_standing(study)))
    click.echo(f"  now      {'running' if is_running(folder) else 'not running'}")


def _standing(study: Study) -> Iterator[str]:
    """Yield the time that a study took, the budget of its study file, and its last ensemble."""
    import tomllib

    from spaces.rows.target import ITSELF
    from tuner.archive.findings import read_findings
    from tuner.archive.report import ensemble_line
    from tuner.archive.spending import elapsed
    from tuner.commands.kept_file import NAME
    from tuner.launch.progress import in_words

    yield f"  time     {in_words(elapsed(study.trials))} in which trials ran, over all launches"
    if (kept := study.folder / NAME).exists():
        budget = tomllib.loads(kept.read_text()).get("budget", {})
        yield f"  budget   {', '.join(f'{name} {value}' for name, value in budget.items()) or 'none'}, in {NAME}"
    found = read_findings(study.folder)
    if found is not None:
        line = ensemble_line(study.task.score.sign, found["scores"], len(found["members"]))
        yield f"  ensemble {found['method']}: {line}"
    elif study.task.target.kind != ITSELF:
        yield f"  ensemble none yet: tuner ensemble {study.folder}"


@click.command()
@folder_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page  [default: FOLDER/report.html].")
@open_option
@with_exit_codes
def report(folder: Path, output: Path | None, opened: bool) -> None:
    """Write a page about a study: data, trials, ensemble, errors, columns; it needs no network."""
    import webbrowser

    from tuner.archive.room import said_when_full
    from tuner.study import load_study

    with said_when_full(folder, place=output):
        written = load_study(folder).report(output)
    click.echo(str(written))
    if opened:
        webbrowser.open(written.resolve().as_uri())
