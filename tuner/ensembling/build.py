"""From a study's stored held-out predictions to an ensemble, trained models added where they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ensembles.choosing.gate import Chosen, Step, ladder, refinements
from ensembles.combiners.combiner import Combiner
from ensembles.combiners.each_target import EachTarget
from ensembles.ensemble import Ensemble
from ensembles.member import Member
from ensembles.methods import METHODS
from spaces.families.catalog import BASELINE
from spaces.rows.target import ITSELF
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.candidates import candidates
from tuner.ensembling.looks import score_test_rows, single_ensemble
from tuner.ensembling.method_names import KNOWN, check_method_name
from tuner.ensembling.more_models import with_all_rows
from tuner.ensembling.pool import HeldOut, loss_of_task, read_held_out
from tuner.ensembling.study_ensemble import StudyEnsemble
from tuner.search.ledger import Trial
from tuner.task.task import Task
from tuner.trials.guests import restored_mlflow
from tuner.trials.scored_folds import scored_groups

if TYPE_CHECKING:
    from tuner.ensembling.joint import JointTrial


_SMALLEST_WEIGHT = 1e-3


@restored_mlflow()  # the user's autologging is not for our fits
def build_ensemble(study: Archive, method: str, held: HeldOut, *, joint: bool = False) -> StudyEnsemble:
    """Find out how members become one.

    Args:
        study: The study.
        method: See `Study.ensemble`.
        held: What the members predicted.
        joint: Whether `"auto"` tries the joint model too, which is trained if it was not.

    Raises:
        StudyError: No joint model can be made of the study's trials.
    """
    match method:
        case "auto":
            held, choice = _auto(study, held, joint)
        case "joint":
            held, choice = _joint(study)
        case _:
            choice = held.choose({method: KNOWN[method]})
    name = f"auto: {choice.name}" if method == "auto" else method
    return _made(study, candidates(study, 1)[0], name, held=held, choice=choice)


def held_out_for(study: Archive, method: str, top: int = 5) -> HeldOut:
    """Read what a method combines: held-out predictions of the best trials of each family, near-duplicates left out.

    Args:
        study: The study.
        method: See `Study.ensemble`. The uniform average takes the best trial of each family only.
        top: At most so many trials of each family.

    Raises:
        NoModels: No trial beside the baseline can be used.
        StudyError: Rows have no target.
        ValueError: The method is none, or cannot minimise the metric.
    """
    check_method(study.task, method)
    held = read_held_out(study, candidates(study, 1 if method == "uniform" else top)).without_duplicates()
    return replace(held, members=[with_all_rows(study, member) for member in held.members])


def check_ensemble(task: Task, method: str, *, joint: bool, seeds: int, limited: bool) -> None:
    """Refuse what no ensemble can be made with, before anything is read.

    Args:
        task: The task.
        method: See `Study.ensemble`, as for what follows.
        joint: Whether the joint model is asked for beside other methods.
        seeds: How many seeds a configuration has in the end.
        limited: Whether the members' size or time is limited.

    Raises:
        StudyError: Rows have no target.
        ValueError: There is no such method, it cannot minimise the metric, or the joint model was asked for together
            with seeds or limits.
    """
    check_method(task, method)
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    if (joint or method == "joint") and (seeds > 1 or limited):
        raise ValueError("the joint model takes no seeds, max_mb or max_ms: leave them out, or the joint model")


def check_method(task: Task, method: str) -> None:
    """Refuse a method that is not known, or cannot minimise the task's metric.

    Raises:
        StudyError: Rows have no target: there is nothing to combine.
        ValueError: It is one of these.
    """
    if task.target.kind == ITSELF:
        raise StudyError(
            "rows without a target end in the best model, not in an ensemble: tuner.best_model(study) encodes, "
            "restores and makes rows"
        )
    check_method_name(method)
    loss = loss_of_task(task)
    if method in KNOWN and not KNOWN[method].accepts(loss):
        raise ValueError(f"method {method!r} cannot minimise {loss.name}: use nelder_mead or auto")


def _auto(study: Archive, held: HeldOut, joint: bool) -> tuple[HeldOut, Chosen]:
    """Pass through the gate: the methods, the joint model if it was asked for, refinements of the one taken."""
    steps = ladder(
        [member.family for member in held.members],
        held.loss,
        features=held.features.shape[1],
        rows=len(held.target),
        outputs=held.predictions.shape[2],
    )
    if held.targets:
        steps["each_target"] = EachTarget(METHODS["regularized"], held.targets)
    choice = held.choose(steps)
    if joint:
        from tuner.ensembling.joint import train_joint

        alone, tried = _with_joint(study, held, choice, made=train_joint(study))
        held, choice = (alone, tried) if tried.steps[-1].taken else (held, replace(choice, steps=tried.steps))
    return held, held.choose(refinements(choice, held.target, held.loss), choice)


def _joint(study: Archive) -> tuple[HeldOut, Chosen]:
    """Compare the joint model with the average that it began as, and take it whatever comes out."""
    from tuner.ensembling.joint import train_joint

    made = train_joint(study)
    two = read_held_out(study, [trial for trial in study.complete if trial.name in made.made_of])
    average = "log_linear" if two.loss.name == "log_loss" else "nelder_mead"
    return _with_joint(study, two, two.choose({f"{average} of the two": METHODS[average]}), made=made)


def _with_joint(study: Archive, held: HeldOut, choice: Chosen, *, made: JointTrial) -> tuple[HeldOut, Chosen]:
    """Return the joint model as the only candidate, and the step that compares it with an earlier choice."""
    predictions, rows = made.predictions, choice.fitted.rows
    folders = tuple(made.folder / f"fold-{k}" for k in range(len(study.task.folds)))
    compared = tuple(member.trial for member in held.members)
    member = Member("joint", "joint", 1.0, folders)
    alone = replace(held, members=[member], predictions=predictions[None], compared=compared)
    of = predictions[rows]
    fitted = replace(choice.fitted, outputs=of, ensemble=of, resampled=of)
    gain, error = held.difference(rows, choice.fitted.resampled, of, score=held.by_fold)
    step = Step("joint", held.by_fold(rows, fitted.ensemble), choice.name, gain, error, gain > error)
    return alone, Chosen("joint", METHODS["uniform"], fitted, (*choice.steps, step))


def _made(study: Archive, best: Trial, name: str, *, held: HeldOut, choice: Chosen) -> StudyEnsemble:
    """Fit the chosen method to all held-out rows, and gather its scores."""
    task, fitted = study.task, choice.fitted
    combiner = choice.candidate.fit(
        held.predictions, held.truth, held.loss, sample_weight=held.weight, features=held.features
    )
    combiner = combiner.pruned(_SMALLEST_WEIGHT)
    sign, blended = task.score.sign, combiner.decide(combiner(held.predictions, held.features))
    difference, error = held.difference(fitted.rows, fitted.resampled, fitted.single_resampled, score=held.by_fold)
    scores: dict[str, Any] = {
        "ensemble": {
            "in_sample": sign * held.in_sample(blended),
            "cross_fitted": sign * held.by_fold(fitted.rows, fitted.ensemble),
        },
        "best_single": {"trial": best.name, "cross_validated": best.value},
        "comparator": _comparator(held, choice, best, sign=sign),
        "difference": {"cross_fitted": sign * difference, "standard_error": error},
    }
    if len(task.scores) > 1:
        scores["ensemble"]["metrics"] = _metrics(held, choice, task, combiner=combiner)
    if doubt := held.doubt(fitted.rows):
        scores["difference"]["doubt"] = doubt
    if any(member.on_all_rows for member in held.members):
        scores["models"] = "of the folds and, where there is one, of all rows; the scores are those of the fold models"
    if len(held.cross_fitted_folds) < len(task.folds):
        scores["ensemble"]["folds"] = f"{len(held.cross_fitted_folds)} of {len(task.folds)} folds scored"
    counted, groups = scored_groups(task)
    if counted < groups:
        scores["ensemble"]["groups"] = f"{counted} of {groups} groups scored"
    order = np.argsort(-combiner.weights, kind="stable")
    order = order[combiner.weights[order] > 0]
    members = tuple(replace(held.members[i], weight=float(combiner.weights[i])) for i in order)
    off = held.distances(fitted.rows, fitted.outputs)
    made = Ensemble(name, task.score.name, members, task.schema, task.target, scores, combiner.only(order), off)
    return StudyEnsemble(made, study, best, held, choice)


def _metrics(held: HeldOut, choice: Chosen, task: Task, *, combiner: Combiner) -> dict[str, dict[str, float]]:
    """Return what the further metrics say, of the rows that fitted the weights and cross-fitted."""
    fitted, outputs = choice.fitted, combiner(held.predictions, held.features)
    in_sample = held.metrics(task.scores[1:], np.arange(len(outputs)), outputs, decided=combiner.decide(outputs))
    cross_fitted = held.metrics(task.scores[1:], fitted.rows, fitted.outputs, decided=fitted.ensemble)
    return {name: {"in_sample": in_sample[name], "cross_fitted": value} for name, value in cross_fitted.items()}


def _comparator(held: HeldOut, choice: Chosen, best: Trial, *, sign: int) -> dict[str, Any]:
    """Describe the single model that the ensemble is compared with: its score, which trials it was, and why those."""
    fitted = choice.fitted
    names = held.compared or [member.trial for member in held.members]
    counts = Counter(names[i] for i in fitted.chosen)
    return {
        "cross_fitted": sign * held.by_fold(fitted.rows, fitted.single),
        "trials": [name for name, _ in counts.most_common()],
        "why": (
            "a single model: in each part of the rows the one that was best on the other parts, where the weights are "
            f"fitted too. Its score says what choosing one model is worth on new rows. {best.name} was chosen on the "
            "rows that score it, and so looks better than it is"
        ),
    }


def compare(study: Archive, methods: Sequence[str] = ("uniform", "nelder_mead"), *, test: bool = False) -> pd.DataFrame:
    """Compare the best trial of each family, the baseline included, with ensembles, one row each.

    Args:
        study: The study.
        methods: Names of ensemble methods.
        test: Score the test rows too, in one look.

    Returns:
        Columns `model`, `members`, every metric cross-validated (or cross-fitted; in time order without the first
        parts, so that the two do not compare there), and with `test` every metric as `test ...`, by how much
        the deciding one is better than the baseline's, and the standard error of that.
    """
    rows: dict[str, tuple[Ensemble, dict[str, float | None]]] = {}
    metric, others = study.task.score.name, [score.name for score in study.task.scores[1:]]
    for trial in reversed(study.best_of_each_family):
        known = trial.outcome.scores.get("held_out", {}) if trial.outcome else {}
        found = {metric: trial.value, **{name: known.get(name) for name in others}}
        rows[trial.name] = (single_ensemble(study, trial), found)
    for method in methods:
        combined = build_ensemble(study, method, held_out_for(study, method))
        its = combined.scores["ensemble"]
        more = {name: value["cross_fitted"] for name, value in its.get("metrics", {}).items()}
        rows[f"ensemble ({method})"] = (combined.ensemble, {metric: its["cross_fitted"], **more})
    table = pd.DataFrame(
        {
            "model": name,
            "members": len(ensemble.members),
            **{f"{one} (cross-fitted)": value for one, value in values.items()},
        }
        for name, (ensemble, values) in rows.items()
    )
    if not test:
        return table
    tested = score_test_rows(study, {name: ensemble for name, (ensemble, _) in rows.items()})
    scores = pd.DataFrame(tested.scores[name] for name in rows).add_prefix("test ")
    baseline = next((name for name in rows if name.startswith(f"{BASELINE}-")), None)
    if baseline is None:  # its trial failed
        return pd.concat([table, scores], axis=1)
    gains = [tested.better(name, baseline) for name in rows]
    against = pd.DataFrame(gains, columns=["better than baseline by", "standard error"])
    return pd.concat([table, scores, against], axis=1)
