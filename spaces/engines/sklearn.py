"""Models that are scikit-learn estimators: preprocessing, one `fit` a fold, saving with skops."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.engines.boosted_trees import (
    is_boosted,
    one_row_of_boosted,
    read_boosted,
    without_boosted,
    write_boosted,
)
from spaces.engines.centre import centre_of
from spaces.engines.contract import Fold, InSteps, Output, Read, Store, Watch
from spaces.engines.curves import Curves
from spaces.engines.engine import SKLEARN
from spaces.engines.forests import is_forest, one_row_of_forest, read_trees, without_trees, write_trees
from spaces.engines.row_weights import of_mean_one, row_weights
from spaces.engines.within import fit_within
from spaces.inputs.kind import ReadBy
from spaces.inputs.prepared import Prepared, Reading, joined_reading, learn
from spaces.inputs.table.matrix import Recipe, Scaling
from spaces.inputs.text.vocabulary import TextRecipe
from spaces.language.space import Config
from spaces.machine.cores import threads
from spaces.machine.strange import check_archive
from spaces.probabilities import summing_to_one
from spaces.rows.signature import Signature

# What skops does not trust by itself, of the estimators in `spaces.families.estimators.builders`.
_TRUSTED = [
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
]
_TREES = "trees.npz"


@dataclass(frozen=True, eq=False)
class EstimatorFitted(InSteps):
    """An estimator trained on one fold.

    Attributes:
        estimator: The estimator.
        prepared: The preprocessing.
        outputs: 1, or the number of classes of the task.
        curves: There are none.
        centre: What was subtracted from values to be predicted before training.
    """

    library: ClassVar[str] = SKLEARN.name
    estimator: Any
    prepared: Prepared
    outputs: int
    curves: Curves = field(default_factory=dict)
    centre: float = 0.0

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[Output, ...] = ()) -> NDArray[Any]:
        """Return values `(rows, 1)`, or probabilities `(rows, classes)`; a class absent from the fold gets 0."""
        (matrix,) = read
        if matrix.shape[0] == 1 and isinstance(matrix, np.ndarray) and self._one_row is not None:
            found = self._one_row(matrix[0])[None]
        elif self.outputs == 1:
            found = self.estimator.predict(matrix).astype(np.float64)[:, None]
        else:
            found = self.estimator.predict_proba(matrix)
        if self.outputs == 1:
            values: NDArray[np.float64] = found + self.centre
            return values
        probabilities = np.zeros((matrix.shape[0], self.outputs))
        probabilities[:, self.estimator.classes_] = summing_to_one(found)
        return probabilities

    @cached_property
    def _one_row(self) -> Callable[[NDArray[Any]], NDArray[np.float64]] | None:
        """What sends a single row down all trees at once, made when the first comes; None where there are no trees."""
        if is_forest(self.estimator):
            return one_row_of_forest(self.estimator)
        return one_row_of_boosted(self.estimator) if is_boosted(self.estimator) else None

    def save(self, folder: Path) -> None:
        """Write `model.skops`, `preprocess.skops` and `model.json`, and trees as `trees.npz`."""
        import skops.io

        stored = self.estimator
        if trees := is_forest(stored):
            write_trees(stored, folder / _TREES)
            stored = without_trees(stored)
        elif trees := is_boosted(stored):
            write_boosted(stored, folder / _TREES)
            stored = without_boosted(stored)
        skops.io.dump(stored, folder / "model.skops", compression=8, compresslevel=1)
        settings = {
            "trees": trees,
            "library": self.library,
            "outputs": self.outputs,
            "centre": self.centre,
            "prepared": self.prepared.save(folder),
        }
        (folder / "model.json").write_text(json.dumps(settings))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> EstimatorFitted:
        """Read what `save` wrote."""
        import skops.io

        check_archive(folder / "model.skops")
        estimator = skops.io.load(folder / "model.skops", trusted=_TRUSTED)
        if settings.get("trees"):
            read = read_boosted if is_boosted(estimator) else read_trees
            read(estimator, folder / _TREES)
        prepared = store.prepared(folder, settings["prepared"])
        return EstimatorFitted(estimator, prepared, settings["outputs"], centre=settings["centre"])


@dataclass(frozen=True)
class EstimatorModel:
    """One configuration of an estimator, trained in one go.

    Attributes:
        make: Makes the estimator, given a seed and a number of threads.
        scaling: How numbers are preprocessed.
        signature: The task's.
        config: The configuration, for class weights.
        text: How texts are preprocessed, where the task has some.
        blind: Whether it looks at no input at all.
        by: Whether arrays are read as by linear models or by trees.
    """

    make: Callable[[int, int], Any]
    scaling: Scaling
    signature: Signature
    config: Config = field(default_factory=dict)
    text: TextRecipe | None = None
    blind: bool = False
    by: ReadBy = "linear"
    stops_early: ClassVar[bool] = False

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[EstimatorFitted]:
        """Train on all training rows of each fold in turn; nothing is reported, as no rows are left to watch."""
        recipe = Recipe(self.scaling, "onehot", self.signature.cardinalities)
        read = joined_reading(recipe, self.text, self.signature, config=self.config, by=self.by)
        reading = Reading((), (), joined=True) if self.blind else read
        from sklearn.dummy import DummyClassifier

        target = self.signature.target
        for fold in folds:
            prepared, matrix = learn(reading, fold.full.table, fold.full.target, target_kind=target.kind)
            with warnings.catch_warnings():  # a weakly penalised logistic model may stop at its iteration limit
                warnings.filterwarnings("ignore", category=UserWarning)
                one = target.kind != "regression" and len(np.unique(fold.full.target)) == 1
                made = DummyClassifier(strategy="prior") if one else self.make(fold.seed % 2**32, threads())
                weights = row_weights(self.config, fold.full)
                if hasattr(made, "max_samples"):  # a forest draws a share of the sum of weights: of the rows, so
                    weights = of_mean_one(weights)
                given = {} if weights is None else {"sample_weight": weights}
                centre = centre_of(fold.full.target, target)
                values = fold.full.target - centre if target.kind == "regression" else fold.full.target
                estimator = fit_within(made, fold.clock, lambda one: one.fit(matrix, values, **given))
            yield EstimatorFitted(estimator, prepared, target.outputs, centre=centre)
