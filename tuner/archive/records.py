"""Trials in a ledger, and how they are judged: of a study, and of a search over anybody's own function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.search.ledger import Ledger, Trial

STOP_REQUEST = "stop"  # a file in the study's folder


@dataclass(frozen=True, eq=False, repr=False)
class Records(ABC):
    """Trials in a ledger.

    Attributes:
        folder: Where everything lies.
        ledger: The ledger.
        families: Names of the families, the baseline first.
    """

    folder: Path
    ledger: Ledger
    families: tuple[str, ...]

    @property
    @abstractmethod
    def metric(self) -> str:
        """What a trial's value is called."""

    @property
    @abstractmethod
    def sign(self) -> int:
        """1 where less is better, else -1."""

    @abstractmethod
    def curves(self, trial: Trial) -> list[Any]:
        """Return a trial's curves, one mapping a fold."""

    def brief(self) -> str:
        """Say in a few lines how the study stands: families, trials by state, the best one, and where it is."""
        trials, best = self.trials, self.best
        states = Counter(trial.state for trial in trials)
        counts = ", ".join(f"{n:,} {state}" for state, n in states.most_common())
        found = "none yet" if best is None else f"{best.name}, {self.metric} {best.value:.5g}"
        lines = [
            f"Study {self.name}",
            f"  families {', '.join(self.families)}",
            f"  trials   {len(trials):,}" + (f": {counts}" if counts else ""),
            f"  best     {found}",
            f"  folder   {self.folder}",
        ]
        return "\n".join(lines)

    @property
    def name(self) -> str:
        """The study's name: that of its folder."""
        return self.folder.name

    @property
    def trials(self) -> list[Trial]:
        """Every trial, in the order in which they ended; those that run come last."""
        return sorted((trial for family in self.families for trial in self.ledger.trials(family)), key=_ended)

    @property
    def complete(self) -> list[Trial]:
        """The trials that were really run and succeeded, best first."""
        done = [trial for trial in self.trials if trial.value is not None and not trial.duplicate]
        return sorted(done, key=lambda trial: self.sign * (trial.value or 0.0))

    @property
    def best(self) -> Trial | None:
        """The best trial by cross-validated score, the baseline included and of equals the earliest, or None."""
        trials = (trial for family in self.families for trial in self.ledger.trials(family))
        done = [(self.sign * trial.value, trial) for trial in trials if trial.value is not None and not trial.duplicate]
        least = min((value for value, _ in done), default=0.0)
        return min((trial for value, trial in done if value == least), key=_ended, default=None)

    def stop(self) -> None:
        """Ask the process that runs the study to end it, once its running trials are finished.

        Where a function that `tuner.tune` calls after a trial asks for it, `tune` returns as when its budget is used
        up. From elsewhere it is what `tuner stop` does. The same call continues the study.
        """
        (self.folder / STOP_REQUEST).touch()

    @property
    def best_of_each_family(self) -> list[Trial]:
        """The best trial of each family, best first, the baseline included."""
        best: dict[str, Trial] = {}
        for trial in self.complete:
            best.setdefault(trial.family, trial)
        return list(best.values())


def _ended(trial: Trial) -> tuple[bool, float]:
    outcome = trial.outcome
    return (outcome is None, outcome.started + outcome.seconds if outcome else 0.0)
