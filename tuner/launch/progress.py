"""What a person sees while a study runs: a line for each trial, and a bar at the bottom of a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tuner.search.ledger import Trial


class _Console(Console):
    """A console that is silent once nobody reads it; rich ends the process."""

    def on_broken_pipe(self) -> None:
        """Be silent from now on."""
        self.quiet = True


class Display:
    """Prints to standard error; silent when told so.

    Args:
        total: The number of trials of the budget, or None when only time limits it.
        metric: The name of the deciding metric.
        silent: Print nothing.
    """

    def __init__(self, total: int | None, metric: str, *, silent: bool) -> None:
        self._console = _Console(stderr=True, quiet=silent, highlight=False)
        self._metric, self._total = metric, total
        self._bar = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
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
        head = Text.assemble((f"{count:>9}", "dim"), f"  {trial.name:<22} {outcome.seconds:7.1f} s  ")
        self._print(head + self._what(trial, best is not None and best.name == trial.name))
        self._bar.update(self._task, completed=done)

    def _what(self, trial: Trial, is_best: bool) -> Text:
        """Say what became of a trial; what it says itself is text, whatever brackets stand in it."""
        outcome = trial.outcome
        assert outcome is not None
        if outcome.duplicate_of is not None:
            return Text(f"the same as number {outcome.duplicate_of}, not run again", "dim")
        if trial.state == "complete":
            value = f"{self._metric} {outcome.value:.5g}"
            return Text.assemble(value, (" best so far", "green")) if is_best else Text(value)
        if trial.state == "pruned":
            return Text(str(outcome.error), "dim")
        return Text.assemble((f"failed ({outcome.reason})", "red"), f": {outcome.error}")

    def say(self, message: str) -> None:
        """Print a message."""
        self._print(Text(message))

    def _print(self, text: Text) -> None:
        """Print a line; where nobody can read it any more, be silent from then on."""
        try:
            self._console.print(text, soft_wrap=True)
        except OSError:  # a full disk
            self._console.quiet = True

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()
