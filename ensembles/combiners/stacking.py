"""Stacking: a model of a second level reads the members' predictions.

Linear: ridge regression of what is left after the plain average on how each member differs from it, so that a strong
penalty means the average; for classes, logistic regression on the members' log odds. Trees: boosted from the plain
average on, so that no tree at all means the average. Only the best few members take part, as their predictions are
much alike. A forest: grown on what the weighted average leaves, and added by half. Wolpert, "Stacked generalization",
Neural Networks, 1992; Breiman, "Stacked regressions", 1996.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ensembles.combiners.combiner import Combiner, Features, Unpooled
from ensembles.combiners.stacks import LinearStack, TreeStack, boosted_for
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights, check_predictions
from ensembles.solvers.regularized import regularized
from spaces.inputs.table.centred import Centred
from spaces.machine.cores import threads_for
from spaces.probabilities import SMALLEST, scores_of

_MOST_MEMBERS = 10
_MOST_STEPS = 300
_ALPHAS = np.logspace(-2, 5, 15)
_ROUNDS, _PATIENCE, _HELD_OUT = 300, 20, 0.2
_BOOSTED = {"max_depth": 3, "learning_rate": 0.05, "subsample": 0.8, "min_child_weight": 5.0, "tree_method": "hist"}
_FOREST = {
    "max_depth": 8, "learning_rate": 0.5, "subsample": 0.63, "colsample_bynode": 0.4, "reg_lambda": 0.0,
    "num_parallel_tree": 100, "tree_method": "hist",
}  # fmt: skip
_LEAST_ROWS, _LEAST_DOUBT = 15.0, 3.0  # of a leaf: rows, or for classes the sum of p (1 - p)


class Stackable(Unpooled):
    """What candidates of a second level have in common."""

    @property
    def plain(self) -> Any:
        """Itself."""
        return self

    def accepts(self, loss: Loss) -> bool:
        """Return whether the loss is one that such models minimise."""
        return loss.name in ("log_loss", "mse", "rmse")

    def check(self, predictions: Predictions, target: NDArray[Any], loss: Loss) -> None:
        """Raise ValueError where the loss is another one, there are several targets, or shapes do not fit."""
        check_predictions(predictions, target)
        if not self.accepts(loss) or np.ndim(target) > 1:
            raise ValueError(f"stacking needs log_loss, mse or rmse and one target, got {loss.name!r}: use nelder_mead")


@dataclass(frozen=True)
class Stacking(Stackable):
    """A candidate that fits a model of the second level.

    Attributes:
        model: Which one.
        with_features: Whether trees see the rows' own columns too.
        seed: Draws the rows that choose the number of boosted trees, and each tree's rows and columns.
    """

    model: Literal["linear", "trees", "forest"]
    with_features: bool = False
    seed: int = 0

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

        Raises:
            ValueError: The loss is another one, there are several targets, or features are needed and not given.
        """
        self.check(predictions, target, loss)
        if self.with_features and features is None:
            raise ValueError(f"stack_{self.model}_on_rows needs the rows' features: give fit(..., features=...)")
        if self.model == "forest":
            weights = regularized(predictions, target, loss, sample_weight=sample_weight)
            used = np.flatnonzero(weights)
            shares = weights[used]
        else:
            alone = [loss(target, member, sample_weight) for member in predictions]
            used = np.sort(np.argsort(alone, kind="stable")[:_MOST_MEMBERS])
            shares = np.full(len(used), 1 / len(used))
        if self.model == "linear":
            return _linear(predictions, target, used, sample_weight=sample_weight)
        features = features if self.with_features else None
        return self._trees(predictions, target, used, shares=shares, sample_weight=sample_weight, features=features)

    def _trees(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        used: NDArray[np.int64],
        *,
        shares: Weights,
        sample_weight: SampleWeight,
        features: Features,
    ) -> TreeStack:
        import xgboost

        outputs = predictions.shape[2]
        parameters = {**boosted_for(outputs), "seed": self.seed}
        offset = float(np.mean(target, dtype=np.float64)) if outputs == 1 else 0.0
        stack = TreeStack(None, len(predictions), used, shares, outputs, features is not None, np.zeros(1), offset)
        columns = stack.columns(predictions, features)
        stack = replace(stack, centres=Centred().fit(columns).centres_)
        parameters["nthread"] = threads_for(*columns.shape)

        def matrix(rows: NDArray[np.int64]) -> xgboost.DMatrix:
            found = stack.matrix(predictions[:, rows], None if features is None else features[rows])
            found.set_info(label=target[rows] - offset, weight=None if sample_weight is None else sample_weight[rows])
            return found

        if self.model == "forest":
            leaf = _LEAST_ROWS if outputs == 1 else _LEAST_DOUBT
            grown = xgboost.train(
                {**parameters, **_FOREST, "min_child_weight": leaf}, matrix(np.arange(len(target))), 1
            )
            return replace(stack, booster=grown)
        parameters |= _BOOSTED
        order = np.random.default_rng(self.seed).permutation(len(target))
        held_out = max(1, round(_HELD_OUT * len(order)))
        watched = xgboost.train(
            parameters,
            matrix(order[held_out:]),
            _ROUNDS,
            evals=[(matrix(order[:held_out]), "held_out")],
            callbacks=[xgboost.callback.EarlyStopping(rounds=_PATIENCE)],
            verbose_eval=False,
        )
        # XGBoost has no score for zero trees: where the first tree is the best, it is left out too.
        rounds = watched.best_iteration + 1 if watched.best_iteration else 0
        booster = xgboost.train(parameters, matrix(np.arange(len(target))), rounds)
        return replace(stack, booster=booster)


def _logistic(
    columns: NDArray[np.float64], target: NDArray[Any], *, sample_weight: SampleWeight
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coefficients and intercepts of a logistic regression, learned of columns that are centred."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean = columns.mean(axis=0)
    # C = 1 is a standard normal prior on coefficients of log odds, which are of that size.
    model = LogisticRegression(C=1.0, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():  # after so many steps it is close enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(columns - mean, target, sample_weight=sample_weight)
    return model.coef_, model.intercept_ - model.coef_ @ mean


def _linear(
    predictions: Predictions, target: NDArray[Any], used: NDArray[np.int64], *, sample_weight: SampleWeight
) -> LinearStack:
    from sklearn.linear_model import RidgeCV

    inputs = scores_of(predictions[used])
    members, rows, width = inputs.shape
    if width == 1 and predictions.shape[2] == 1:
        mean = inputs.mean(axis=0)[:, 0]
        ridge = RidgeCV(alphas=_ALPHAS).fit((inputs[:, :, 0] - mean).T, target - mean, sample_weight=sample_weight)
        found = ridge.coef_ + (1 - ridge.coef_.sum()) / members  # the same, in terms of the members themselves
        coefficients, intercept = found[:, None, None], np.array([float(ridge.intercept_)])
    else:
        classes = predictions.shape[2]
        outputs = 1 if classes == 2 else classes
        coefficients, intercept = np.zeros((members, width, outputs)), np.full(outputs, np.log(SMALLEST))
        present = np.unique(target)
        columns = inputs.transpose(1, 0, 2).reshape(rows, members * width)
        if len(present) == 1:  # nothing to learn but that the others do not occur
            intercept[:] = np.log(SMALLEST) if classes > 2 or present[0] == 0 else -np.log(SMALLEST)
            intercept[present if classes > 2 else []] = 0.0
        else:
            learned, offsets = _logistic(columns, target, sample_weight=sample_weight)
            if classes > 2 and len(present) == 2:  # two of several classes occur: scikit-learn then has one output
                learned, offsets = np.vstack([-learned / 2, learned / 2]), np.hstack([-offsets / 2, offsets / 2])
            at = [0] if classes == 2 else present
            coefficients[:, :, at] = learned.reshape(-1, members, width).transpose(1, 2, 0)
            intercept[at] = offsets
    everywhere = np.zeros((len(predictions), *coefficients.shape[1:]))
    everywhere[used] = coefficients
    return LinearStack(everywhere, intercept, predictions.shape[2])
