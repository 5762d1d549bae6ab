"""Two studies of one task, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spaces.language.leaves import Choice
from spaces.language.space import dotted, from_json
from tuner.archive.findings import read_findings
from tuner.archive.study_folder import Archive, StudyError, read_study_file
from tuner.ensembling.pool import read_held_out, too_few

_RANKS, _RANK = 10, "rank"


@dataclass(frozen=True, eq=False)
class SideBySide:
    """What two studies of one task have in common and what not.

    Attributes:
        standing: Rows best score, ensemble, trials, failed trials and seconds; a column for each study.
        leaderboard: The ten best of each, a row a rank.
        families: The best score and the seconds of each family in each study; empty cells where a study has it not.
        spaces: Where the spaces of families that both have differ, a sentence each.
        gain: By how much the best trial of the first study is better, and the standard error of that, paired over the
            rows; None where they predicted other rows. The standard error of fewer than ten rows or five groups is NaN.
    """

    standing: pd.DataFrame
    leaderboard: pd.DataFrame
    families: pd.DataFrame
    spaces: tuple[str, ...]
    gain: tuple[float, float] | None


def side_by_side(first: Archive, second: Archive) -> SideBySide:
    """Compare two studies.

    Raises:
        StudyError: They are no studies of one task; the message says what differs.
    """
    if unlike := list(_unlike(first, second)):
        raise StudyError(
            f"{first.folder} and {second.folder} are no studies of one task, so their scores do not compare: "
            f"{'; '.join(unlike)}"
        )
    both = (first, second)
    names = _names(both)
    return SideBySide(
        pd.DataFrame(
            {"": list(_standing(first)), **dict(zip(names, (_standing(one).values() for one in both), strict=True))}
        ),
        _leaderboard(both, names),
        _families(both, names),
        tuple(_spaces(both, names)),
        _gain(first, second),
    )


def _names(both: Sequence[Archive]) -> list[str]:
    """Return how the studies are called: by their folder, with those above it while names are equal, or a column's."""
    each = [one.folder.resolve().parts for one in both]
    names = [one.name for one in both]
    for count in range(2, max(map(len, each)) + 1):
        if names[0] != names[1] and _RANK not in names:
            break
        names = ["/".join(parts[-count:]) for parts in each]
    return names


def _unlike(first: Archive, second: Archive) -> Iterator[str]:
    one, other = (json.loads(json.dumps(study.task.describe())) for study in (first, second))
    told = [name for name in ("target", "metric", "split", "seed") if one[name] != other[name]]
    for name in told:
        yield f"the {name} is {one[name]!r} and {other[name]!r}"
    if one["digest"] != other["digest"] and not told:
        rows = [f"{task['rows']} + {task['test_rows']}" for task in (one, other)]
        yield f"the data differ ({rows[0]} and {rows[1]} rows; digests {one['digest']} and {other['digest']})"


def _standing(study: Archive) -> dict[str, Any]:
    found, best = read_findings(study.folder), study.best
    ran = [trial for trial in study.trials if not trial.duplicate and trial.outcome]
    ensemble = found["scores"]["ensemble"]["cross_fitted"] if found else None
    return {
        "best trial": best.name if best else None,
        f"its {study.task.score.name}": best.value if best else None,
        "ensemble": f"{found['method']} of {len(found['members'])}" if found else "none yet",
        f"its {study.task.score.name}, cross-fitted": ensemble,
        "trials": len(ran),
        "failed": sum(trial.state == "failed" for trial in ran),
        "seconds of training": sum(trial.outcome.seconds for trial in ran if trial.outcome),
    }


def _leaderboard(both: Sequence[Archive], names: Sequence[str]) -> pd.DataFrame:
    shown: dict[str, pd.Series[Any]] = {}
    for study, name in zip(both, names, strict=True):
        best = study.complete[:_RANKS]
        shown[name] = pd.Series([trial.name for trial in best], dtype=object)
        shown[f"{study.task.score.name} of {name}"] = pd.Series([trial.value for trial in best], dtype=float)
    table = pd.DataFrame(shown)
    table.insert(0, _RANK, range(1, len(table) + 1))
    return table


def _families(both: Sequence[Archive], names: Sequence[str]) -> pd.DataFrame:
    metric = both[0].task.score.name
    table = pd.DataFrame({"family": list(dict.fromkeys(family for one in both for family in one.families))})
    for study, name in zip(both, names, strict=True):
        best = {trial.family: trial.value for trial in study.best_of_each_family}
        table[f"{metric} of {name}"] = [best.get(family) for family in table["family"]]
    for study, name in zip(both, names, strict=True):
        seconds = {
            family: sum(trial.outcome.seconds for trial in study.ledger.trials(family) if trial.outcome)
            for family in study.families
        }
        table[f"seconds of {name}"] = [seconds.get(family) for family in table["family"]]
    return table


def _spaces(both: Sequence[Archive], names: Sequence[str]) -> Iterator[str]:
    stored = [read_study_file(study.folder)["families"] for study in both]
    for family in stored[0]:
        if family not in stored[1] or stored[0][family]["digest"] == stored[1][family]["digest"]:
            continue
        one, other = (dict(_parameters(from_json(families[family]["space"]))) for families in stored)
        for parameter in dict.fromkeys([*one, *other]):
            if one.get(parameter) != other.get(parameter):
                each = [f"{of[parameter]!r}" if parameter in of else "not there" for of in (one, other)]
                yield f"{family}: {parameter} is {each[0]} in {names[0]}, {each[1]} in {names[1]}"


def _parameters(space: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield leaves and constants by dotted name; a choice among sub-spaces counts by its options, and these each."""
    if isinstance(space, Choice) and space.conditional:
        yield name, list(space.options)
    children = space.options if isinstance(space, Choice) and space.conditional else space
    if not isinstance(children, Mapping):
        yield name, space
        return
    for key, child in children.items():
        yield from _parameters(child, dotted(name, key))


def _gain(first: Archive, second: Archive) -> tuple[float, float] | None:
    """Return by how much the best trial of the first is better, over the same folds as a trial's own score."""
    if first.best is None or second.best is None:
        return None
    one, other = (read_held_out(study, [study.best]) for study in (first, second) if study.best)
    if not np.array_equal(one.folds, other.folds) or not np.array_equal(one.target, other.target):
        return None
    everything = np.arange(len(one.target))
    gain, error = one.difference(everything, other.predictions[0], one.predictions[0], score=one.by_trial)
    return gain, float("nan") if too_few(len(one.target), one.groups) else error
