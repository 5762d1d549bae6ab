"""Trials that an ensemble may be made of: their models and what they predicted are there, and whole."""

from __future__ import annotations

import logging
from collections import Counter

from spaces.families.catalog import BASELINE
from spaces.machine.torn import Torn, check_whole
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.predicted import predicted
from tuner.search.ledger import Trial

_MOST_MEMBERS = 30


class NoModels(StudyError):
    """No trial beside the baseline succeeded with its models still on disk."""


def usable(study: Archive) -> list[Trial]:
    """Return the trials whose models are still on disk, best first, the baseline left out.

    Raises:
        NoModels: There are none.
    """
    found = [trial for trial in study.complete if trial.family != BASELINE and study.has_models(trial)]
    if not found:
        ended = Counter(trial.state for trial in study.trials)
        said = [trial.outcome.error for trial in study.trials if trial.outcome and trial.outcome.error]
        raise NoModels(
            "no trial beside the baseline succeeded with its models still on disk "
            f"({ended['failed']} failed, {ended['pruned']} ended early){f': {said[-1]}' if said else ''}"
            + (". Give it more time, or cheaper families" if ended["pruned"] else "")
        )
    return found


def candidates(study: Archive, top: int) -> list[Trial]:
    """Return the best trials of each family that are usable, best first.

    One whose files are damaged is left out, which the log says; the next one of its family takes its place.

    Raises:
        NoModels: There are none.
        StudyError: The files of all of them are damaged.
    """
    counts: Counter[str] = Counter()
    chosen: list[Trial] = []
    wrong: StudyError | None = None
    for trial in usable(study):
        if counts[trial.family] < top and len(chosen) < _MOST_MEMBERS:
            try:
                _must_be_whole(study, trial)
            except StudyError as error:
                wrong = error
                continue
            counts[trial.family] += 1
            chosen.append(trial)
    if wrong and not chosen:
        raise wrong
    return chosen


def _must_be_whole(study: Archive, trial: Trial) -> None:
    predicted(study, [trial])
    try:
        for path in study.attempt_folder(trial).glob("fold-*/**/*"):
            check_whole(path)
    except Torn as error:
        said = f"{trial.name} is left out, as its model cannot be read: {error}"
        logging.getLogger("tuner").warning(said)
        raise StudyError(said) from None
