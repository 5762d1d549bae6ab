"""What a trial is asked to do, and how it ended."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from spaces.machine.disk import write_text
from spaces.machine.torn import read_record

State = Literal["complete", "pruned", "failed", "running"]

_RESULT, _HERE = "result.json", "in_driver"
_GRACE_SECONDS, _GRACE = 30.0, 0.5  # long: some estimators cannot stop, and what they learned counts


@dataclass(frozen=True)
class HowLong:
    """For how long a configuration trains on all rows, where nothing is held out to stop it.

    Attributes:
        steps: Epochs or rounds, one a target's model; empty where the folds had none.
        most: Epochs, rounds or trees after which the clock stopped the median fold; None where it did not.
    """

    steps: tuple[int, ...] = ()
    most: int | None = None


@dataclass(frozen=True)
class Job:
    """What a worker needs to run a trial, or to train its configuration once more on all rows.

    After so many seconds training stops and keeps the best so far. Where an earlier run was `stopped`, each fold trains
    for as many epochs, rounds or trees as there.

    Attributes:
        seconds: After these training stops.
        left: Seconds until the study ends.
        late: How many seconds later it is killed, as it hangs.
        needed: Whether the study has no other trial yet: it is never given up between its folds.
        on_all_rows: For how long it trains on all rows; None for a trial.
    """

    family: str
    number: int
    attempt: int
    config: dict[str, Any]
    seed: int
    folder: str
    seconds: float = math.inf
    stopped: tuple[int | None, ...] = ()
    left: float = math.inf
    late: float = math.inf
    needed: bool = False
    on_all_rows: HowLong | None = None

    @property
    def patience(self) -> float:
        """The seconds after which it hangs, and is killed."""
        return self.seconds + min(self.late, max(_GRACE_SECONDS, _GRACE * self.seconds))

    @property
    def name(self) -> str:
        """The trial's name, `family-000017`."""
        return trial_name(self.family, self.number)


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: `"complete"`, `"pruned"` or `"failed"`.
        value: The mean of the deciding metric over the folds that it can score, for complete trials.
        fold_values: The deciding metric on each fold's held-out rows; None where it is undefined.
        scores: Every metric, `{"held_out": {...}, "train": {...}}`, means over folds.
        seconds: How long it trained.
        started: When, in seconds since 1970.
        attempt: Which attempt this was.
        error: Why it failed, or which step pruned it.
        reason: The failure in one word: error, nan, memory, time, died; or disk, which is not the trial's.
        gain: By which share of itself it lowered the loss of the ensemble of all trials before it; the driver's word.
        stopped: After how many epochs, rounds or trees the clock stopped each fold; None where it ended by itself.
        inner_values: The deciding metric on the inner rows of each fold but the last, where these are watched.
        reports: What was reported to the pruner, step and value; only in the sealed result, as the ledger has it.
        memory: Bytes that the process which trained it held at most; 0 where that is not known.
        duplicate_of: The number of the trial of the same parameters, which was not run again.
    """

    state: State
    value: float | None = None
    fold_values: tuple[float | None, ...] = ()
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    started: float = 0.0
    attempt: int = 1
    error: str | None = None
    reason: str | None = None
    gain: float = 0.0
    stopped: tuple[int | None, ...] = ()
    inner_values: tuple[float, ...] = ()
    reports: tuple[tuple[int, float], ...] = ()
    memory: int = 0
    duplicate_of: int | None = None

    @property
    def scored(self) -> list[float]:
        """The values of the folds that the deciding metric can score."""
        return [value for value in self.fold_values if value is not None]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Outcome:
        """Rebuild what `to_json` returned."""
        rows = {name: tuple(data.get(name, ())) for name in ("fold_values", "stopped", "inner_values")}
        reports = tuple((step, value) for step, value in data.get("reports", ()))
        return Outcome(**{**data, **rows, "reports": reports})


def trial_name(family: str, number: int) -> str:
    """Return a trial's name.

    >>> trial_name("dense", 17)
    'dense-000017'
    """
    return f"{family}-{number:06d}"


def killed(job: Job) -> Outcome:
    """Return the outcome of a trial that was killed just now, as it did not stop when its time was over."""
    return Outcome(
        "failed",
        error=f"killed {job.patience:.0f} seconds after it began: it was to stop after {job.seconds:.0f}",
        reason="time",
        seconds=job.patience,
        started=time.time() - job.patience,
        attempt=job.attempt,
    )


def seal(folder: Path, outcome: Outcome) -> None:
    """Write the result by renaming, so that it is either whole or not there."""
    write_text(folder / _RESULT, json.dumps(outcome.to_json()))


def attempts(trial: Path) -> list[int]:
    """List the numbers of the attempts at a trial, ascending; a copy that somebody put beside one is none.

    Args:
        trial: The folder of a trial.
    """
    return sorted(int(path.name) for path in trial.glob("[0-9]*") if path.name.isdecimal())


def overtaken(folder: Path) -> bool:
    """Return whether a later attempt was begun, as this one was lost from sight: on a node that others cannot reach."""
    return folder.name.isdecimal() and max(attempts(folder.parent), default=0) > int(folder.name)


def begin_here(folder: Path) -> None:
    """Note that an attempt runs in the driver's own process: where that ends, the trial may be why."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _HERE).write_text(str(_folds_done(folder.parent)))


def not_its_fault(folder: Path) -> None:
    """Take back that an attempt runs in the driver's own process."""
    (folder / _HERE).unlink(missing_ok=True)


def forget_end(trial: Path) -> None:
    """Forget how the attempts at a trial ended, so that the next launch begins another one.

    Args:
        trial: The folder of a trial.
    """
    for path in [*trial.glob(f"*/{_RESULT}"), *trial.glob(f"*/{_HERE}")]:
        path.unlink()


def ended_here(trial: Path) -> int:
    """Return in how many attempts at the fold that is next the driver's own process ended.

    Args:
        trial: The folder of a trial.
    """
    done = str(_folds_done(trial))
    notes = [path for path in trial.glob(f"*/{_HERE}") if not (path.parent / _RESULT).exists()]
    return sum(path.read_text() == done for path in notes)


def _folds_done(trial: Path) -> int:
    """Return how many folds are sealed; an attempt takes over those of the attempts before it."""
    return len([*trial.glob("*/sealed-*.npz")])


def sealed(folder: Path) -> Outcome | None:
    """Return the sealed result of an attempt's folder, or None when the attempt did not finish."""
    try:
        return Outcome.from_json(read_record(folder / _RESULT, {"state": str}))
    except (FileNotFoundError, TypeError, ValueError):  # not there, or torn by a loss of power
        return None
