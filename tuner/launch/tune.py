"""`tune`: the arguments of a study, and its launch or continuation; the loop itself is in `loop.py`.

The driver is the only writer of ledger and tracking. Whatever it learns it commits at once, so it may be killed at any
moment and started again by the same call.
"""

from __future__ import annotations

import inspect
import math
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import filelock

from spaces.families.catalog import BASELINE
from spaces.machine.mistakes import briefly
from tuner.amounts import Count, Duration, Natural
from tuner.archive.explained import explain
from tuner.archive.room import said_when_full
from tuner.archive.study_folder import StudyError, read_study_file
from tuner.launch.driver_log import NAME as LOG
from tuner.launch.driver_log import DriverLog
from tuner.launch.loop import Launch
from tuner.launch.on_trial import OnTrial
from tuner.launch.plan import Families, Plan, make_plan
from tuner.launch.progress import Display, in_words
from tuner.plain_names import plain
from tuner.search.stores import is_written
from tuner.search.turns import Rule
from tuner.study import Study, begun_or_continued, store_of
from tuner.task.task import Task
from tuner.tracking.client import RESERVED, tracking_uri
from tuner.tracking.shown import CurvesShown, TrialsShown
from tuner.trials.scored_folds import left_out


@briefly
def tune(
    task: Task,
    families: Families | None = None,
    *,
    sampler: str | Any = "optuna.tpe",
    pruner: str | Any = "percentile",
    fold_pruning: bool = True,
    refit: bool | None = None,
    start: Sequence[Mapping[str, Any]] | None = None,
    like: str | Path | Any | None = None,
    trials: Count | None = None,
    time: Duration | None = None,
    trial_time: Duration | None = None,
    max_failures: Count | None = None,
    workers: Natural | Literal["ray"] | None = None,
    ray: Mapping[str, Any] | None = None,
    seed: Natural = 0,
    folder: str | Path | None = None,
    ledger: str | None = None,
    tracking: str | None = "auto",
    log_curves: CurvesShown = "mean",
    log_trials: TrialsShown = "all",
    turns: Rule | None = None,
    weights: Mapping[str, float] | None = None,
    disk: float = 8e9,
    progress: bool = True,
    on_trial: OnTrial | Sequence[OnTrial] | None = None,
    callbacks: Sequence[str | Mapping[str, Any] | Callable[..., Any]] = (),
) -> Study:
    """Start a study, or continue the one in the folder, in the same spaces or in others.

    Args:
        task: Data, metric and split.
        families: Names, families of your own (one alone needs no list), or a mapping from names to changes of their
            spaces (see `spaces.narrow`). The common-sense baseline always runs, once. All that fit the data when left
            out, but those of extras (`lightgbm`).
        sampler: The name of a sampler, such as `"hyperopt.tpe"`; see `tuner.SAMPLERS`. In Python also a function
            `seed -> BaseSampler`, or an Optuna sampler.
        pruner: The name of a pruner, such as `"median"`, or `"none"`; see `tuner.PRUNERS`. In Python also an Optuna
            pruner, or None.
        fold_pruning: Train no further fold of a trial that is as far behind the best of its family, on inner rows of
            the same folds, as that one's worst fold is behind its mean; from three complete trials of the family on,
            or from the first one on where it is worse than each fold of the baseline, too.
        refit: Train what the ensemble reads once more on all rows, when the search ends; where `time` is given, in the
            last part of it, at most a fifth. Such a model counts twice as much as those of the folds. Where `time` is
            given and there are 200 rows, when left out.
        start: Points to begin with, before the defaults and points that are known to be good. Each is a mapping of
            parameters, nested or dotted, with its `family`, `[{"family": "linear", "alpha": 0.1}]`, or under its
            name, `[{"linear": {"alpha": 0.1}}]`. What is not said has its default. A study keeps what it began with.
        like: The folder of an earlier study, of which the five best trials of each family come next, where they are
            points of these spaces; in Python also the study, or one of Optuna's whose parameters are called as ours.
        trials: Stop after so many trials of all launches together, without the baseline and duplicates; 40 when
            neither this nor `time` is given.
        time: End so early that the ensemble, made at once, is done after so long, over all launches, of which earlier
            ones count by the seconds in which trials ran: seconds, or text such as `"20m"`. Trials that run then stop
            training and keep the best so far.
        trial_time: Stop the training of a trial after so long, seconds or text such as `"3m"`, and keep the best so far
            of every fold. Only what hangs is killed, 30 seconds later or half as much again.
        max_failures: Stop after so many failed trials.
        workers: Worker processes, each with its share of the cores; 0 runs everything in this process,
            and `"ray"` trials on a cluster of Ray, whose nodes share the study's folder.
        ray: The cluster, with `workers="ray"`: `address`, `slots` and `resources` (see docs/cluster.md).
        seed: Everything random about the trials is derived from it.
        folder: Where to keep the study; under `runs/`, named after target and data, when left out.
        ledger: A PostgreSQL database that keeps what was asked and told, in place of a file in the folder: its address
            without a password, such as `"postgresql://ann@db.example/studies"`, or `"env:NAME"`, where the variable
            `NAME` of the environment holds the address. A study that goes on keeps its ledger.
        tracking: An MLflow tracking URI, or None (`"none"` in a terminal) for no MLflow. `"auto"` is
            `$MLFLOW_TRACKING_URI` where that is set, else `mlflow.db` beside the folder.
        log_curves: Curves in MLflow: `"mean"` over the folds, `"folds"` for each while it trains, or `"none"`.
        log_trials: Trials that have a run of their own in MLflow: `"all"`, `"top"` for those that are among the twenty
            best when they end, or `"none"`. The study's run shows all of them in its leaderboard and its numbers.
        turns: How families take turns. `"trials"`: one after the other. `"seconds"`: each family once, the cheapest
            first, then by the seconds that a family needs to gain something for the ensemble; the order is written
            with the trials, and another run may have another. `"seconds"` where `time` is given, when left out.
        weights: How often a family's turn comes, 1 when left out.
        disk: Bytes to keep fold models in; the worst trials' go first, the best of each family never.
        progress: Print a line for each trial.
        callbacks: Keras callbacks that networks call beside their own: a name, a name with settings,
            `{"ReduceLROnPlateau": {"factor": 0.5}}`, or a function that makes one, also as `"module:function"`. Each
            fold has fresh ones. They see no rows but those that train and the inner rows. Their files lie in the
            trial's folder.
        on_trial: Called with the study and the trial after each trial, in this process; a function or several. It may
            end the study, `study.stop()`. What it raises goes to the log, and the study goes on.

    Returns:
        The study.

    Raises:
        ValueError: An argument, a space, a metric or the folder cannot be used; nothing was started.
        NoRoom: The disk is full. The same call continues when there is room.
        Interrupted: Ctrl-C; what was running was finished (or, pressed twice, killed). The same call continues.
    """
    given = locals()  # every argument by its name
    began = clock.monotonic()
    plan = make_plan(task, families, given)
    shown = Path(folder) if folder is not None else Path("runs") / f"{plain(task.target.name)[:60]}-{task.digest[:6]}"
    place = _checked(shown)
    with said_when_full(place), locked(place):
        fresh = not (place / "study.json").exists()
        with (
            begun_or_continued(
                place,
                task,
                plan.families,
                spaces=plan.spaces,
                starts=plan.starts,
                seed=seed,
                sampler=sampler,
                pruner=pruner,
                ledger=plan.ledger,
            ) as (study, changed),
            DriverLog(place) as log,
        ):
            display = Display(plan.budget.trials, task.score.name, silent=not progress, log=log)
            launch = Launch(study, plan, display, disk=disk, began=began)
            display.say(*_first_words(study, plan, shown if fresh else None), *changed, *_of_the_clock(study))
            if fresh:
                _check_or_forget(launch, study)
            explain(study)
            launch.run(tracking_uri(tracking, place), _constants(plan, sampler, pruner))
    return study


def _check_or_forget(launch: Launch, study: Study) -> None:
    """Check the user's own families; where they cannot be used, no study was begun."""
    try:
        launch.check_own_families()
    except Exception:
        for name in ("study.json", LOG):
            (study.folder / name).unlink()
        study.ledger.delete()
        raise


def _checked(place: Path) -> Path:
    """Return where a folder lies from wherever one is; refuse a name that stands for something else."""
    if place.resolve().name in RESERVED or not place.name.strip("."):
        raise StudyError(
            f"folder: {place} cannot be a study's: a study is named after its folder, and {', '.join(RESERVED)} are "
            "MLflow's; choose another name"
        )
    return place.absolute()


def plan_of(task: Task, families: Families | None, **given: Any) -> Plan:
    """Check arguments as `tune` does, and start nothing; what is not given has its default."""
    asked = inspect.signature(tune).bind(task, families, **given)
    asked.apply_defaults()
    return make_plan(task, families, asked.arguments)


def understood(task: Task, plan: Plan, folder: Path) -> str:
    """Say what was understood, before the first trial: the task, with hints, what runs on it, and where it is kept."""
    families = ", ".join(name for name in plan.families if name != BASELINE)
    trials = (
        None if plan.budget.trials is None else f"{plan.budget.trials} trial{'' if plan.budget.trials == 1 else 's'}"
    )
    time = None if math.isinf(plan.budget.time) else in_words(plan.budget.time)
    budget = ", or ".join(limit for limit in (trials, time) if limit)
    where = f"{plan.workers} worker{'' if plan.workers == 1 else 's'}" if plan.workers else "in this process"
    if plan.cluster is not None:
        open_to_all = ", which has no tokens: whoever reaches its ports runs code there (see docs/cluster.md)"
        where = f"on a cluster of Ray{open_to_all if plan.cluster.is_open else ''}"
    return f"{task}\n  families {families}\n  budget  {budget}, {where}\n  folder  {folder}"


def _first_words(study: Study, plan: Plan, folder: Path | None) -> Iterator[str]:
    """Yield what there is to say before the first trial; the folder is that of a study that begins."""
    said = [_goes_on(study)] if folder is None else [plan.said, understood(study.task, plan, folder)]
    yield from filter(None, [left_out(study.task), *said])


def _goes_on(study: Study) -> str:
    """Say what a study has so far that goes on."""
    *_, trials, best, _ = study.brief().splitlines()
    return f"Study {study.name} goes on; time and trials of the budget count over all launches\n{trials}\n{best}"


def _of_the_clock(study: Study) -> Iterator[str]:
    """Yield what there is to say where the clock was set back."""
    ahead = max((trial.outcome.started for trial in study.trials if trial.outcome), default=0.0) - clock.time()
    if ahead > 0:
        yield (
            f"The clock of this machine was set back: a trial began {ahead:,.0f} s from now. Nothing is lost; tables "
            "show trials by the clock, and of the time budget, seconds that come twice count once"
        )


def _constants(plan: Plan, sampler: Any, pruner: Any) -> dict[str, Any]:
    return {"sampler": name_of(sampler), "pruner": name_of(pruner), "workers": plan.workers}


def name_of(given: Any) -> str:
    """Return the name of a sampler or pruner, however it was given."""
    return given if isinstance(given, str) else type(given).__name__


def is_running(folder: Path) -> bool:
    """Return whether a process runs the study in a folder.

    Raises:
        LedgerError: Its ledger is in a database that cannot be used.
    """
    import fcntl

    if (folder / "study.json").exists() and is_written(store_of(folder, read_study_file(folder))):
        return True
    try:
        with (folder / ".lock").open("rb") as lock:  # as FileLock does, but looking writes nothing
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a second driver out of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise StudyError(f"{folder} is in use by another process: wait for it, or choose another folder") from None
    try:
        yield
    finally:
        lock.release()
