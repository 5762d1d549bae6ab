"""What MLflow shows of a search over somebody's own function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.archive.optimization import Optimization
from tuner.search.ledger import Trial
from tuner.trials.trial import TRACEBACK

_COLUMNS = 6


class ObjectivePage:
    """A search as the tracker sees it (see `tuner.tracking.shown.Tracked`).

    Args:
        found: The search.
        stored: What is stored of it.
        constants: Arguments of the call.
    """

    dataset = None
    curve_names = ()

    def __init__(self, found: Optimization, stored: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
        self._found, self.folder = found, Path(found.folder)
        self.name, self.id = found.name, str(stored["id"])
        self.metric, self.sign = found.metric, found.sign
        self.params = {"direction": found.direction, **constants}
        self.artifacts = str(found.folder.resolve().parent / "mlartifacts")

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """Seconds; the parameters that most trials have."""
        counts = Counter(name for trial in self._found.trials for name in trial.params)
        return ["seconds"], [name for name, _ in counts.most_common(_COLUMNS)]

    def note(self, pages: Mapping[str, str]) -> str:
        """Say how the search stands."""
        best = self._found.best
        first = "no trial yet" if best is None else f"best {self.metric} {best.value:.5g} by {best.name}"
        return f"{first}\n\n```\n{self._found.brief()}\n```"

    def finished(self) -> list[Trial]:
        """Return all finished trials in the order in which they ended."""
        return [trial for trial in self._found.trials if trial.outcome is not None]

    def curves(self, trial: Trial) -> list[Any]:
        """Return nothing."""
        return []

    def use(self, trial: Trial) -> str:
        """Return nothing: an objective leaves no model."""
        return ""

    def traceback(self, trial: Trial) -> str:
        """Return where the objective raised; nothing of a trial where it did not."""
        path = self.folder / "trials" / trial.name / TRACEBACK
        return path.read_text() if path.exists() else ""

    def files(self) -> dict[str, str]:
        """Return the leaderboard."""
        board: str = self._found.leaderboard().to_csv(index=False)
        return {"leaderboard.csv": board}
