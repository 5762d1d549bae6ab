"""Commands for the first minute: a study file from a table, and what this computer has."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.commands.common import FAILED, say, with_exit_codes

if TYPE_CHECKING:
    from tuner.task.task import Task

_PACKAGES = ("tuned-ensembles", "optuna", "hyperopt", "mlflow")
_WINDOW = 48  # rows that a forecast reads, to begin with


@click.command()
@click.argument("table", metavar="TABLE", type=click.Path(path_type=Path))
@click.option("--target", help="The column to predict  [default: the last one].")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The study file  [default: TABLE's name].")
@with_exit_codes
def init(table: Path, target: str | None, output: Path | None) -> None:
    """Write a commented study file for a CSV, TSV or Parquet file, after a look at it.

    Example: tuner init adult.csv --target income
    """
    from spaces.families.catalog import BASELINE, fitting
    from tuner.task.described import like_texts
    from tuner.task.reading import read_frame
    from tuner.task.task import Task

    if table.is_dir():
        raise ValueError(
            f"{table} is a folder: name a table in it (of images in folders, write the study file yourself)"
        )
    output = output or table.with_name(f"{table.name.split('.')[0]}.toml")
    if output.exists():
        raise ValueError(f"{output} is there already: choose another with --output")
    chosen = target or str(read_frame(table).columns[-1])
    guessed = "" if target else f"The last column is taken as the target, {chosen}: --target NAME says otherwise.\n"
    try:
        task = Task(table, chosen)
        if texts := like_texts(task.schema):
            task = Task(table, chosen, text=texts)
    except ValueError as error:
        raise ValueError(f"{guessed}{error}") from error
    families = [name for name in fitting(task.signature) if name != BASELINE]
    output.parent.mkdir(parents=True, exist_ok=True)
    series = _series(table, chosen, task)
    output.write_text(_study_file(table, chosen, task, families=families, series=series, output=output))
    forecast = f"To forecast what comes next: {output} has the lines for it, remove their #.\n" if series else ""
    say(f"{task}\n\n{guessed}{forecast}Written: {output}. Run it: tuner run {output}")


def _series(table: Path, target: str, task: Task) -> str:
    """Return the lines of a forecast, commented; nothing where the target is no number or rows are no series."""
    from tuner.recipes.series import series_task

    kinds = ("date", "category", "text")  # 31/01/2020 is a text that a series can read
    dates = [column.name for kind in kinds for column in task.schema.columns if column.kind == kind]
    without = ", and leave text out" if "text" in {column.kind for column in task.schema.columns} else ""
    window = min(_WINDOW, len(task.rows) // 10)
    for name in dates if task.target.kind == "regression" and window else ():
        try:
            series_task(table, target, window=window, time=name)
        except ValueError:  # steps of unequal length, several series in one table
            continue
        return f"""\
# Is it a forecast, from the rows before? Then remove the # of these two lines{without}.
# time = {_quoted(name)}
# series = {{ window = {window}, horizon = 1 }}   # rows that are read, and how many rows later the target is
"""
    return ""


def _study_file(table: Path, target: str, task: Task, *, families: list[str], series: str, output: Path) -> str:
    """Return a study file that says what was understood, and how to say that it is otherwise."""
    from tuner.scoring.metrics import METRICS

    others = [name for name, metric in METRICS.items() if task.target.kind in metric.kinds and not metric.by_group]
    name = "".join(letter if letter.isalnum() else "-" for letter in table.name.split(".")[0]).strip("-") or "study"
    beside = output.parent
    train = table.resolve().relative_to(beside.resolve()) if table.resolve().is_relative_to(beside.resolve()) else table
    columns = "".join(f"#   {column.kind:<9} {column.name}\n" for column in task.schema.columns)
    chosen = "".join(f"# [families.{family}]\n" for family in families)
    texts = ", ".join(_quoted(column.name) for column in task.schema.columns if column.kind == "text")
    said = f"text = [{texts}]\n" if texts else ""
    return f"""\
# Run it: tuner run {output.name}. Run it again to go on. Paths are relative to this file.
[study]
name = {_quoted(name)}
seed = 0

[budget]
time = "10m"        # everything included; or trials = 40

[data]
train = {_quoted(train.as_posix())}
target = {_quoted(target)}
metric = {_quoted(task.score.name)}  # or {", ".join(one for one in others if one != task.score.name)}
test = 0.2          # set aside, and read when you ask for it alone
{said}\
# split = {{ kind = {_quoted(task.split.kind)}, folds = {task.split.folds} }}
# What the columns are, by their values:
{columns}\
# Say otherwise:
# categories = ["branch"]   numbers that are names
# text = ["review"]         texts
# drop = ["id"]             no features
# group = "patient"         rows that belong together
# time = "date"             rows in time order: never shuffled
{series}
# Every family that fits takes part. To choose, remove the # of some; a line below narrows a parameter.
{chosen}
[ensemble]
method = "auto"
"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@click.command()
@click.option("--cluster", metavar="ADDRESS", help="Ask every node of a Ray cluster too, such as 10.0.0.1:6379.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), help="The folder that nodes are to share.")
@with_exit_codes
def doctor(cluster: str | None, folder: Path) -> None:
    """Say what this computer has: versions, cores, memory, disk, and where things are kept.

    With --cluster, a probe is written and read in the folder from every node, and versions are compared. Exits with 1
    where a node cannot run trials.

    Example: tuner doctor --cluster 10.0.0.1:6379 --folder /shared/runs
    """
    from tuner.archive.report import print_table

    print_table("This computer", ["what", "found"], [[name, value] for name, value in _findings().items()])
    if cluster is not None:
        from tuner.trials.ray_cluster import has_token

        rows = _nodes(cluster, folder.absolute())
        print_table(f"Nodes of {cluster}", ["node", "folder", "versions"], rows)
        if not has_token():
            say(f"{cluster} has no tokens: whoever reaches its ports runs code on every node; see docs/cluster.md")
        if any(row[1:] != ["shared", "the same"] for row in rows):
            sys.exit(FAILED)


def _nodes(address: str, folder: Path) -> list[list[str]]:
    """Return what each node of a cluster finds: its name, whether it shares the folder, what is not the same there."""
    from tuner.trials.ray_cluster import ask_nodes, connected, differences, versions_here

    with connected(address):
        return [
            [one.host, one.complaint or "shared", "; ".join(differences(versions_here(), one.versions)) or "the same"]
            for one in ask_nodes(folder)
        ]


def _findings() -> dict[str, Any]:
    import platform
    import shutil
    from importlib.metadata import PackageNotFoundError, version

    import psutil

    from spaces.engines.engine import ENGINES
    from spaces.machine.cores import cores

    def installed(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    trained_by = [package for engine in ENGINES.values() for package in engine.packages]
    memory = psutil.virtual_memory()
    return {
        "Python": platform.python_version(),
        **{package: installed(package) for package in (*_PACKAGES, *trained_by)},
        "cores": cores(),
        "memory": f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
        "disk here": f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free in {Path.cwd()}",
        "cache": _cache(),
    }


def _cache() -> str:
    from spaces.machine.disk import NotWritable, cache_folder, can_take

    try:
        cache = cache_folder()
    except NotWritable as error:
        return str(error)
    return f"{cache} ({'can be written' if can_take(cache) else 'CANNOT be written: set TUNER_CACHE'})"
