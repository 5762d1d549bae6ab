"""What a person sees while a study runs: a line for each trial, and a bar at the bottom of a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tuner.search.ledger import Trial


class Display:
    """Prints to standard error; silent when told so.

    Args:
        total: The number of trials of the budget, or None when only time limits it.
        metric: The name of the deciding metric.
        silent: Print nothing.
    """

    def __init__(self, total: int | None, metric: str, *, silent: bool) -> None:
        self._console = Console(stderr=True, quiet=silent, highlight=False)
        self._metric, self._total = metric, total
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=silent or not self._console.is_terminal,
        )
        self._task: Any = None

    def start(self, done: int) -> None:
        """Show the bar."""
        self._bar.start()
        self._task = self._bar.add_task("starting workers", total=self._total, completed=done)

    def running(self, names: list[str]) -> None:
        """Say what runs now."""
        self._bar.update(self._task, description=" ".join(names) or "waiting")

    def told(self, trial: Trial, done: int, best: Trial | None) -> None:
        """Print the line of a finished trial."""
        outcome = trial.outcome
        assert outcome is not None
        count = f"{done}/{self._total}" if self._total else str(done)
        if outcome.duplicate_of is not None:
            what = f"[dim]the same as number {outcome.duplicate_of}, not run again"
        elif trial.state == "complete":
            is_best = best is not None and best.name == trial.name
            what = f"{self._metric} {outcome.value:.5g}{' [green]best so far' if is_best else ''}"
        elif trial.state == "pruned":
            what = f"[dim]{outcome.error}"
        else:
            what = f"[red]failed ({outcome.reason})[/]: {outcome.error}"
        self._console.print(f"[dim]{count:>9}[/]  {trial.name:<22} {outcome.seconds:7.1f} s  {what}", soft_wrap=True)
        self._bar.update(self._task, completed=done)

    def say(self, message: str) -> None:
        """Print a message."""
        self._console.print(message, soft_wrap=True, markup=False)

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()
