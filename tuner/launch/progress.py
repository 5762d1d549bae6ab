"""What a person sees while a study runs: a line for each trial, and a bar at the bottom of a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from tuner.launch.box import Box, in_kernel
from tuner.launch.driver_log import DriverLog
from tuner.search.ledger import Trial
from tuner.trials.outcome import trial_name


class _Console(Console):
    """A console that is silent once nobody reads it; rich ends the process."""

    def on_broken_pipe(self) -> None:
        """Be silent from now on."""
        self.quiet = True


class Standing(NamedTuple):
    """How a study stands.

    Attributes:
        running: Names of the trials that run.
        finished: The trials that ended, without the baseline and duplicates, as the budget counts them.
        best: The best of them.
        left: Seconds until the budget of time is used up; infinite without one.
    """

    running: Sequence[str]
    finished: Sequence[Trial]
    best: Trial | None
    left: float


class _Bar(Progress):
    """A bar with lines below it: what runs, and how the study stands."""

    lines: Sequence[str] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar and the lines; where one is too long, its end is left out."""
        yield self.make_tasks_table(self.tasks)
        for line in self.lines:
            yield Text(line, "dim", no_wrap=True, overflow="ellipsis")


class _Count(ProgressColumn):
    """How many trials ended, of how many; where only time limits them, nobody knows of how many."""

    def render(self, task: Task) -> Text:
        """Return `3/40`, or `3 trials`."""
        done = int(task.completed)
        return Text(f"{done} trial{'' if done == 1 else 's'}" if task.total is None else f"{done}/{int(task.total)}")


class Display:
    """Prints to standard error, in a notebook below the cell with a box; silent when told so. The log has every line.

    Args:
        total: The number of trials of the budget, or None when only time limits it.
        metric: The name of the deciding metric.
        silent: Print nothing.
        log: Where each line is logged too.
    """

    def __init__(self, total: int | None, metric: str, *, silent: bool, log: DriverLog | None = None) -> None:
        self._log = log
        self._box: Box | None = None
        self._notebook = in_kernel()
        self._console = _Console(
            stderr=not self._notebook,
            quiet=silent,
            highlight=False,
            force_jupyter=False,
            force_terminal=False if self._notebook else None,  # kernels ask for colours
        )
        self._metric, self._total = metric, total
        self._bar = _Bar(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            _Count(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=silent or not self._console.is_terminal,
        )
        self._task: Any = None
        self._epochs: dict[str, tuple[int, int]] = {}
        self._same = ""  # the family of the last line, where that told of a trial that was not run again
        self._began, self._done, self._first = time.monotonic(), 0, 0

    @property
    def live(self) -> bool:
        """Whether somebody sees the bar, or the box."""
        return self._box is not None or not self._bar.disable

    def to_go_on(self, folder: Path) -> str:
        """Say how an interrupted study goes on; in a notebook, where the call returned nothing, how it opens too."""
        has = f"{folder} has everything so far"
        if not self._notebook:
            return f"To continue: the same call or command again ({has})"
        return f"To continue: run this cell again ({has}; study = tuner.load_study({str(folder)!r}) opens it)"

    def start(self, done: int) -> None:
        """Show the bar, or the box."""
        self._bar.start()
        self._box = Box(self._total) if self._notebook and not self._console.quiet else None
        self._began, self._done, self._first = time.monotonic(), done, done
        self._task = self._bar.add_task("starting workers", total=self._total, completed=done)

    def stands(self, standing: Standing) -> None:
        """Say what runs now, how the study stands, and how long it will take."""
        end = seconds_left(
            None if self._total is None else self._total - self._done,
            done=self._done - self._first,
            elapsed=time.monotonic() - self._began,
            left=standing.left,
        )
        when = "" if math.isinf(end) else f"about {in_words(end)} left"
        self._bar.lines = [
            ", ".join(self._where(name) for name in standing.running),
            "  ".join(filter(None, [_counts(standing), self._best(standing.best)])),
        ]
        self._bar.update(self._task, description=when or "running")
        if self._box:
            self._box.stands(when or "running", self._bar.lines, self._done)

    def epoch(self, name: str, fold: int, epoch: int) -> None:
        """Note how far a trial is; folds and epochs count from 0."""
        self._epochs[name] = (fold, epoch)

    def _where(self, name: str) -> str:
        if name not in self._epochs:
            return name
        fold, epoch = self._epochs[name]
        return f"{name} fold {fold + 1} epoch {epoch + 1}"

    def _best(self, best: Trial | None) -> str:
        return "" if best is None else f"best {self._metric} {best.value:.5g} by {best.name}"

    def told(self, trial: Trial, done: int, best: Trial | None) -> None:
        """Print the line of a finished trial; of a family's trials in a row that were not run again, the first one."""
        outcome = trial.outcome
        assert outcome is not None
        count = f"{done}/{self._total}" if self._total else str(done)
        head = Text.assemble((f"{count:>9}", "dim"), f"  {trial.name:<29} {outcome.seconds:7.1f} s  ")
        line = head + self._what(trial, best is not None and best.name == trial.name)
        self._print(line, in_box=True, silent=trial.duplicate and trial.family == self._same)
        self._same = trial.family if trial.duplicate else ""
        self._done = done
        self._epochs.pop(trial.name, None)
        self._bar.update(self._task, completed=done)

    def _what(self, trial: Trial, is_best: bool) -> Text:
        """Say what became of a trial; what it says itself is text, whatever brackets stand in it."""
        outcome = trial.outcome
        assert outcome is not None
        if outcome.duplicate_of is not None:
            return Text(f"the same as {trial_name(trial.family, outcome.duplicate_of)}, not run again", "dim")
        if trial.state == "complete":
            value = f"{self._metric} {outcome.value:.5g}"
            return Text.assemble(value, (" best so far", "green")) if is_best else Text(value)
        if trial.state == "pruned":
            return Text(str(outcome.error), "dim")
        return Text.assemble((f"failed ({outcome.reason})", "red"), f": {outcome.error}")

    def say(self, *messages: str) -> None:
        """Print messages, each on a line of its own."""
        for message in messages:
            self._print(Text(message))

    def _print(self, text: Text, *, in_box: bool = False, silent: bool = False) -> None:
        """Print a line, or show it in the box; where nobody can read it any more, be silent from then on."""
        if self._log:
            self._log.line(text.plain)
        if silent:
            return
        if self._box and in_box:
            self._box.told(text.plain)
            return
        try:
            self._console.print(text, soft_wrap=True)
        except OSError:  # a full disk
            self._console.quiet = True

    def stop(self) -> None:
        """Take the bar away; the box stays."""
        self._bar.stop()
        if self._box:
            self._box.ends(self._done)


def seconds_left(trials: int | None, *, done: int, elapsed: float, left: float) -> float:
    """Return when a study will end, by the budget that is used up first; infinite where nothing says it yet.

    Args:
        trials: The trials that are still to be done, or None without such a budget.
        done: The trials that this launch did.
        elapsed: The seconds that it took.
        left: The seconds until the budget of time is used up.

    >>> seconds_left(30, done=10, elapsed=20.0, left=600.0), seconds_left(None, done=10, elapsed=20.0, left=600.0)
    (60.0, 600.0)
    """
    by_trials = math.inf if trials is None or done < 1 else max(0, trials) * elapsed / done
    return max(0.0, min(by_trials, left))


def in_words(seconds: float) -> str:
    """Return a time as one says it.

    >>> in_words(42), in_words(150), in_words(2500), in_words(7500)
    ('42 s', '2.5 min', '42 min', '2 h 5 min')
    """
    minutes = math.ceil(seconds / 60)
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if minutes < 10:
        return f"{math.ceil(seconds / 30) / 2:g} min"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _counts(standing: Standing) -> str:
    """Say how many trials run and ended, by state."""
    ended = {state: sum(trial.state == state for trial in standing.finished) for state in ("pruned", "failed")}
    counts = {"done": sum(trial.state == "complete" for trial in standing.finished), **ended}
    shown = [f"{count} {state}" for state, count in counts.items() if count or state == "done"]
    return ", ".join([*shown[:1], f"{len(standing.running)} running", *shown[1:]])
