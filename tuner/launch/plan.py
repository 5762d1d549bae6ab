"""What a launch is asked to do, checked before anything starts."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from spaces.engines.engine import ENGINES, KERAS, EngineError, at, check_installed, hand_over
from spaces.families.catalog import BASELINE, FAMILIES, UNSUPERVISED, families_for, family_named, fitting
from spaces.families.family import Family
from spaces.language.complaints import unknown_name
from spaces.language.space import Params, Space
from spaces.machine.cores import cores
from spaces.rows.target import ITSELF
from tuner.duration import seconds
from tuner.in_the_way import check_folder
from tuner.launch.on_trial import OnTrial, checked
from tuner.launch.starting import begin_with, best_of
from tuner.search.samplers import make_pruner, sampler_maker
from tuner.search.stores import checked as checked_ledger
from tuner.search.turns import RULES, Rule
from tuner.task.task import Task
from tuner.tracking.shown import CurvesShown, TrialsShown
from tuner.trials.ray_cluster import RayCluster, checked_cluster
from tuner.trials.scored_folds import check_metrics

DEFAULT_TRIALS = 40
_FEWEST_ROWS_TO_REFIT = 200
_LATE_SECONDS, _LATE = 5.0, 0.05

Families = str | Family | Sequence[str | Family] | Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Budget:
    """When a study ends; totals over all launches.

    Attributes:
        trials: Trials without the baseline and duplicates, or None.
        time: Seconds until the study and its ensemble are to be done.
        trial_time: Seconds after which a trial stops training.
        max_failures: Failed trials.
        turns: By what families take turns.
    """

    trials: int | None
    time: float
    trial_time: float
    max_failures: float
    turns: Rule

    @property
    def lateness(self) -> float:
        """How many seconds late the study and its ensemble may be."""
        return max(_LATE_SECONDS, _LATE * self.time)


@dataclass(frozen=True)
class Plan:
    """A launch's checked arguments.

    Attributes:
        families: By name, the baseline first.
        spaces: Their spaces for the task, as the user changed them.
        starts: The points with which they begin.
        weights: How often a family's turn comes.
        budget: When the study ends.
        workers: How many trials run at once in processes of their own; 0 for none.
        seed: The study's seed.
        log_curves: Which curves MLflow shows.
        log_trials: Which trials have runs of their own in MLflow.
        fold_pruning: Whether trials that are beaten end before their last fold.
        refit: Whether what the ensemble reads is trained on all rows, too, when the search ends.
        said: What there is to say of an earlier study that this one begins like.
        on_trial: The user's functions that are called after each trial.
        ledger: The database that keeps the ledger, without a password; None for a file, or what the study has.
        cluster: The cluster on which trials run, or None.
    """

    families: dict[str, Family]
    spaces: dict[str, Space]
    starts: dict[str, list[Params]]
    weights: dict[str, float]
    budget: Budget
    workers: int
    seed: int
    log_curves: CurvesShown = "mean"
    log_trials: TrialsShown = "all"
    fold_pruning: bool = True
    refit: bool = False
    said: str = ""
    on_trial: tuple[OnTrial, ...] = ()
    ledger: str | None = None
    cluster: RayCluster | None = None


def make_plan(task: Task, families: Families | None, given: Mapping[str, Any]) -> Plan:
    """Check the arguments of `tuner.tune`, which describes them.

    Args:
        task: The task.
        families: The families.
        given: All of its arguments, by name.

    Raises:
        ValueError: One of them cannot be used, or no trial could be scored.
    """
    if not isinstance(task, Task):
        raise ValueError(f"tune needs a task, got a {type(task).__name__}: tuner.Task(data, target) makes one")
    budget = budget_of(**{name: given[name] for name in ("trials", "time", "trial_time", "max_failures", "turns")})
    chosen = _families(families, task)
    spaces = {name: _space(family, task, changes) for name, (family, changes) in chosen.items()}
    cluster = checked_cluster(given["workers"], given["ray"])
    n_workers = _workers(given["workers"]) if cluster is None else cluster.slots or 1
    if n_workers:
        check_folder(Path.cwd())  # where they start
    points, said = best_of(given["like"], spaces, task)
    known, sampler = {name: family for name, (family, _) in chosen.items()}, given["sampler"]
    starts = begin_with(spaces, known, start=given["start"], like=points, sampler=sampler)
    for space in spaces.values():
        sampler_maker(sampler, space or {"x": 0})
    make_pruner(given["pruner"])
    check_metrics(task)
    return Plan(
        families=_with_callbacks(known, given["callbacks"]),
        spaces=spaces,
        starts=starts,
        weights=_weights(given["weights"], list(chosen)),
        budget=budget,
        workers=n_workers,
        seed=_seed(given["seed"]),
        log_curves=_one_of("log_curves", given["log_curves"], get_args(CurvesShown)),
        log_trials=_one_of("log_trials", given["log_trials"], get_args(TrialsShown)),
        fold_pruning=given["fold_pruning"],
        refit=_refit(given["refit"], task, budget),
        said=said,
        on_trial=checked(given["on_trial"]),
        ledger=checked_ledger(given["ledger"]),
        cluster=cluster,
    )


def _refit(given: Any, task: Task, budget: Budget) -> bool:
    """Return whether models are trained on all rows: where there is an ensemble to read them.

    Of few rows the mean of the folds' models, which differ much, is worth more than a fifth more rows (decision 0044).
    """
    usual = math.isfinite(budget.time) and len(task.rows) >= _FEWEST_ROWS_TO_REFIT
    wanted = usual if given is None else bool(given)
    return wanted and task.target.kind != ITSELF


def budget_of(trials: Any, time: Any, trial_time: Any, *, max_failures: Any, turns: Any) -> Budget:
    """Check when a study ends.

    Raises:
        ValueError: One of the numbers is none.
    """
    for name, count in (("trials", trials), ("max_failures", max_failures)):
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}")
    if trials is None and time is None:
        trials = DEFAULT_TRIALS
    if turns is None:
        turns = "trials" if time is None else "seconds"
    if turns not in RULES:
        raise ValueError(f"turns: {unknown_name(turns, list(RULES))}")
    return Budget(
        trials,
        math.inf if time is None else seconds(time, "time"),
        math.inf if trial_time is None else seconds(trial_time, "trial_time"),
        math.inf if max_failures is None else max_failures,
        turns,
    )


def _families(families: Families | None, task: Task) -> dict[str, tuple[Family, Mapping[str, Any]]]:
    given: list[tuple[str | Family, Mapping[str, Any]]]
    families = [families] if isinstance(families, str | Family) else families
    _check_families(families)
    if isinstance(families, Mapping):
        given = [(name, changes or {}) for name, changes in families.items()]
    else:
        given = [(one, {}) for one in (families if families is not None else fitting(task.signature))]
    chosen: dict[str, tuple[Family, Mapping[str, Any]]] = {BASELINE: (FAMILIES[BASELINE], {})}
    for one, changes in given:
        own = changes.get("family") if isinstance(changes, Mapping) else None
        family = (
            one if isinstance(one, Family) else own if isinstance(own, Family) else family_named(one, task.signature)
        )
        changes = {name: change for name, change in changes.items() if name != "family"}
        if family.name in chosen and family.name != BASELINE:
            raise ValueError(f"family {family.name!r} is given twice")
        if family.name in families_for(task.signature) and family.source is not None:
            raise ValueError(f"{family.name!r} is the name of a family that comes with us: choose another name")
        hand_over(engine for engine in family.engines if engine.name not in ENGINES)
        _check_installed(family)
        if task.signature.weighted and not family.weighs_rows:
            raise ValueError(
                f"family {family.name!r} counts all rows alike: leave it out, or leave sample_weight out of the task"
            )
        if complaint := family.unfit(task.signature):
            names = [name for name in fitting(task.signature) if name != BASELINE]
            raise ValueError(f"family {family.name!r} does not fit: {complaint}. These fit: {', '.join(names)}")
        chosen[family.name] = (family, changes)
    if len(chosen) == 1 and task.target.kind == ITSELF:
        why = [f"{name}: {FAMILIES[name].unfit(task.signature)}" for name in UNSUPERVISED]
        raise ValueError(f"no family fits these rows without a target. {'; '.join(why)}")
    if len(chosen) == 1:
        raise ValueError(f"families needs at least one beside the baseline: {', '.join(FAMILIES)}")
    return chosen


def _check_families(families: Any) -> None:
    """Refuse what is no list of names and families.

    Raises:
        ValueError: It is none; the message says what makes a family of a builder.
    """
    for one in families if isinstance(families, list | tuple) else [families]:
        _check_family(one)
    if not isinstance(families, Sequence | Mapping | None):
        raise ValueError(f"families must be a list such as ['dense', 'xgboost'], got {families!r}")


def _check_family(one: Any) -> None:
    """Refuse a builder, which is no family yet."""
    if callable(getattr(one, "build", one)) and not isinstance(one, Family):
        name = getattr(one, "__name__", type(one).__name__)
        raise ValueError(
            f"families must be names or families, got the builder {name}: tuner.keras_tuner_family({name}, "
            f"name='mine') makes a family of build(hp), tuner.family({name}, space, name='mine') of build(config, "
            "signature)"
        )


def _check_installed(family: Family) -> None:
    try:
        check_installed(family.engines)
    except EngineError as error:
        raise EngineError(f"family {family.name!r}: {error}") from error


def _with_callbacks(families: dict[str, Family], callbacks: Sequence[Any]) -> dict[str, Family]:
    """Return families whose networks call what the user wants."""
    if not callbacks:
        return families
    networks = [name for name, family in families.items() if KERAS in family.engines]
    if not networks:
        raise ValueError(f"callbacks are for networks, and {', '.join(families)} have none: leave callbacks out")
    at("spaces.engines.keras.callbacks:check")(callbacks)
    return families | {name: replace(families[name], callbacks=tuple(callbacks)) for name in networks}


def _space(family: Family, task: Task, changes: Mapping[str, Any]) -> Space:
    try:
        space = family.narrowed(task.signature, changes)
        lacking = family.lacking(space, task.signature)
    except ValueError as error:
        raise ValueError(f"family {family.name!r}: {error}") from error
    if lacking:
        raise ValueError(f"family {family.name!r} {lacking}")
    return space


def _workers(workers: int | None) -> int:
    if workers is None:
        return 0 if sys.platform == "win32" else min(cores(), 8)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
        raise ValueError(f'workers must be a whole number of at least 0, or "ray", got {workers!r}')
    if workers and sys.platform == "win32":
        raise ValueError("worker processes need Linux or macOS: use workers=0 here")
    return workers


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    return seed


def _one_of(name: str, given: Any, known: Sequence[str]) -> Any:
    if given not in known:
        raise ValueError(f"{name}: {unknown_name(str(given), list(known))}")
    return given


def _weights(weights: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    for name, weight in (weights or {}).items():
        if name not in names:
            raise ValueError(f"weights: there is no family {name!r} in this study; there are {', '.join(names)}")
        if not weight > 0:
            raise ValueError(f"weights: {name} must be above zero, got {weight!r}")
    return {name: float((weights or {}).get(name, 1.0)) for name in names}
