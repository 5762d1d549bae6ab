"""A second layer of boosted trees, which read what the members say and the rows, mixed with the members' average.

They are grown as a trial is: each of three parts of the rows is held out once, says when to stop, and is predicted; the
mean of the three predicts new rows. How much they count beside the average is chosen on the parts held out. Van der
Laan, Polley, Hubbard, "Super learner", 2007; Erickson et al., "AutoGluon-Tabular", 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from ensembles.combiners.combiner import Combiner, Features, Read, Undecided
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.stacking import Stackable
from ensembles.combiners.stacks import boosted_for
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights
from ensembles.solvers.regularized import regularized
from spaces.engines.xgboost_file import check_text
from spaces.inputs.table.centred import Centred
from spaces.machine.cores import threads_for
from spaces.probabilities import scores_of

_PARTS, _FEWEST_ROWS = 3, 30
_MOST_MEMBERS = 12  # those by which a first part's trees gain most
_SHARES = np.linspace(0.0, 1.0, 21)
_ROUNDS, _PATIENCE = 600, 15
_BOOSTED = {
    "max_depth": 6, "learning_rate": 0.07, "subsample": 0.8, "colsample_bynode": 0.5, "min_child_weight": 5.0,
    "tree_method": "hist",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LayerStack(Undecided):
    """The members' average, mixed with the mean of boosted trees that read members and rows.

    Attributes:
        boosters: The trees of each part.
        average: How much each member counts in the average, `(members,)`.
        used: Indices of the members that the trees see.
        share: How much the trees count.
        classes: How many; 1 for values.
        centres: What is subtracted from each column before it becomes float32, `(columns,)`.
        offset: What is subtracted from values before they become float32, and added to what the trees say; 0 for
            classes.
    """

    boosters: tuple[Any, ...]
    average: Weights
    used: NDArray[np.int64]
    share: float
    classes: int
    centres: NDArray[np.float64]
    offset: float = 0.0

    @property
    def weights(self) -> Weights:
        """Those of the average, and beside them the trees' share, of those that they see alike."""
        seen = np.zeros(len(self.average))
        seen[self.used] = 1 / len(self.used)
        mixed: Weights = (1 - self.share) * self.average + self.share * seen
        return mixed

    def columns(self, predictions: Predictions, features: Features) -> NDArray[np.float64]:
        """Return what the trees see of some rows, `(rows, columns)`, as float64.

        Raises:
            ValueError: The rows' features are not given.
        """
        if features is None:
            raise ValueError("stack_trees_on_rows needs the rows' features: give fit(..., features=...)")
        return np.hstack([*scores_of(predictions[self.used]), features])

    def matrix(self, predictions: Predictions, features: Features) -> Any:
        """Return the boosters' input."""
        import xgboost

        columns = self.columns(predictions, features) - self.centres
        return xgboost.DMatrix(columns, nthread=threads_for(*columns.shape))

    def said_by(self, booster: Any, matrix: Any) -> NDArray[np.float64]:
        """Return what the trees of one part predict, `(rows, outputs)`."""
        booster.set_param({"nthread": threads_for(matrix.num_row(), matrix.num_col())})
        found = booster.predict(matrix).astype(np.float64).reshape(matrix.num_row(), -1)
        return np.hstack([1 - found, found]) if self.classes == 2 else found + self.offset

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the mixed values or probabilities."""
        matrix = self.matrix(predictions, features)
        trees = np.mean([self.said_by(booster, matrix) for booster in self.boosters], axis=0)
        return _mixed(predictions, trees, average=self.average, share=self.share)

    def pruned(self, share: float) -> LayerStack:
        """Return it as it is."""
        return self

    def only(self, members: NDArray[np.int64]) -> LayerStack:
        """Return it for some members, all that the trees see among them."""
        place = {int(member): i for i, member in enumerate(members)}
        used = np.array([place[int(member)] for member in self.used])
        return replace(self, average=self.average[members], used=used)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, the trees in XGBoost's own JSON."""
        return {
            "kind": "layer_stack",
            "boosters": [booster.save_raw("json").decode() for booster in self.boosters],
            "average": self.average.tolist(),
            "used": self.used.tolist(),
            "share": self.share,
            "classes": self.classes,
            "centres": self.centres.tolist(),
            "offset": self.offset,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> LayerStack:
        """Rebuild what `to_json` returned, once the trees were looked into."""
        import xgboost

        for booster in data["boosters"]:
            check_text(booster, "the stack of trees")
        boosters = tuple(xgboost.Booster(model_file=bytearray(booster.encode())) for booster in data["boosters"])
        arrays = {name: np.array(data[name]) for name in ("average", "used", "centres")}
        return LayerStack(boosters, share=data["share"], classes=data["classes"], offset=data["offset"], **arrays)


@dataclass(frozen=True)
class SecondLayer(Stackable):
    """A candidate that fits boosted trees on members and rows, in parts, and their share beside the average.

    Attributes:
        seed: Cuts the parts, and draws each tree's rows and columns.
    """

    seed: int = 0
    with_features = True

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Combiner:
        """Fit it; see `ensembles.combiners.combiner.Candidate.fit`.

        Returns:
            The average alone where the trees are of no use, and of fewer than thirty rows.

        Raises:
            ValueError: The loss is another one, there are several targets, or there are no features.
        """
        self.check(predictions, target, loss)
        average = regularized(predictions, target, loss, sample_weight=sample_weight)
        if len(target) < _FEWEST_ROWS:
            return Pooled(average, "linear")
        outputs = predictions.shape[2]
        offset = float(np.mean(target, dtype=np.float64)) if outputs == 1 else 0.0
        stack = LayerStack((), average, np.arange(len(predictions)), 1.0, outputs, np.zeros(1), offset)
        grow = partial(self._grown, predictions, target, features=features, sample_weight=sample_weight)
        if len(predictions) > _MOST_MEMBERS:
            first, _ = grow(stack, parts=1)
            stack = replace(stack, used=_most_read(first, len(predictions)))
        stack, trees = grow(stack, parts=_PARTS)
        mixed = partial(_mixed, predictions, trees, average=average)
        losses = [loss(target, mixed(share=share), sample_weight) for share in _SHARES]
        share = float(_SHARES[int(np.argmin(losses))])
        return replace(stack, share=share) if share else Pooled(average, "linear")

    def _grown(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        stack: LayerStack,
        *,
        parts: int,
        features: Features,
        sample_weight: SampleWeight,
    ) -> tuple[LayerStack, NDArray[np.float64]]:
        """Return it with the trees of the first parts, and what each predicts of the rows that it did not grow on."""
        import xgboost

        columns, outputs = stack.columns(predictions, features), stack.classes
        stack = replace(stack, centres=Centred().fit(columns).centres_)
        parameters = {**_BOOSTED, **boosted_for(outputs), "seed": self.seed, "nthread": threads_for(*columns.shape)}

        def matrix(rows: NDArray[np.int64]) -> Any:
            found = stack.matrix(predictions[:, rows], None if features is None else features[rows])
            counts = None if sample_weight is None else sample_weight[rows]
            found.set_info(label=target[rows] - stack.offset, weight=counts)
            return found

        boosters, said = [], np.zeros((len(target), outputs))
        dealt = KFold(_PARTS, shuffle=True, random_state=self.seed).split(columns)
        for grown_on, held_out in islice(dealt, parts):
            rest = matrix(held_out)
            booster = xgboost.train(
                parameters,
                matrix(grown_on),
                _ROUNDS,
                evals=[(rest, "held_out")],
                callbacks=[xgboost.callback.EarlyStopping(rounds=_PATIENCE, save_best=True)],
                verbose_eval=False,
            )
            boosters.append(booster)
            said[held_out] = stack.said_by(booster, rest)
        return replace(stack, boosters=tuple(boosters)), said


def _most_read(stack: LayerStack, members: int) -> NDArray[np.int64]:
    """Return the members by whose columns the trees gain most, in their order."""
    gains = stack.boosters[0].get_score(importance_type="total_gain")
    width = 1 if stack.classes <= 2 else stack.classes
    columns = np.array([gains.get(f"f{k}", 0.0) for k in range(members * width)])
    gained = columns.reshape(members, width).sum(axis=1)
    return np.sort(np.argsort(-gained, kind="stable")[:_MOST_MEMBERS])


def _mixed(
    predictions: Predictions, trees: NDArray[np.float64], *, average: Weights, share: float
) -> NDArray[np.float64]:
    """Return the average of the members, mixed with what trees say."""
    mixed: NDArray[np.float64] = (1 - share) * np.tensordot(average, predictions, 1) + share * trees
    return mixed
