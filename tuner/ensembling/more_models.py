"""More models of configurations that won: with other seeds, or once more on all rows.

Several seeds: networks differ by their first weights and the order of rows, and the mean of some of them is better than
each. Every seed trains all folds, so the score of the mean is as honest as before.

Refitted on all rows: one model beside those of the folds, or in their place, trained for the median number of epochs or
rounds that was best in the folds. It has seen more rows than any of them, and nothing is held out to score it: scores
stay those of the fold models, which the ensemble says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensembles.member import Member
from spaces.engines.clock import Clock
from spaces.engines.curves import loss_of
from spaces.families.catalog import BASELINE, families_for
from spaces.families.family import Family
from spaces.machine.disk import alone
from spaces.machine.torn import read_arrays
from tuner.archive.study_folder import Archive, StudyError, read_study_file
from tuner.ensembling.pool import HeldOut
from tuner.search.ledger import Trial
from tuner.seeds import derive_seed
from tuner.task.folds import make_folds
from tuner.trials.all_rows import train_on_all_rows
from tuner.trials.guests import restored_mlflow
from tuner.trials.outcome import HowLong, Job, sealed
from tuner.trials.trial import run_trial

_DETERMINISTIC = (BASELINE, "linear")
_REFIT = "refit"
_NOT_AGAIN = "only single trials can, whose networks had no callbacks of your own"


@restored_mlflow()  # the user's autologging is not for our fits
def with_seeds(study: Archive, held: HeldOut, seeds: int, *, seconds: float | None) -> HeldOut:
    """Train the best configuration of each family with more seeds, and let each predict with the mean of all.

    What was trained is kept in the study's folder, and not trained again. Families of your own stay as they are, as
    their builders are not stored, and so do those with callbacks of yours, and those without anything random.

    Args:
        study: The study.
        held: What trials predicted, best first.
        seeds: How many seeds each configuration has in the end, the trial's own included.
        seconds: Begin no training after so long; None for no limit.
    """
    start, trials = time.monotonic(), {trial.name: trial for trial in study.complete}
    folds = make_folds(study.task)
    members, predictions = list(held.members), held.predictions.copy()
    families, known = [member.family for member in held.members], _trained_again(study)
    for family in dict.fromkeys(families):
        if family in _DETERMINISTIC or family not in known:
            continue
        i = families.index(family)  # the best of it
        trial, predicted = trials[members[i].trial], [held.predictions[i]]
        for number in range(1, seeds):
            folder = study.folder / "seeds" / trial.name / str(number)
            with alone(folder):
                if sealed(folder) is None and (seconds is None or time.monotonic() - start < seconds):
                    seed, stopped = _seed(study, trial, number), trial.outcome.stopped if trial.outcome else ()
                    job = Job(family, trial.number, 1, study.config(trial), seed, str(folder), stopped=stopped)
                    run_trial(
                        job, study.task, folds, family=known[family], report=lambda *_: False, log=lambda *_: None
                    )
            outcome = sealed(folder)
            if outcome is None or outcome.state != "complete":
                break
            predicted.append(read_arrays(folder / "held_out.npz")["predictions"].astype(np.float64))
            folders = tuple(folder / f"fold-{k}" for k in range(len(study.task.folds)))
            of_folds, rest = members[i].of_folds, members[i].folders[len(members[i].of_folds) :]
            members[i] = replace(members[i], folders=(*of_folds, *folders, *rest))
        predictions[i] = np.mean(predicted, axis=0)
    return replace(held, members=members, predictions=predictions)


def refitted(study: Archive, member: Member, families: Sequence[Family] = ()) -> Member:
    """Train a member's configuration on all rows, and return it with that one model.

    Raises:
        StudyError: It is of a family of your own, whose builder is not stored, and not given as it was, or had
            callbacks of yours, or it is no single trial.
    """
    trial = next((trial for trial in study.complete if trial.name == member.trial), None)
    known = _trained_again(study, families)
    if trial is None or trial.family not in known:
        own = trial is not None and trial.family not in families_for(study.task.signature)
        raise StudyError(
            f"{member.trial} cannot be refitted: "
            + ("its builder is your own and not stored, so hand it over: refit([family])" if own else _NOT_AGAIN)
        )
    job = job_on_all_rows(study, trial)
    with alone(folder := Path(job.folder)):
        if not folder.exists():
            train_on_all_rows(job, study.task, known[trial.family], clock=Clock())
    return replace(member, folders=(folder,), on_all_rows=False)


def job_on_all_rows(study: Archive, trial: Trial) -> Job:
    """Return what trains a trial's configuration on all rows."""
    folder, seed = study.folder / _REFIT / trial.name, _seed(study, trial, 0)
    how_long = HowLong(_steps(study, trial), _stopped(trial))
    return Job(trial.family, trial.number, 1, study.config(trial), seed, str(folder), on_all_rows=how_long)


def with_all_rows(study: Archive, member: Member) -> Member:
    """Let a member predict with its model of all rows, too, where there is one."""
    folder = study.folder / _REFIT / member.trial
    if not folder.exists():
        return member
    return replace(member, folders=(*member.folders, folder), on_all_rows=True)


def _trained_again(study: Archive, own: Sequence[Family] = ()) -> dict[str, Family]:
    """Return the families that need nothing which is neither stored nor given.

    Raises:
        StudyError: A given family is not as it was tuned.
    """
    stored = read_study_file(study.folder)["families"]
    for one in own:
        if one.name not in stored or stored[one.name].get("source") != one.source:
            raise StudyError(f"family {one.name!r} is not the one that was tuned in {study.name}: its builder differs")
    known = {**families_for(study.task.signature), **{one.name: one for one in own}}
    return {name: family for name, family in known.items() if not stored.get(name, {}).get("callbacks")}


def _steps(study: Archive, trial: Trial) -> tuple[int, ...]:
    """Return the median over folds of the best epoch or round, one a target's model; empty where there is none."""
    best: dict[str, list[int]] = {}
    for fold in study.curves(trial):
        for target in dict.fromkeys(curve.target for curve in fold):
            if (loss := loss_of([fold], "validation", target)) is not None:
                best.setdefault(target, []).append(int(np.argmin(fold[loss])) + 1)
    return tuple(int(np.median(steps)) for steps in best.values())


def _stopped(trial: Trial) -> int | None:
    """Return after how many epochs, rounds or trees the clock stopped the median fold, or None where it did not."""
    each = [math.inf if one is None else one for one in (trial.outcome.stopped if trial.outcome else ())]
    median = float(np.median(each)) if each else math.inf
    return int(median) if math.isfinite(median) else None


def _seed(study: Archive, trial: Trial, number: int) -> int:
    return derive_seed(study.task.seed, f"again {trial.name}", number)
