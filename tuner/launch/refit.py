"""The last part of a study: what the ensemble reads is trained once more, on all rows."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tuner.archive.study_folder import Archive
from tuner.ensembling.more_models import job_on_all_rows
from tuner.ensembling.winners import winners
from tuner.launch.plan import Plan
from tuner.search.ledger import Trial
from tuner.task.task import Task
from tuner.trials.slots import Slots

MOST = 0.2  # of the time
_OVER = 1.3  # times what the folds let one expect: traces are made anew, and a model is written
_POLL_SECONDS = 0.5


def seconds_to_refit(task: Task, seconds: Iterable[float], *, most: float) -> float:
    """Return what models of all rows take, of as many trials as fit in a time.

    Args:
        task: The task.
        seconds: How long each trial trained on its folds, the first ones first.
        most: The time.
    """
    total = 0.0
    for one in seconds:
        expected = one * share_of(task)
        if total + expected <= most:
            total += expected
    return total


def share_of(task: Task) -> float:
    """Return the seconds that a model of all rows takes, for each second in which all folds were trained."""
    return _OVER * len(task.rows) / sum(len(train) for train, _ in task.folds)


def refit(
    study: Archive,
    plan: Plan,
    slots: Slots,
    *,
    left: Callable[[], float],
    ends: Callable[[], int],
    say: Callable[[str], None],
) -> None:
    """Train the trials that an ensemble will read on all rows, those that count most first, as long as time lasts.

    What is there already, and what cannot be trained again, is left out. What fails is left out, too: the fold models
    predict without it.

    Args:
        study: The study.
        plan: What the launch was asked to do.
        slots: Where to train; none of them runs anything.
        left: Says how many seconds are left.
        ends: Says whether somebody ends the study: 0, 1 to let what runs be finished, or more to kill it.
        say: Called with what there is to tell.
    """
    waiting, running, began = deque(_possible(study, plan, winners(study))), 0, time.monotonic()
    made: list[str] = []
    if waiting:
        limit = f", for {left():.0f} s at most" if math.isfinite(left()) else ""
        say(f"the search is over: what the ensemble reads is trained on all rows, too{limit}")
    while (waiting and not ends()) or running:
        while waiting and not ends() and slots.free():
            trial, seconds = waiting.popleft(), left()
            if trial.outcome is not None and trial.outcome.seconds * share_of(study.task) <= seconds:
                job = replace(job_on_all_rows(study, trial), seconds=seconds, left=seconds, late=plan.budget.lateness)
                slots.submit(job)
                running += 1
        for job, outcome in slots.poll(_POLL_SECONDS) if waiting or running else ():
            running -= 1
            if outcome is not None and outcome.state == "complete":
                made.append(job.name)
        if ends() > 1:
            slots.kill()
            break
    if made:
        say(f"trained on all rows: {', '.join(made)} ({time.monotonic() - began:.0f} s)")


def _possible(study: Archive, plan: Plan, trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials whose configuration can be trained again and was not."""
    again = {name for name, family in plan.families.items() if not family.callbacks}
    return [one for one in trials if one.family in again and not Path(job_on_all_rows(study, one).folder).exists()]
