"""With which points a study begins: the user's, the best of an earlier study, the defaults, published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna

from spaces.families.catalog import BASELINE
from spaces.families.family import Family
from spaces.families.starts import starting_points
from spaces.language.complaints import unknown_name
from spaces.language.points import point
from spaces.language.space import Params, Space, configure
from tuner.archive.study_folder import Archive
from tuner.scoring.metrics import own_metrics
from tuner.search.samplers import OWN_BEGINNING
from tuner.study import load_study
from tuner.task.task import Task

_BEST = 5


def begin_with(
    spaces: Mapping[str, Space],
    families: Mapping[str, Family],
    *,
    start: Sequence[Mapping[str, Any]] | None,
    like: Mapping[str, Sequence[Params]],
    sampler: Any,
) -> dict[str, list[Params]]:
    """Return the points with which each family begins, in order, each of them once.

    Args:
        spaces: The spaces of the study.
        families: Its families.
        start: The user's points (see `tuner.tune`).
        like: The points of an earlier study, by family.
        sampler: The sampler; one that has a beginning of its own gets the defaults only.

    Raises:
        ValueError: A point of the user is none of its family's space, or the sampler takes no points.
    """
    own_beginning = isinstance(sampler, str) and sampler in OWN_BEGINNING
    if own_beginning and (start or like):
        raise ValueError(f"sampler {sampler!r} begins with points of its own: leave out start and like")
    given = _given(spaces, start or ())
    found = {}
    for name, space in spaces.items():
        known = starting_points(space, () if own_beginning else families[name].starts)
        points = [*given.get(name, ()), *like.get(name, ()), *known]
        found[name] = [one for i, one in enumerate(points) if one not in points[:i]]
    return found


def best_of(
    like: str | Path | Archive | optuna.Study | None, spaces: Mapping[str, Space], task: Task
) -> tuple[dict[str, Any], str]:
    """Return the best points of an earlier study that are points of these spaces too, by family, and how many they are.

    Args:
        like: The study or its folder, or a study of Optuna's.
        spaces: The spaces of the study that begins.
        task: Its task, for metrics of the user's own.

    Raises:
        StudyError: There is no such study.
    """
    if like is None:
        return {}, ""
    if isinstance(like, optuna.Study):
        return _best_of_optuna(like, spaces)
    other = like if isinstance(like, Archive) else load_study(like, metrics=own_metrics(task.scores))
    found: dict[str, list[Params]] = {}
    tried = 0
    for name in other.families:
        best = [trial for trial in other.complete if trial.family == name != BASELINE][:_BEST]
        tried += len(best)
        points = [trial.params for trial in best if name in spaces and _is_point(spaces[name], trial.params)]
        found |= {name: points} if points else {}
    kept = sum(map(len, found.values()))
    return (
        found,
        f"{kept} of the {tried} best trials of {other.name} are points of this study's spaces: it begins with them",
    )


def _best_of_optuna(other: optuna.Study, spaces: Mapping[str, Space]) -> tuple[dict[str, Any], str]:
    """Return the best points of a study of Optuna's; what its trials do not say has its default.

    Their parameters are called as those of a family, or `family.name` where `family` is one of them too.
    """
    done = [trial for trial in other.get_trials(deepcopy=False) if trial.state == optuna.trial.TrialState.COMPLETE]
    sign = -1.0 if other.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
    ranked = sorted(done, key=lambda trial: sign * (trial.value or 0.0))
    found: dict[str, list[Params]] = {}
    for name, space in spaces.items():
        points = [one for trial in ranked if name != BASELINE and (one := _in_space(name, space, trial.params))]
        found |= {name: points[:_BEST]} if points else {}
    kept = sum(map(len, found.values()))
    return found, f"{kept} of the {len(done)} trials of Optuna's study {other.study_name} are points to begin with"


def _in_space(family: str, space: Space, params: Params) -> Params | None:
    """Return an Optuna trial's parameters as a point of a family's space; nothing where they are no point of it."""
    if params.get("family", family) != family:
        return None
    try:
        return point(
            space, {name.removeprefix(f"{family}."): value for name, value in params.items() if name != "family"}
        )
    except ValueError:
        return None


def _is_point(space: Space, params: Params) -> bool:
    try:
        configure(space, params)
    except ValueError:
        return False
    return True


def _given(spaces: Mapping[str, Space], start: Sequence[Mapping[str, Any]]) -> dict[str, list[Params]]:
    """Return the user's points by family, checked."""
    if isinstance(start, Mapping | str) or not all(isinstance(one, Mapping) for one in start):
        raise ValueError(
            f"start must be a list of points, such as [{{'family': 'xgboost', 'max_depth': 4}}], got {start!r}"
        )
    known = [name for name in spaces if name != BASELINE]
    found: dict[str, list[Params]] = {}
    for i, one in enumerate(start):
        for name, said in _by_family(one).items():
            if name not in known:
                raise ValueError(f"start {i + 1}: family: {unknown_name(str(name), known)}")
            if not isinstance(said, Mapping):
                raise ValueError(f"start {i + 1}: {name} must be a mapping of parameters, got {said!r}")
            try:
                found.setdefault(name, []).append(point(spaces[name], said))
            except ValueError as error:
                raise ValueError(f"start {i + 1} of {name}: {error}") from error
    return found


def _by_family(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a point under the name of its family, in whichever of the two forms it was given."""
    if "family" not in one:
        return one
    return {one["family"]: {name: value for name, value in one.items() if name != "family"}}
