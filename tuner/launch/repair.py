"""A ledger that is damaged, gone or behind is told anew, of what the files of the trials say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spaces.families.catalog import BASELINE
from spaces.inputs.kinds import hand_over
from spaces.language.space import from_json
from spaces.machine.mistakes import briefly
from tuner.archive.asked import Asked, asked_of, numbers
from tuner.archive.study_folder import read_study_file
from tuner.ensembling.blend import Blend
from tuner.launch.tune import locked
from tuner.scoring.score import Metric
from tuner.search.early_end import as_told
from tuner.search.ledger import Turn
from tuner.search.ledger_file import begin_anew, is_whole
from tuner.search.stores import writing
from tuner.search.told_anew import Retold, append
from tuner.study import Study, open_study, store_of
from tuner.task.task import Task
from tuner.trials.outcome import Outcome, attempts, sealed, trial_name

_NOT_KNOWN = "its result was not sealed, and what was asked of it is not known any more"


@dataclass
class Repaired:
    """What became of a ledger.

    Attributes:
        told: Names of the trials whose results were told anew.
        again: Names of those that were asked and had not ended; the next launch runs them.
        unknown: Names of those of which no file says what was asked; samplers do not know them.
        aside: Where the damaged file lies now.
    """

    told: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    aside: Path | None = None


@briefly
def repair(folder: str | Path, *, metrics: Sequence[Metric] = (), kinds: Sequence[str] = ()) -> Repaired:
    """Tell the trials of a study that its ledger does not hold anew, of what their files say.

    A damaged file is put aside, and a new ledger begun. What a ledger holds that can be read stays as it is. Notes of
    samplers and pruners are in no file: samplers go on from the trials alone.

    Args:
        folder: The study's folder.
        metrics: The user's own metrics, if it used any.
        kinds: The user's own kinds of input, `"module:NAME"` each.

    Raises:
        StudyError: The folder holds no study, or another process runs it.
        LedgerError: The database cannot be used, or another program holds the file.
    """
    folder = Path(folder).absolute()
    read_study_file(folder)
    hand_over(kinds)
    task = Task.open(folder / "data", metrics)
    with locked(folder):
        stored = read_study_file(folder)
        with writing(store := store_of(folder, stored)):
            done = Repaired()
            if isinstance(store, Path) and not is_whole(store):
                done.aside = begin_anew(store)
            study = open_study(folder, task, stored, began=True)
            for family, trials in _retold(study, done).items():
                about = stored["families"][family]
                pages = len(about.get("changes", ()))
                append(store, family, trials, space=from_json(about["space"]), pages=pages)
    return done


@dataclass(frozen=True)
class _Files:
    """What the files of a trial say."""

    family: str
    number: int
    asked: Asked | None
    sealed: Outcome | None
    attempt: Path

    @property
    def name(self) -> str:
        return trial_name(self.family, self.number)


def _retold(study: Study, done: Repaired) -> dict[str, list[Retold]]:
    """Return the trials that the ledger lacks, by family, and note what becomes of them."""
    lacking = [one for family in study.families for one in _lacking(study, family)]
    outcomes = _outcomes(study, lacking)
    found: dict[str, list[Retold]] = {}
    for one in lacking:
        outcome = outcomes.get(one.name)
        if one.asked is None and study.space(one.family):
            done.unknown.append(one.name)
            outcome = outcome or Outcome("failed", error=_NOT_KNOWN, reason="died")
        (done.again if outcome is None else done.told).append(one.name)
        found.setdefault(one.family, []).append(_told(one, outcome))
    return found


def _lacking(study: Study, family: str) -> Iterator[_Files]:
    """Yield what the files say of a family's trials behind those that the ledger holds."""
    held = len(study.ledger.trials(family))
    for number in range(held, 1 + max(numbers(study.folder, family), default=-1)):
        folder = study.folder / "trials" / trial_name(family, number)
        attempt = folder / str(max(attempts(folder), default=0))
        yield _Files(family, number, asked_of(study.folder, family, number), sealed(attempt), attempt)


def _outcomes(study: Study, lacking: Sequence[_Files]) -> dict[str, Outcome]:
    """Return how trials ended, as the driver told it: in the order in which they ended, and duplicates last."""
    sign, blend = study.task.score.sign, Blend(study.task)
    known = {trial.name: trial.outcome for trial in study.trials if trial.outcome}
    for trial in reversed(study.complete):
        blend.add(study.attempt_folder(trial))
    ended = sorted(((one.sealed, one) for one in lacking if one.sealed), key=lambda pair: _end(pair[0]))
    for outcome, one in ended:
        baseline = known.get(trial_name(BASELINE, 0))
        told = as_told(outcome, baseline.value if baseline else None, sign=sign)
        gain = blend.add(one.attempt) if told.state == "complete" else 0.0
        known[one.name] = replace(told, gain=gain, reports=outcome.reports)
    for one in lacking:
        if one.asked and (same := one.asked.duplicate_of) is not None and one.name not in known:
            known |= _as_duplicate(one, same, known)
    return known


def _as_duplicate(one: _Files, same: int, known: Mapping[str, Outcome]) -> dict[str, Outcome]:
    of = known.get(trial_name(one.family, same))
    return {} if of is None else {one.name: replace(of, duplicate_of=same, seconds=0.0, gain=0.0, reports=())}


def _end(outcome: Outcome) -> float:
    return outcome.started + outcome.seconds


def _told(one: _Files, outcome: Outcome | None) -> Retold:
    asked: Any = one.asked
    if asked is None:
        return Retold({}, {}, Turn(-1, "not known any more"), outcome)
    return Retold(asked.config, asked.params, asked.turn, outcome)
