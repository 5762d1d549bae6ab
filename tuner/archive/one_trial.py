"""One trial, whole: for a person who asks what became of it."""

from __future__ import annotations

import json

from spaces.language.complaints import unknown_name
from tuner.archive.study_folder import Archive, StudyError
from tuner.search.ledger import Trial
from tuner.trials.trial import TRACEBACK


def described(study: Archive, name: str | None = None) -> str:
    """Return a trial's state, folds, scores, parameters, and the traceback of one that raised.

    Args:
        study: The study.
        name: The trial's name; the best one when left out.

    Raises:
        StudyError: There is no such trial.
    """
    trial = trial_named(study, name)
    lines = [f"{trial.name}: {trial.state}", *_outcome(study, trial), "parameters"]
    lines += [f"  {name:<40} {json.dumps(value)}" for name, value in sorted(trial.params.items())]
    return "\n".join(lines)


def trial_named(study: Archive, name: str | None) -> Trial:
    """Return a trial by its name; the best one when left out.

    Raises:
        StudyError: There is no such trial.
    """
    trials = {trial.name: trial for trial in study.trials}
    chosen = trials.get(name) if name is not None else study.best
    if chosen is None:
        raise StudyError(
            f"trial: {unknown_name(str(name), list(trials))}" if trials else f"{study.folder} has no trial yet"
        )
    return chosen


def _outcome(study: Archive, trial: Trial) -> list[str]:
    outcome = trial.outcome
    if outcome is None:
        return []
    lines = [
        f"  seconds  {outcome.seconds:.1f}, attempt {outcome.attempt}",
        f"  turn     {trial.turn.number}, {trial.turn.why}",
    ]
    if outcome.error:
        lines.append(f"  {outcome.reason or trial.state}: {outcome.error}")
    if outcome.fold_values:
        folds = ", ".join("undefined" if value is None else f"{value:.5g}" for value in outcome.fold_values)
        lines.append(f"  {study.task.score.name}: {folds} by fold")
    for part, scores in outcome.scores.items():
        lines.append(f"  {part.replace('_', ' ')}: " + ", ".join(f"{key} {value:.5g}" for key, value in scores.items()))
    if not trial.duplicate:
        folder = study.attempt_folder(trial)
        lines.append(f"  folder   {folder}")
        lines += filter(None, [traceback_of(study, trial).rstrip()])
    return lines


def traceback_of(study: Archive, trial: Trial) -> str:
    """Return the traceback of a trial that raised; nothing of one that did not."""
    if trial.outcome is None or trial.duplicate:
        return ""
    path = study.attempt_folder(trial) / TRACEBACK
    return path.read_text() if path.exists() else ""
