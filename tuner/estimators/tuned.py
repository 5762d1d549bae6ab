"""`TunedClassifier` and `TunedRegressor`: a study and its ensemble as an estimator of scikit-learn."""

from __future__ import annotations

import inspect
import shutil
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from ensembles.ensemble import Ensemble
from spaces.machine.habits import ESTIMATOR, no_attribute
from spaces.machine.mistakes import all_briefly, briefly
from tuner.amounts import Count, Duration, Natural
from tuner.ensembling.build import build_ensemble, check_method, held_out_for
from tuner.estimators.bundle import Bundle, deleted_with, temporary_folder
from tuner.estimators.rows import frame_of, usual_split, with_column
from tuner.launch.on_trial import OnTrial
from tuner.launch.plan import Families
from tuner.launch.tune import tune
from tuner.scoring.score import Metric
from tuner.search.turns import Rule
from tuner.study import Study
from tuner.task.splits import Split
from tuner.task.task import Task
from tuner.tracking.shown import CurvesShown, TrialsShown


@all_briefly
class _Tuned(BaseEstimator):
    """What both estimators share."""

    @briefly
    def __init__(
        self,
        families: Families | None = None,
        *,
        metric: str | Metric | None = None,
        split: Split | Mapping[str, Any] | str | None = None,
        categories: Sequence[str] = (),
        text: Sequence[str] = (),
        method: str = "auto",
        top: Count = 5,
        sampler: str | Any = "optuna.tpe",
        pruner: str | Any = "percentile",
        fold_pruning: bool = True,
        refit: bool | None = None,
        trials: Count | None = None,
        time: Duration | None = None,
        trial_time: Duration | None = None,
        max_failures: Count | None = None,
        workers: Natural | Literal["ray"] | None = 0,
        seed: Natural = 0,
        folder: str | Path | None = None,
        tracking: str | None = None,
        ledger: str | None = None,
        ray: Mapping[str, Any] | None = None,
        log_curves: CurvesShown = "mean",
        log_trials: TrialsShown = "all",
        turns: Rule | None = None,
        weights: Mapping[str, float] | None = None,
        start: Sequence[Mapping[str, Any]] | None = None,
        like: str | Path | Any | None = None,
        disk: float = 8e9,
        progress: bool = False,
        on_trial: OnTrial | Sequence[OnTrial] | None = None,
        callbacks: Sequence[str | Mapping[str, Any] | Callable[..., Any]] = (),
    ) -> None:
        self.families = families
        self.metric = metric
        self.split = split
        self.categories = categories
        self.text = text
        self.method = method
        self.top = top
        self.sampler = sampler
        self.pruner = pruner
        self.fold_pruning = fold_pruning
        self.refit = refit
        self.trials = trials
        self.time = time
        self.trial_time = trial_time
        self.max_failures = max_failures
        self.workers = workers
        self.seed = seed
        self.folder = folder
        self.tracking = tracking
        self.ledger = ledger
        self.ray = ray
        self.log_curves = log_curves
        self.log_trials = log_trials
        self.turns = turns
        self.weights = weights
        self.start = start
        self.like = like
        self.disk = disk
        self.progress = progress
        self.on_trial = on_trial
        self.callbacks = callbacks

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None) -> Self:  # noqa: N803
        """Run the study, and keep its ensemble.

        Args:
            X: A data frame or an array `(rows, columns)`; missing values, categories and dates are welcome.
            y: Labels or values, `(rows,)`.
            sample_weight: How often each row counts, `(rows,)`; rows of weight zero are left out.
            groups: Which rows belong together, `(rows,)`; they are never parted by a fold.

        Raises:
            ValueError: Rows, labels or an argument cannot be used.
        """
        frame = frame_of(self, X, y=y)
        labels = self._labels(y)
        check_consistent_length(frame, labels)
        roles: dict[str, str] = {}
        columns = {"sample_weight": sample_weight, "group": groups}
        if sample_weight is not None:
            columns["sample_weight"] = _check_sample_weight(sample_weight, frame)
        for role, values in columns.items():
            if values is not None:
                frame, roles[role] = with_column(frame, role, values)
        if sample_weight is not None:
            counts = columns["sample_weight"] != 0
            frame, labels = frame[counts], labels[counts]
        if len(labels) < 2:
            raise ValueError(f"rows that count must be two at least, got n_samples = {len(labels)}")
        self._note(labels)
        self._search(frame.reset_index(drop=True), labels, roles)
        return self

    def _search(self, frame: pd.DataFrame, labels: NDArray[Any], roles: Mapping[str, str]) -> None:
        split = self.split
        if split is None and "group" not in roles:
            split = usual_split(labels, classes=self._kind(labels) != "regression")
        task = Task(
            frame,
            labels,
            kind=self._kind(labels),
            metric=self.metric,
            split=split,
            categories=self.categories,
            text=self.text,
            seed=self.seed,
            group=roles.get("group"),
            sample_weight=roles.get("sample_weight"),
        )
        check_method(task, self.method)
        known = inspect.signature(tune).parameters.keys() & self.get_params(deep=False).keys()
        arguments = {name: getattr(self, name) for name in known}
        folder = temporary_folder() if self.folder is None else Path(self.folder)
        try:
            self.study_: Study = tune(
                task, **{**arguments, "folder": folder / "study" if self.folder is None else folder}
            )
        except BaseException:
            if self.folder is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        if self.folder is None:
            deleted_with(self.study_, folder)
        held = held_out_for(self.study_, self.method, self.top)
        self._bundle = Bundle(build_ensemble(self.study_, self.method, held).ensemble)

    @property
    def ensemble_(self) -> Ensemble:
        """The fitted ensemble."""
        check_is_fitted(self)
        return self._bundle.ensemble

    @abstractmethod
    def _labels(self, y: Any) -> NDArray[Any]:
        """Check labels, and return them `(rows,)`."""

    @abstractmethod
    def _kind(self, labels: NDArray[Any]) -> str:
        """Return the kind of the target."""

    def _note(self, labels: NDArray[Any]) -> None:
        """Note what the labels of the rows that count tell."""

    def _outputs(self, rows: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        return self._bundle.ensemble.raw(frame_of(self, rows, reset=False))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(
                no_attribute(f"'{type(self).__name__}' object", name, dir(type(self)), habits=ESTIMATOR)
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_bundle")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "study_"}


@all_briefly
class TunedClassifier(ClassifierMixin, _Tuned):
    """A classifier that is the ensemble of a study.

    Arguments are those of `tuner.tune`, with other defaults: nothing is tracked, everything runs in this process, the
    study lies in a temporary folder, and no line is printed. A pickle holds the ensemble, not the study.

    Args:
        families: Families, or changes of their spaces by name; all that fit when left out, but extras.
        metric: What decides, as `tuner.Task` takes it; log loss when left out.
        split: How rows are divided; stratified 5 folds when left out, fewer where a class has fewer rows.
        categories: Columns that are read as categories whatever their values look like.
        text: Columns of texts.
        method: The ensemble's method, as `Study.ensemble` takes it.
        top: At most so many trials of each family are candidates of the ensemble.
        sampler, pruner, fold_pruning, refit, trials, time, trial_time, max_failures, workers, seed: See `tuner.tune`.
        folder: Where to keep the study; a folder serves one fit only. A temporary one when left out.
        tracking, log_curves, log_trials, turns, weights, start, like, disk, progress, on_trial, callbacks: See
            `tuner.tune`.

    Attributes:
        classes_: The labels, sorted: the order of `predict_proba`'s columns.
        n_features_in_: The number of columns.
        feature_names_in_: Their names, where there are any.
        ensemble_: The ensemble.
        study_: The study, where this object was fitted; a pickle or a copy has none.
    """

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Predict labels `(rows,)`."""
        outputs = self._outputs(X)
        found: NDArray[Any] = self.classes_[self._bundle.ensemble.decisions(outputs).argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Predict probabilities `(rows, classes)`, in the order of `classes_`."""
        return self._outputs(X)

    def _labels(self, y: Any) -> NDArray[Any]:
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        return labels

    def _kind(self, labels: NDArray[Any]) -> str:
        return "binary" if len(self.classes_) == 2 else "multiclass"

    def _note(self, labels: NDArray[Any]) -> None:
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, got one class: {self.classes_.tolist()}")


@all_briefly
class TunedRegressor(RegressorMixin, _Tuned):
    """A regressor that is the ensemble of a study; arguments and attributes are those of `TunedClassifier`.

    The metric is RMSE and the split 5 folds when left out.
    """

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Predict values `(rows,)`."""
        return self._outputs(X)[:, 0]

    def _labels(self, y: Any) -> NDArray[Any]:
        labels: NDArray[Any] = column_or_1d(y, dtype=np.float64, warn=True)
        assert_all_finite(labels, input_name="y")
        return labels

    def _kind(self, labels: NDArray[Any]) -> str:
        return "regression"
