"""What predicts, made of a study's trials: predictions, scores on a person's own rows, a folder to take home."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ensembles.ensemble import Ensemble
from ensembles.member import Member
from spaces.families.family import Family
from spaces.machine.mistakes import all_briefly
from tuner.amounts import Count, Natural
from tuner.archive.study_folder import Archive
from tuner.ensembling.publishing import publish_saved
from tuner.trials.guests import restored_mlflow

if TYPE_CHECKING:
    import pandas as pd


_FILES = (".keras", ".h5", ".pkl", ".joblib")  # names by which other tools save a model


@all_briefly
@dataclass(frozen=True, repr=False)
class Predictor:
    """What predicts, made of a study's trials.

    Attributes:
        ensemble: Members and weights.
        study: The study.
    """

    ensemble: Ensemble
    study: Archive

    @property
    def members(self) -> tuple[Member, ...]:
        """The members; for the linear pool, weights sum to one."""
        return self.ensemble.members

    @property
    def scores(self) -> dict[str, Any]:
        """What is known of its quality; of an ensemble see `StudyEnsemble`."""
        return dict(self.ensemble.scores)

    def predict(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict values or labels; see `ensembles.Ensemble.predict`."""
        return self.ensemble.predict(rows, as_frame=as_frame)

    def predict_proba(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict probabilities, columns in sorted label order; see `ensembles.Ensemble.predict_proba`."""
        return self.ensemble.predict_proba(rows, as_frame=as_frame)

    def predict_interval(self, rows: Any, coverage: float = 0.9, *, as_frame: bool = False) -> Any:
        """Predict intervals of a number; see `ensembles.Ensemble.predict_interval`."""
        return self.ensemble.predict_interval(rows, coverage, as_frame=as_frame)

    def predict_set(self, rows: Any, coverage: float = 0.9, *, as_frame: bool = False) -> Any:
        """Predict sets of labels; see `ensembles.Ensemble.predict_set`."""
        return self.ensemble.predict_set(rows, coverage, as_frame=as_frame)

    def predict_members(self, rows: Any, *, as_frame: bool = False) -> Any:
        """Predict with each member alone, by its trial's name; see `ensembles.Ensemble.predict_members`."""
        return self.ensemble.predict_members(rows, as_frame=as_frame)

    def warm_up(self) -> Self:
        """Load the models and predict an empty row, so that the first prediction is as quick as later ones."""
        self.ensemble.warm_up()
        return self

    def evaluate(self, rows: Any, y: Any = None, *, sample_weight: Any = None) -> dict[str, float]:
        """Score rows of yours by every metric of the task, the deciding one first.

        Rows that the models were trained on look better than new ones do. Where all test rows are among the rows, the
        study counts a look at them, as `StudyEnsemble.test` does.

        Args:
            rows: As for `predict`, with the columns of the target unless labels stand beside.
            y: Labels or values, `(rows,)`, or of several targets `(rows, targets)`.
            sample_weight: How much each row counts: a column, or numbers `(rows,)`. A task with weights needs them.

        Returns:
            The metrics by name; NaN where one is undefined on these rows, as ROC AUC is of a single class.

        Raises:
            DataError, TableError: Rows, labels or weights cannot be used.
        """
        from tuner.ensembling.evaluation import evaluation_of, read_rows

        return evaluation_of(self.study, self.ensemble, read_rows(self.study, rows, y, sample_weight=sample_weight))

    def importance(
        self, rows: Any, y: Any = None, *, sample_weight: Any = None, repeats: Count = 5, seed: Natural = 0
    ) -> pd.DataFrame:
        """Return how much worse the deciding metric gets when a column's values are shuffled among rows of yours.

        Columns that say the same share what they are worth, or hide each other. Breiman, "Random Forests", Machine
        Learning, 2001.

        Args:
            rows: As for `evaluate`.
            y: As for `evaluate`.
            sample_weight: As for `evaluate`.
            repeats: How often each column is shuffled; each time all rows are predicted.
            seed: Shuffles the same again.

        Returns:
            A row for each column, the most important first: `column`, `importance` (the mean; above zero where the
            metric gets worse) and `std` over the repeats.

        Raises:
            DataError, TableError: Rows, labels or weights cannot be used.
            StudyError: The deciding metric is undefined on these rows.
        """
        from tuner.ensembling.evaluation import read_rows
        from tuner.ensembling.importance import permutation_importance

        given = read_rows(self.study, rows, y, sample_weight=sample_weight)
        return permutation_importance(self.study, self.ensemble, given, repeats=repeats, seed=seed)

    @restored_mlflow()
    def refit(self, families: Sequence[Family] = ()) -> Self:
        """Return the same with each member trained once more, on all rows, in place of its fold models.

        Networks train for the median of the best epochs of the folds, boosted trees for that of the best rounds. Scores
        stay those of the fold models: nothing is held out to score the new ones.

        Args:
            families: Families of your own, as they were tuned, of which there are members: builders are not stored.

        Raises:
            StudyError: A member is of a family of your own that is not given, or another one now, or had callbacks of
                yours, or it is the joint model.
        """
        from tuner.ensembling.more_models import refitted

        members = tuple(refitted(self.study, member, families) for member in self.members)
        scores = {**self.ensemble.scores, "models": "refitted on all rows; the scores are those of the fold models"}
        return replace(self, ensemble=replace(self.ensemble, members=members, scores=scores))

    def save(self, folder: str | Path) -> Path:
        """Write all that prediction needs into one folder, from which `tuner.load` reads it.

        Raises:
            ValueError: The name is that of a file of Keras or of a pickle.
        """
        if Path(folder).suffix in _FILES:
            raise ValueError(
                f"save writes a folder, got the name of a file, {str(folder)!r}: name a folder, such as "
                f"{Path(folder).stem!r}. A network alone is exported: study.model(name).refit().export('model.keras')"
            )
        return self.ensemble.save(folder)

    def publish(self, name: str, *, alias: str | None = None) -> str:
        """Register it as a model of MLflow, where the study is tracked, and return the version.

        `mlflow.pyfunc.load_model("models:/churn@champion").predict(frame)` then predicts with it.

        Args:
            name: The model's name, such as `"churn"`.
            alias: A name for the version, such as `"champion"`.
        """
        with tempfile.TemporaryDirectory() as place:
            bundle = self.ensemble.save(Path(place) / "ensemble")
            return publish_saved(self.study.folder, name, alias=alias, bundle=bundle)
