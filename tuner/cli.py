"""The command `tuner`. Data go to standard output, messages to standard error."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.derived_command import DerivedCommand

if TYPE_CHECKING:
    import pandas as pd

    from tuner.study import Study


_FILES_SECONDS = 2.0
FAILED, USAGE, NO_MODELS, INTERRUPTED = 1, 2, 3, 130


_format = click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True, help="Output."
)


def _exits(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what went wrong into a message and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except (ValueError, OSError) as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(NO_MODELS if type(error).__name__ == "NoModels" else USAGE)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tuned-ensembles")
def main() -> None:
    """Tune networks and gradient-boosted trees, and end in an ensemble."""


@main.command(cls=DerivedCommand, function="tuner.launch.tune:tune", without=("task", "families", "folder"))
@click.argument("study_file", metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), help="Where to keep the study  [default: runs/<name>].")
@_exits
def run(study_file: Path, folder: Path | None, **given: Any) -> None:
    """Run a study file; run it again to resume. Options stand in place of what the file says.

    Exits with 1 where the trials succeeded and no ensemble could be made of them: they are kept and shown.
    """
    began = time.monotonic()
    from spaces.rows.target import ITSELF
    from tuner.ensembling.build import check_method
    from tuner.launch.tune import tune
    from tuner.studyfile import families_of, importable, read_study_toml, task_of

    file = read_study_toml(study_file, **_told(given))
    method = file.ensemble.get("method", "auto")
    _check_method(method)
    here = study_file.resolve().parent
    with importable(here):
        families: Any = families_of(file, here)
        task = task_of(file, here)
        if task.target.kind != ITSELF:
            check_method(task, method)
        launch = file.launch | _time_left(file.launch.get("time"), began)
        study = tune(task, families, folder=folder or here / "runs" / file.name, **launch)
    if study.task.target.kind == ITSELF:
        click.echo("Use the best model: tuner.best_model(tuner.load_study(...)) in Python", err=True)
        click.echo(f"See every trial: tuner ui {study.folder}", err=True)
        return
    try:
        combined = study.ensemble(**file.ensemble)
        saved = combined.save(study.folder / "ensemble")
    except (ValueError, OSError) as error:
        _show_trials(study)
        click.echo(f"Error: no ensemble could be made: {error}", err=True)
        click.echo(f"The trials are kept. Try another method: tuner ensemble {study.folder} --method uniform", err=True)
        sys.exit(NO_MODELS if type(error).__name__ == "NoModels" else FAILED)
    _show_steps(combined.explain())
    _show_report(combined.report(), "table")
    for warning in combined.warnings():
        click.echo(f"Warning: {warning}", err=True)
    click.echo(f"Predict with it: tuner predict {saved} INPUT.csv -o OUT.csv", err=True)
    click.echo(f"See every trial: tuner ui {study.folder}", err=True)


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True)
@_exits
def demo(folder: Path) -> None:
    """Run a small study on embedded data, from start to predictions."""
    from tuner.demo import main as run_demo

    run_demo(folder)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_format
@_exits
def leaderboard(folder: Path, form: str) -> None:
    """Show the trials of a study, best first."""
    from tuner.archive.report import compact
    from tuner.study import load_study

    study = load_study(folder)
    board = study.leaderboard()
    _show_frame(compact(board, study.task.score.name) if form == "table" else board, study.name, form)
    if form == "table":
        _show_frame(study.spending(), "Seconds of each family", form)
    click.echo(study.summary(), err=True)


@main.command(cls=DerivedCommand, function="tuner.study:Study.ensemble", without=("self",))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--refit", is_flag=True, help="Train each member once more, on all rows.")
@click.option("--test", is_flag=True, help="Score the test rows too; the study counts how often.")
@_format
@_exits
def ensemble(folder: Path, refit: bool, test: bool, *, form: str, **given: Any) -> None:
    """Combine the best models of a study, and save the ensemble in its folder."""
    from tuner.study import load_study

    _check_method(given["method"] or "auto")
    study = load_study(folder)
    combined = study.ensemble(**_told(given))
    if refit:
        combined = combined.refit()
    report = combined.test() if test else combined.report()
    combined.save(study.folder / "ensemble")
    if form == "table":
        _show_steps(combined.explain())
    _show_report(report, form)
    if combined.certificate is not None:
        click.echo(
            f"Certificate: on the held-out rows no weights of these candidates score {report['metric']} lower by more "
            f"than {combined.certificate:.2g}",
            err=True,
        )
    for warning in combined.warnings():
        click.echo(f"Warning: {warning}", err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("trial", required=False)
@click.option("--tensorboard", type=click.Path(path_type=Path), help="Write the best of each family (or TRIAL) there.")
@_format
@_exits
def curves(folder: Path, trial: str | None, tensorboard: Path | None, *, form: str) -> None:
    """Show the learning curves of a trial, the best one when left out."""
    from tuner.archive.curves import curves as curves_of
    from tuner.archive.curves import to_tensorboard, trial_named
    from tuner.study import load_study

    study = load_study(folder)
    chosen = trial_named(study, trial)
    if tensorboard is not None:
        to_tensorboard(study, tensorboard, None if trial is None else [chosen])
        click.echo(f"Look at it: tensorboard --logdir {tensorboard}", err=True)
        return
    _show_frame(curves_of(study, chosen), chosen.name, form)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("rows", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A CSV or Parquet file  [default: print].")
@click.option("--engine", "engines", multiple=True, metavar="MODULE:NAME", help="An engine of your own, to import.")
@click.option("--kind", "kinds", multiple=True, metavar="MODULE:NAME", help="A kind of input of your own, to import.")
@_format
@_exits
def predict(
    folder: Path, rows: Path, output: Path | None, *, engines: tuple[str, ...], kinds: tuple[str, ...], form: str
) -> None:
    """Predict the rows of a file, or the images in a folder, with a saved ensemble."""
    from ensembles.ensemble import load
    from ensembles.predictions import predictions_table
    from spaces.inputs.files import DataError
    from spaces.inputs.given import read_given

    if output is not None and not output.name.endswith((".csv", ".csv.gz", ".parquet")):
        raise DataError(f"the output must end in .csv, .csv.gz or .parquet, got {output}")
    loaded = load(folder, engines=engines, kinds=kinds)
    given = read_given(rows, schema=loaded.schema)
    frame = given.frame
    if all(part.follows for part in loaded.target.each):
        from tuner.recipes.series import forecast

        predictions = forecast(loaded, frame)
        predictions = predictions.rename_axis("after").reset_index()
    else:
        predictions = predictions_table(loaded, loaded.raw(given)).set_axis(frame.index)
        for name in reversed(given.images):  # which prediction is of which file
            predictions.insert(0, name, frame[name])
    if output is None:
        _show_frame(predictions, f"{len(predictions)} predictions", form)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix == ".parquet":
        predictions.to_parquet(output, index=False)
    else:
        predictions.to_csv(output, index=False)
    click.echo(f"{len(predictions)} predictions in {output}", err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--alias", help="Name this version, such as champion.")
@_exits
def publish(folder: Path, name: str, alias: str | None) -> None:
    """Register the saved ensemble of a study as a model of MLflow.

    Example: tuner publish runs/churn churn --alias champion
    """
    from tuner.ensembling.publishing import publish_saved

    version = publish_saved(folder, name, alias=alias)
    address = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"
    click.echo(f"Version {version} of {name}: mlflow.pyfunc.load_model({address!r}).predict(frame)", err=True)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@_exits
def ui(folder: Path, port: int, opened: bool) -> None:
    """Show a study in MLflow's pages, on this computer only."""
    import webbrowser

    from tuner.archive.study_folder import read_study_file
    from tuner.tracking.client import open_client
    from tuner.tracking.pages import leaderboard_page
    from tuner.tracking.server import PortTaken, check_port, follow_the_folder, serve, tracked_at

    read_study_file(folder)
    uri = tracked_at(folder)
    try:
        check_port(port)
    except PortTaken as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
    if (old := follow_the_folder(uri)) is not None:
        click.echo(f"The folder was {old} before: what MLflow stored of it is brought here", err=True)
    experiment = open_client(uri).get_experiment_by_name(folder.resolve().name)

    def ready(server: str) -> None:
        page = leaderboard_page(server, experiment.experiment_id) if experiment else server
        click.echo(f"{folder.resolve().name} in MLflow (Ctrl-C ends it): {page}", err=True)
        if opened:
            webbrowser.open(page)

    sys.exit(serve(uri, port, ready))


def _told(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given; `none` says None."""
    return {name: None if value == "none" else value for name, value in given.items() if value is not None}


def _time_left(given: float | str | None, began: float) -> dict[str, float]:
    """Return the `time` of a study whose command began then: reading its data and writing its files count too."""
    from tuner.duration import seconds

    if given is None:
        return {}
    whole = seconds(given, "time")
    return {"time": max(0.5 * whole, whole - (time.monotonic() - began) - _FILES_SECONDS)}


def _show_trials(study: Study) -> None:
    from tuner.archive.report import compact

    _show_frame(compact(study.leaderboard(), study.task.score.name), study.name, "table")


def _check_method(method: str) -> None:
    from ensembles.methods import METHODS, STACKS
    from spaces.language.complaints import unknown_name

    known = ["auto", "joint", *METHODS, *STACKS]
    if method not in known:
        raise ValueError(f"ensemble method: {unknown_name(method, known)}")


def _show_steps(steps: pd.DataFrame) -> None:
    if len(steps) > 1:
        _show_frame(steps, "Methods, each against the one held so far: taken if better by a standard error", "table")


def _show_report(report: dict[str, Any], form: str) -> None:
    import json

    if form == "json":
        click.echo(json.dumps(report))
        return
    import pandas as pd

    members = pd.DataFrame(report["members"])
    if form == "csv":
        click.echo(members.to_csv(index=False), nl=False)
        return
    scores, metric = report["scores"], report["metric"]
    comparator, difference = scores["comparator"], scores["difference"]
    _show_frame(members, f"{report['method']} ensemble of {len(members)}", "table")
    rows = [
        {"": "ensemble", metric: scores["ensemble"]["cross_fitted"], "scored": "cross-fitted"},
        {"": "ensemble", metric: scores["ensemble"]["in_sample"], "scored": "on the rows that fitted the weights"},
        {"": f"best single, {scores['best_single']['trial']}", metric: scores["best_single"]["cross_validated"],
         "scored": "cross-validated"},
        {"": "comparator: one model, chosen on other rows", metric: comparator["cross_fitted"],
         "scored": f"cross-fitted, {', '.join(comparator['trials'][:3])}"},
        {"": "ensemble minus comparator", metric: difference["cross_fitted"],
         "scored": f"paired, standard error {difference['standard_error']:.2g}"},
    ]  # fmt: skip
    for key, its in scores["ensemble"].get("metrics", {}).items():
        rows.append({"": "ensemble", metric: its["cross_fitted"], "scored": f"cross-fitted, {key}"})
    for name in ("ensemble", "best_single"):
        for key, value in scores[name].get("test", {}).items():
            rows.append({"": f"{name.replace('_', ' ')}", metric: value, "scored": f"test rows, {key}"})
    title = f"test rows read {report['test_looks']} times" if report["test_looks"] else "test rows never read"
    _show_frame(pd.DataFrame(rows), title, "table")
    click.echo(f"The comparator is {comparator['why']}.", err=True)


def _show_frame(frame: pd.DataFrame, title: str, form: str) -> None:
    if form == "csv":
        click.echo(frame.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(frame.to_json(orient="records"))
    else:
        from tuner.archive.report import print_table

        print_table(title, [str(name) for name in frame.columns], frame.astype(object).values.tolist())


if __name__ == "__main__":
    main()
