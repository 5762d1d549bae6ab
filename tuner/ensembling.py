"""From a study's stored held-out predictions to an ensemble, trained models added where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ensembles.auto import Choice, Step, ladder, refinements
from ensembles.calibration import Calibrated, calibration
from ensembles.combiners import Candidate
from ensembles.convex import CERTIFIED, certificate
from ensembles.diversity import Diversity, diversity
from ensembles.ensemble import Ensemble, Member
from ensembles.honest import paired_difference
from ensembles.methods import METHODS, STACKS, Method
from ensembles.several import EachTarget
from ensembles.threshold import WithThreshold
from spaces.catalog import BASELINE
from spaces.signature import ITSELF
from spaces.space import unknown_name
from tuner.duration import seconds
from tuner.held_out import HeldOut, candidates, read_held_out
from tuner.ledger import Trial
from tuner.looks import best_of_each_family, score_test_rows, single_ensemble, test_looks
from tuner.study import Study, StudyError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tuner.joint import JointTrial

_SMALLEST_WEIGHT = 1e-3


@dataclass(frozen=True)
class StudyEnsemble:
    """An ensemble of a study's trials.

    Attributes:
        ensemble: Members and weights.
        study: The study.
        best: The best single trial by cross-validated score, which predicts with the mean of its fold models.
        held: What its candidates predicted of rows that were held out of them.
        choice: The method that was chosen, and those that were tried; losses, so lower is better.
    """

    ensemble: Ensemble
    study: Study
    best: Trial
    held: HeldOut
    choice: Choice

    @property
    def members(self) -> tuple[Member, ...]:
        """The members; for the linear pool, weights sum to one."""
        return self.ensemble.members

    @property
    def scores(self) -> dict[str, Any]:
        """In-sample and cross-fitted score, the best single model's, and their paired difference."""
        return dict(self.ensemble.scores)

    def predict(self, rows: Any) -> Any:
        """Predict values or labels; see `ensembles.Ensemble.predict`."""
        return self.ensemble.predict(rows)

    def predict_proba(self, rows: Any) -> Any:
        """Predict probabilities, columns in sorted label order; see `ensembles.Ensemble.predict_proba`."""
        return self.ensemble.predict_proba(rows)

    def predict_interval(self, rows: Any, coverage: float = 0.9) -> Any:
        """Predict intervals of a number; see `ensembles.Ensemble.predict_interval`."""
        return self.ensemble.predict_interval(rows, coverage)

    def predict_set(self, rows: Any, coverage: float = 0.9) -> Any:
        """Predict sets of labels; see `ensembles.Ensemble.predict_set`."""
        return self.ensemble.predict_set(rows, coverage)

    def diversity(self) -> Diversity:
        """Describe how the members differ and what that is worth, on the held-out rows that fitted the weights."""
        held = self.held.only([member.trial for member in self.members])
        families = [member.family for member in self.members]
        combiner, correlations = self.ensemble.combine, held.correlations
        return diversity(
            combiner,
            held.predictions,
            held.target,
            held.loss,
            families,
            features=held.features,
            correlations=correlations,
        )

    @property
    def certificate(self) -> float | None:
        """How much any weights of these candidates could lower the loss on the held-out rows, at most.

        None where there is no such proof: for metrics other than log loss and squared error, and for what is not a
        linear pool. Weights that were kept from fitting these rows too closely have a larger one.
        """
        chosen, held = self.choice.candidate, self.held
        if not isinstance(chosen, Method) or chosen.pool != "linear" or held.loss.name not in CERTIFIED:
            return None
        weights = np.zeros(len(held.members))
        for member in self.members:
            weights[[one.trial for one in held.members].index(member.trial)] = member.weight
        return certificate(held.predictions, held.target, held.loss, weights)

    def warnings(self) -> list[str]:
        """Return what should make one doubt the ensemble."""
        baseline = next((trial for trial in self.study.complete if trial.family == BASELINE), None)
        better = self.study.task.score.better
        if baseline is None or better(self.scores["ensemble"]["cross_fitted"], baseline.value or 0.0):
            return []
        return [
            f"the ensemble is no better than the common-sense baseline ({self.ensemble.metric} {baseline.value:.5g}): "
            "the columns may say nothing about the target, or the models need more rows or trials"
        ]

    def calibration(self) -> pd.DataFrame:
        """Return how well probabilities fit what happened, each member's and the ensemble's, before and after.

        Every number is of rows that fitted neither the model nor its temperature.

        Returns:
            Columns `model`, `log_loss`, `brier_score`, `expected_calibration_error`, and the same `calibrated`.

        Raises:
            ValueError: The target is a number.
        """
        plain = self._plain()
        contenders: dict[str, tuple[HeldOut, Candidate]] = {
            member.trial: (self.held.only([member.trial]), METHODS["uniform"]) for member in self.members
        }
        rows = []
        for name, (held, candidate) in {**contenders, "ensemble": (self.held, plain)}.items():
            row: dict[str, Any] = {"model": name}
            for label, one in (("", candidate), (" calibrated", Calibrated(candidate))):
                fitted = held.cross_fit(one)
                found = asdict(calibration(fitted.ensemble, held.target[fitted.rows]))
                row |= {f"{key}{label}": value for key, value in found.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    def plot_calibration(self) -> Figure:
        """Plot how often cross-fitted probabilities come true, as they are and calibrated.

        Of two classes the probability of the second is shown, of more that of the most probable one.

        Raises:
            ValueError: The target is a number.
        """
        from matplotlib.figure import Figure
        from sklearn.calibration import CalibrationDisplay

        axes = Figure(figsize=(5, 5), layout="constrained").add_subplot()
        held, plain = self.held, self._plain()
        for name, candidate in (("as it is", plain), ("calibrated", Calibrated(plain))):
            fitted = held.cross_fit(candidate)
            target = held.target[fitted.rows]
            said, true = fitted.ensemble[:, 1], target
            if fitted.ensemble.shape[1] > 2:
                said, true = fitted.ensemble.max(axis=1), fitted.ensemble.argmax(axis=1) == target
            CalibrationDisplay.from_predictions(true, said, n_bins=10, strategy="quantile", name=name, ax=axes)
        axes.set_title(f"Reliability of {self.study.name}, cross-fitted")
        assert isinstance(axes.figure, Figure)
        return axes.figure

    def _plain(self) -> Candidate:
        """Return what was chosen, without calibration or threshold."""
        if not self.study.task.target.of_classes:
            raise ValueError("calibration needs one target of classes; for numbers there is predict_interval")
        chosen = self.choice.candidate
        return chosen.candidate if isinstance(chosen, Calibrated | WithThreshold) else chosen

    def save(self, folder: str | Path) -> Path:
        """Write the ensemble into one folder, from which `tuner.load` reads it."""
        return self.ensemble.save(folder)

    def explain(self) -> pd.DataFrame:
        """Return the methods that were tried, one row each.

        Returns:
            Columns `method`, the deciding metric cross-fitted, `better by` (than the method held until then),
            `standard error` of that, and `taken`.
        """
        sign = self.study.task.score.sign
        return pd.DataFrame(
            {
                "method": step.method,
                f"{self.ensemble.metric} (cross-fitted)": sign * step.cross_fitted,
                "better by": step.gain if step.against else None,
                "standard error": step.standard_error if step.against else None,
                "taken": "yes" if step.taken else "no",
            }
            for step in self.choice.steps
        )

    def refit(self) -> StudyEnsemble:
        """Return the same ensemble with each member trained once more, on all rows, in place of its fold models.

        Scores stay those of the fold models: nothing is held out to score the new ones.

        Raises:
            StudyError: A member is of a family of your own, or the joint model.
        """
        from tuner.refit import refitted

        members = tuple(refitted(self.study, member) for member in self.members)
        scores = {**self.ensemble.scores, "models": "refitted on all rows; the scores are those of the fold models"}
        return replace(self, ensemble=replace(self.ensemble, members=members, scores=scores))

    def test(self) -> dict[str, Any]:
        """Read the test rows and score ensemble and best single model on them.

        This is the only call that reads them, and the study counts how often: a test set that is looked at until the
        number is right is a validation set.

        Returns:
            The report, in the shape of `tuner ensemble --test --format json`.

        Raises:
            StudyError: The task has no test rows.
        """
        single = single_ensemble(self.study, self.best)
        tested = score_test_rows(self.study, {"ensemble": self.ensemble, "best_single": single})
        report = self.report()
        for name, scores in tested.scores.items():
            report["scores"][name]["test"] = scores
        return report

    def report(self) -> dict[str, Any]:
        """Return members and scores as JSON values."""
        return {
            "method": self.ensemble.method,
            "metric": self.ensemble.metric,
            "members": [{"trial": m.trial, "family": m.family, "weight": m.weight} for m in self.members],
            "scores": json.loads(json.dumps(self.scores)),
            "test_looks": test_looks(self.study.folder),
        }


def build_ensemble(
    study: Study,
    method: str,
    *,
    top: int = 5,
    joint: bool = False,
    max_mb: float | None = None,
    max_ms: float | None = None,
    seeds: int = 1,
    seed_time: float | str | None = None,
) -> StudyEnsemble:
    """Choose members and find out how they become one.

    Args:
        study: The study.
        method: `"auto"`, which tries several and says what it chose and why, a name in `ensembles.METHODS` or
            `ensembles.STACKS`, or `"joint"` (see `tuner.joint`). The uniform average takes the best trial of each
            family only.
        top: At most so many trials of each family are candidates.
        joint: Whether `"auto"` tries the joint model too, which is trained if it was not.
        max_mb: Megabytes of files that the members may have together.
        max_ms: Milliseconds that the members may need together for one row.
        seeds: How many seeds the best configuration of each family has in the end (see `tuner.refit`).
        seed_time: Begin no training with another seed after so long.

    Raises:
        ValueError: There is no such method, it cannot minimise the study's metric, no member is within the limits, or
            the joint model was asked for together with seeds or limits.
        NoModels: No trial beside the baseline can be used.
        StudyError: No joint model can be made of the study's trials.
    """
    if study.task.target.kind == ITSELF:
        raise StudyError(
            "rows without a target end in the best model, not in an ensemble: tuner.best_model(study) encodes, "
            "restores and makes rows"
        )
    known: dict[str, Candidate] = {**METHODS, **STACKS}
    if method not in ["auto", "joint", *known]:
        raise ValueError(f"method: {unknown_name(method, ['auto', 'joint', *known])}")
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    if (joint or method == "joint") and (seeds > 1 or max_mb is not None or max_ms is not None):
        raise ValueError("the joint model takes no seeds, max_mb or max_ms: leave them out, or the joint model")
    budget = None if seed_time is None else seconds(seed_time, "seed_time")
    trials = candidates(study, 1 if method == "uniform" else top)
    held = read_held_out(study, trials).without_duplicates()
    if method in known and not known[method].accepts(held.loss):
        raise ValueError(f"method {method!r} cannot minimise {held.loss.name}: use nelder_mead or auto")
    if seeds > 1:
        from tuner.refit import with_seeds

        held = with_seeds(study, held, seeds, budget)
    for unit, limit in (("megabytes", max_mb), ("milliseconds", max_ms)):
        if limit is not None:
            held = held.within(unit, limit)
    match method:
        case "auto":
            held, choice = _auto(study, held, joint)
        case "joint":
            held, choice = _joint(study)
        case _:
            choice = held.choose({method: known[method]})
    return _made(study, trials[0], f"auto: {choice.name}" if method == "auto" else method, held, choice)


def _auto(study: Study, held: HeldOut, joint: bool) -> tuple[HeldOut, Choice]:
    """Pass the methods through the gate, the joint model if asked for, and what may be done with the one taken."""
    steps = ladder([member.family for member in held.members], held.loss, with_features=held.features.shape[1] > 0)
    if held.targets:
        steps["each_target"] = EachTarget(METHODS["regularized"], held.targets)
    choice = held.choose(steps)
    if joint:
        from tuner.joint import train_joint

        alone, tried = _with_joint(study, held, choice, train_joint(study))
        held, choice = (alone, tried) if tried.steps[-1].taken else (held, replace(choice, steps=tried.steps))
    return held, held.choose(refinements(choice, held.target, held.loss), choice)


def _joint(study: Study) -> tuple[HeldOut, Choice]:
    """Compare the joint model with the average that it began as, and take it whatever comes out."""
    from tuner.joint import train_joint

    made = train_joint(study)
    two = read_held_out(study, [trial for trial in study.complete if trial.name in made.made_of])
    average = "log_linear" if two.loss.name == "log_loss" else "nelder_mead"
    return _with_joint(study, two, two.choose({f"{average} of the two": METHODS[average]}), made)


def _with_joint(study: Study, held: HeldOut, choice: Choice, made: JointTrial) -> tuple[HeldOut, Choice]:
    """Return the joint model as the only candidate, and the step that compares it with an earlier choice."""
    predictions, rows = made.predictions, choice.fitted.rows
    folders = tuple(made.folder / f"fold-{k}" for k in range(len(study.task.folds)))
    alone = replace(held, members=[Member("joint", "joint", 1.0, folders)], predictions=predictions[None])
    fitted = replace(choice.fitted, ensemble=predictions[rows])
    gain, error = paired_difference(
        rows, choice.fitted.ensemble, fitted.ensemble, held.by_fold, groups=held.groups, seed=held.seed
    )
    step = Step("joint", held.by_fold(rows, fitted.ensemble), choice.name, gain, error, gain > error)
    return alone, Choice("joint", METHODS["uniform"], fitted, (*choice.steps, step))


def _made(study: Study, best: Trial, name: str, held: HeldOut, choice: Choice) -> StudyEnsemble:
    """Fit what was chosen to all held-out rows, and gather what is known of it."""
    task, fitted = study.task, choice.fitted
    combiner = choice.candidate.fit(held.predictions, held.target, held.loss, features=held.features)
    combiner = combiner.pruned(_SMALLEST_WEIGHT)
    sign, blended = task.score.sign, combiner(held.predictions, held.features)
    difference, error = paired_difference(
        fitted.rows, fitted.ensemble, fitted.single, held.by_fold, groups=held.groups, seed=held.seed
    )
    scores = {
        "ensemble": {
            "in_sample": sign * held.by_fold(np.arange(len(blended)), blended),
            "cross_fitted": sign * held.by_fold(fitted.rows, fitted.ensemble),
        },
        "best_single": {"trial": best.name, "cross_validated": best.value},
        "difference": {"cross_fitted": sign * difference, "standard_error": error},
    }
    order = np.argsort(-combiner.weights, kind="stable")
    order = order[combiner.weights[order] > 0]
    members = tuple(replace(held.members[i], weight=float(combiner.weights[i])) for i in order)
    if isinstance(choice.candidate, WithThreshold):  # how far probabilities are off, they say as they are
        fitted = held.cross_fit(choice.candidate.candidate)
    off = held.distances(fitted.rows, fitted.ensemble)
    made = Ensemble(name, task.score.name, members, task.schema, task.target, scores, combiner.only(order), off)
    return StudyEnsemble(made, study, best, held, choice)


def compare(study: Study, methods: Sequence[str] = ("uniform", "nelder_mead"), *, test: bool = False) -> pd.DataFrame:
    """Compare the best trial of each family, the baseline included, with ensembles, one row each.

    Args:
        study: The study.
        methods: Names of ensemble methods.
        test: Score the test rows too, in one look.

    Returns:
        Columns `model`, `members`, the deciding metric cross-validated (or cross-fitted; in time order without
        the first part, so that the two do not compare there), and with `test` every metric as `test ...`, by how much
        the deciding one is better than the baseline's, and the standard error of that.
    """
    rows: dict[str, tuple[Ensemble, float | None]] = {}
    for trial in reversed(best_of_each_family(study)):
        rows[trial.name] = (single_ensemble(study, trial), trial.value)
    for method in methods:
        combined = build_ensemble(study, method)
        rows[f"ensemble ({method})"] = (combined.ensemble, combined.scores["ensemble"]["cross_fitted"])
    table = pd.DataFrame(
        {
            "model": name,
            "members": len(ensemble.members),
            f"{study.task.score.name} (cross-fitted)": value,
        }
        for name, (ensemble, value) in rows.items()
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
