"""What was asked of each trial, in a file beside its result: from these a ledger that is lost is told anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from spaces.language.space import Config, Params
from spaces.machine.disk import write_text
from spaces.machine.torn import read_record
from tuner.search.ledger import Trial, Turn
from tuner.trials.outcome import trial_name


@dataclass(frozen=True)
class Asked:
    """What was asked of a trial.

    Attributes:
        family: Its family.
        number: Its number within the family.
        config: Its configuration, nested as its space was then.
        params: The same, flat.
        seed: The seed of its weights, shuffling and subsampling.
        turn: The turn in which it was asked.
        duplicate_of: The number of the trial of the same parameters, whose result it has; it was not run.
    """

    family: str
    number: int
    config: Config
    params: Params
    seed: int
    turn: Turn
    duplicate_of: int | None = None


def keep_asked(study: Path, trial: Trial, config: Config, *, seed: int, same: int | None) -> None:
    """Write what is asked of a trial, unless it is there.

    Args:
        study: The study's folder.
        trial: The trial.
        config: Its configuration.
        seed: The seed of its training.
        same: The number of the trial of the same parameters, whose result it gets; None where it is run.
    """
    asked = Asked(trial.family, trial.number, config, trial.params, seed, trial.turn, same)
    if not is_kept(study, trial):
        write_text(_file(study, trial.name), json.dumps(asdict(asked), indent=1))


def is_kept(study: Path, trial: Trial) -> bool:
    """Return whether a file says what was asked of a trial."""
    return _file(study, trial.name).exists()


def asked_of(study: Path, family: str, number: int) -> Asked | None:
    """Return what was asked of a trial; None where no file says it, or a damaged one."""
    try:
        said = read_record(_file(study, trial_name(family, number)), {"turn": list, "config": dict, "params": dict})
        return Asked(**{**said, "turn": Turn(*said["turn"])})
    except (OSError, ValueError, TypeError):
        return None


def numbers(study: Path, family: str) -> Iterator[int]:
    """Yield the numbers of a family's trials that have a folder."""
    for path in (study / "trials").glob("*-*"):
        name, _, number = path.name.rpartition("-")
        if name == family and number.isdigit():
            yield int(number)


def _file(study: Path, name: str) -> Path:
    return study / "trials" / name / "asked.json"
