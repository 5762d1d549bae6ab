"""An ensemble of a study's trials: predicts, explains itself, and is scored on the test rows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ensembles.choosing.cross_fitting import error_said
from ensembles.choosing.gate import Chosen
from ensembles.combiners.combiner import Candidate
from ensembles.combiners.tempered import Calibrated
from ensembles.measures.calibration import calibration
from ensembles.measures.diversity import Diversity, diversity
from ensembles.methods import METHODS
from ensembles.solvers.convex import CERTIFIED, certificate
from spaces.families.catalog import BASELINE
from spaces.machine.habits import ENSEMBLE, no_attribute
from spaces.machine.mistakes import all_briefly
from tuner.ensembling.looks import score_test_rows, single_ensemble, test_looks
from tuner.ensembling.pool import HeldOut, read_held_out
from tuner.ensembling.predictor import Predictor
from tuner.ensembling.shown_scores import Scores
from tuner.search.ledger import Trial
from tuner.trials.guests import restored_mlflow

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@all_briefly
@dataclass(frozen=True, repr=False)
class StudyEnsemble(Predictor):
    """An ensemble of a study's trials.

    Attributes:
        ensemble: Members and weights.
        study: The study.
        best: The best single trial by cross-validated score, which predicts with the mean of its fold models.
        held: What its candidates predicted of rows that were held out of them.
        choice: The method that was chosen, and those that were tried; losses, so lower is better.
    """

    best: Trial
    held: HeldOut
    choice: Chosen

    def __repr__(self) -> str:
        return f"{self.ensemble!r}\n  study    {self.study.name}, best single trial {self.best.name}"

    def _repr_html_(self) -> str:
        return self.ensemble.as_html(repr(self))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(no_attribute("'StudyEnsemble' object", name, dir(type(self)), habits=ENSEMBLE))

    @property
    def scores(self) -> Scores:
        """In-sample and cross-fitted score, the best single model's, and the paired difference to the comparator.

        The comparator is the single model chosen anew for each part of the rows; ensemble minus comparator is the
        difference.
        """
        return Scores(self.ensemble.scores)

    def diversity(self) -> Diversity:
        """Describe how the members differ and what that is worth, on the held-out rows that fitted the weights."""
        held = self.held.only([member.trial for member in self.members])
        families = [member.family for member in self.members]
        combiner, correlations = self.ensemble.combine, held.correlations
        return diversity(
            combiner,
            held.predictions,
            held.truth,
            loss=held.loss,
            families=families,
            features=held.features,
            sample_weight=held.weight,
            correlations=correlations,
        )

    @property
    def certificate(self) -> float | None:
        """How much any weights of these candidates could lower the loss on the held-out rows, at most.

        None where there is no such proof: for metrics other than log loss and squared error, and for what is not a
        linear pool. Weights that were kept from fitting these rows too closely have a larger one.
        """
        chosen, held = self.choice.candidate, self.held
        if not chosen.linear or held.loss.name not in CERTIFIED:
            return None
        weights = np.zeros(len(held.members))
        for member in self.members:
            weights[[one.trial for one in held.members].index(member.trial)] = member.weight
        return certificate(held.predictions, held.target, held.loss, weights=weights, sample_weight=held.weight)

    def warnings(self) -> list[str]:
        """Return what should make one doubt the ensemble."""
        doubt = self.scores["difference"].get("doubt")
        return [*self._no_better(), *self._worse(), *([doubt] if doubt else [])]

    def _worse(self) -> list[str]:
        difference = self.scores["difference"]
        error, worse = difference["standard_error"], self.study.task.score.sign * difference["cross_fitted"]
        if not worse > error:  # nor where the error is not known
            return []
        return [
            f"the ensemble is worse than one model chosen in the same way, by {worse:.2g} {self.ensemble.metric} "
            f"(standard error {error_said(error)}): the best one alone may serve you better, "
            f"study.model({self.best.name!r}) or tuner predict --trial {self.best.name}"
        ]

    def _no_better(self) -> list[str]:
        baseline = next((trial for trial in self.study.complete if trial.family == BASELINE), None)
        if baseline is None:  # its trial failed
            return []
        fitted = self.choice.fitted
        predicted = read_held_out(self.study, [baseline]).predictions[0, fitted.rows]
        theirs = self.held.by_fold(fitted.rows, predicted)  # in time order the baseline's own value is of more rows
        if self.held.by_fold(fitted.rows, fitted.ensemble) < theirs:
            return []
        value = self.study.task.score.sign * theirs
        return [
            f"the ensemble is no better than the common-sense baseline ({self.ensemble.metric} {value:.5g} on the same "
            "rows): the columns may say nothing about the target, or the models need more rows or trials"
        ]

    @restored_mlflow()
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
                target, counts = held.target[fitted.rows], held.weights_of(fitted.rows)
                found = asdict(calibration(fitted.ensemble, target, sample_weight=counts))
                row |= {f"{key}{label}": value for key, value in found.items()}
            rows.append(row)
        return pd.DataFrame(rows)

    @restored_mlflow()
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
            predicted, true = fitted.ensemble[:, 1], target
            if fitted.ensemble.shape[1] > 2:
                predicted, true = fitted.ensemble.max(axis=1), fitted.ensemble.argmax(axis=1) == target
            CalibrationDisplay.from_predictions(true, predicted, n_bins=10, strategy="quantile", name=name, ax=axes)
        axes.set_title(f"Reliability of {self.study.name}, cross-fitted")
        assert isinstance(axes.figure, Figure)
        return axes.figure

    def _plain(self) -> Candidate:
        """Return what was chosen, without calibration or threshold."""
        if not self.study.task.target.of_classes:
            raise ValueError("calibration needs one target of classes; for numbers there is predict_interval")
        return self.choice.candidate.plain

    def explain(self) -> pd.DataFrame:
        """Return the methods that were tried, one row each.

        Returns:
            Columns `method`, the deciding metric cross-fitted, the same of what was `held before` (in each part of the
            rows the method that is chosen on the other parts), `better by`, `standard error` of that, and `taken`.
        """
        sign = self.study.task.score.sign
        return pd.DataFrame(
            {
                "method": step.method,
                f"{self.ensemble.metric} (cross-fitted)": sign * step.cross_fitted,
                "held before": sign * step.held_before if step.against else None,
                "better by": step.gain if step.against else None,
                "standard error": step.standard_error if step.against else None,
                "taken": "yes" if step.taken else "no",
            }
            for step in self.choice.steps
        )

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
