"""Stacking: a model of a second level reads the members' predictions.

Linear: ridge regression of what is left after the plain average on how each member differs from it, so that a strong
penalty means the average; for classes, logistic regression on the members' log odds. Trees: boosted from the plain
average on, so that no tree at all means the average. Only the best few members take part, as their predictions are
much alike. Wolpert, "Stacked generalization", Neural Networks, 1992; Breiman, "Stacked regressions", 1996.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ensembles.combiners import Combiner, Features
from ensembles.losses import Loss, SampleWeight
from ensembles.pools import Predictions, Weights, check_predictions
from spaces.probabilities import SMALLEST, scores_of

_MOST_MEMBERS = 10
_ALPHAS = np.logspace(-2, 5, 15)
_ROUNDS, _PATIENCE, _HELD_OUT = 300, 20, 0.2
_TREES = {"max_depth": 3, "learning_rate": 0.05, "subsample": 0.8, "min_child_weight": 5.0, "tree_method": "hist"}


@dataclass(frozen=True)
class Stacking:
    """A candidate that fits a model of the second level.

    Attributes:
        model: Which one.
        with_features: Whether trees see the rows' own columns too.
        seed: Draws the rows that choose the number of trees, and each tree's rows.
    """

    model: Literal["linear", "trees"]
    with_features: bool = False
    seed: int = 0

    def accepts(self, loss: Loss) -> bool:
        """Return whether the loss is one that such models minimise."""
        return loss.name in ("log_loss", "mse", "rmse")

    def fit(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        loss: Loss,
        *,
        sample_weight: SampleWeight = None,
        features: Features = None,
    ) -> Combiner:
        """Fit it; see `ensembles.combiners.Candidate.fit`.

        Raises:
            ValueError: The loss is another one, there are several targets, or features are needed and not given.
        """
        check_predictions(predictions, target)
        if not self.accepts(loss) or np.ndim(target) > 1:
            raise ValueError(f"stacking needs log_loss, mse or rmse and one target, got {loss.name!r}: use nelder_mead")
        if self.with_features and features is None:
            raise ValueError("stack_trees_on_rows needs the rows' features: give fit(..., features=...)")
        alone = [loss(target, member, sample_weight) for member in predictions]
        used = np.sort(np.argsort(alone, kind="stable")[:_MOST_MEMBERS])
        if self.model == "linear":
            return _linear(predictions, target, used, sample_weight)
        return self._trees(predictions, target, used, sample_weight, features if self.with_features else None)

    def _trees(
        self,
        predictions: Predictions,
        target: NDArray[Any],
        used: NDArray[np.int64],
        sample_weight: SampleWeight,
        features: Features,
    ) -> TreeStack:
        import xgboost

        from spaces.cores import threads

        outputs = predictions.shape[2]
        objective = "reg:squarederror" if outputs == 1 else "binary:logistic" if outputs == 2 else "multi:softprob"
        parameters = {**_TREES, "objective": objective, "seed": self.seed, "nthread": threads(), "verbosity": 0}
        if outputs > 2:
            parameters["num_class"] = outputs
        stack = TreeStack(None, len(predictions), used, outputs, features is not None)

        def matrix(rows: NDArray[np.int64]) -> xgboost.DMatrix:
            found = stack.matrix(predictions[:, rows], None if features is None else features[rows])
            found.set_info(label=target[rows], weight=None if sample_weight is None else sample_weight[rows])
            return found

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
        # Of no tree at all there is no score: where the first one is the best, it counts as one too many.
        rounds = watched.best_iteration + 1 if watched.best_iteration else 0
        booster = xgboost.train(parameters, matrix(np.arange(len(target))), rounds)
        return TreeStack(booster, len(predictions), used, outputs, features is not None)


@dataclass(frozen=True, eq=False)
class LinearStack:
    """A linear model of the members' values or log odds.

    Attributes:
        coefficients: `(members, inputs, outputs)`: for values one input and output; for two classes the log odds and
            one output; for more classes their centred log probabilities, and an output for each.
        intercept: `(outputs,)`.
        classes: How many; 1 for values.
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    classes: int

    @property
    def weights(self) -> Weights:
        """Each member's share of the coefficients' absolute values."""
        sizes = np.abs(self.coefficients).sum(axis=(1, 2))
        shares: Weights = sizes / sizes.sum() if sizes.sum() > 0 else np.full(len(sizes), 1 / len(sizes))
        return shares

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the linear model's values or probabilities."""
        scores = np.einsum("mri,mio->ro", scores_of(predictions), self.coefficients, optimize=True) + self.intercept
        if self.classes == 1:
            return scores
        logits = np.hstack([np.zeros_like(scores), scores]) if self.classes == 2 else scores
        found: NDArray[np.float64] = softmax(logits, axis=1)
        return found

    def pruned(self, share: float) -> LinearStack:
        """Return it as it is."""
        return self

    def only(self, members: NDArray[np.int64]) -> LinearStack:
        """Return it for some members."""
        return LinearStack(self.coefficients[members], self.intercept, self.classes)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": "linear_stack",
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept.tolist(),
            "classes": self.classes,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> LinearStack:
        """Rebuild what `to_json` returned."""
        return LinearStack(np.array(data["coefficients"]), np.array(data["intercept"]), data["classes"])


@dataclass(frozen=True, eq=False)
class TreeStack:
    """Trees boosted from the members' plain average.

    Attributes:
        booster: The trees; None before they are grown.
        members: How many members there are.
        used: Indices of the members that the trees see.
        classes: How many; 1 for values.
        with_features: Whether the trees see the rows' own columns too.
    """

    booster: Any
    members: int
    used: NDArray[np.int64]
    classes: int
    with_features: bool

    @property
    def weights(self) -> Weights:
        """The same for every member that takes part: all are in the average the trees start from."""
        weights = np.zeros(self.members)
        weights[self.used] = 1 / len(self.used)
        return weights

    def matrix(self, predictions: Predictions, features: Features) -> Any:
        """Return the booster's input: what each member says, the rows' columns, and the average as the start."""
        import xgboost

        inputs = scores_of(predictions[self.used])
        columns = np.concatenate(list(inputs), axis=1)
        if self.with_features:
            if features is None:
                raise ValueError("these trees need the rows' features beside the predictions")
            columns = np.hstack([columns, features])
        start = inputs.mean(axis=0)
        return xgboost.DMatrix(columns, base_margin=start[:, 0] if start.shape[1] == 1 else start)

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the trees' values or probabilities."""
        found = (
            self.booster.predict(self.matrix(predictions, features))
            .astype(np.float64)
            .reshape(predictions.shape[1], -1)
        )
        return np.hstack([1 - found, found]) if self.classes == 2 else found

    def pruned(self, share: float) -> TreeStack:
        """Return it as it is."""
        return self

    def only(self, members: NDArray[np.int64]) -> TreeStack:
        """Return it for some members, all that the trees see among them."""
        place = {int(member): i for i, member in enumerate(members)}
        used = np.array([place[int(member)] for member in self.used])
        return TreeStack(self.booster, len(members), used, self.classes, self.with_features)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, the trees in XGBoost's own JSON."""
        return {
            "kind": "tree_stack",
            "booster": self.booster.save_raw("json").decode(),
            "members": self.members,
            "used": self.used.tolist(),
            "classes": self.classes,
            "with_features": self.with_features,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TreeStack:
        """Rebuild what `to_json` returned."""
        import xgboost

        booster = xgboost.Booster(model_file=bytearray(data["booster"].encode()))
        return TreeStack(booster, data["members"], np.array(data["used"]), data["classes"], data["with_features"])


def _linear(
    predictions: Predictions, target: NDArray[Any], used: NDArray[np.int64], sample_weight: SampleWeight
) -> LinearStack:
    from sklearn.linear_model import LogisticRegression, RidgeCV

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
            # C = 1 is a standard normal prior on coefficients of log odds, which are of that size.
            model = LogisticRegression(C=1.0, max_iter=2000).fit(columns, target, sample_weight=sample_weight)
            learned, offsets = model.coef_, model.intercept_
            if classes > 2 and len(present) == 2:  # two of several classes occur: scikit-learn then has one output
                learned, offsets = np.vstack([-learned / 2, learned / 2]), np.hstack([-offsets / 2, offsets / 2])
            at = [0] if classes == 2 else present
            coefficients[:, :, at] = learned.reshape(-1, members, width).transpose(1, 2, 0)
            intercept[at] = offsets
    everywhere = np.zeros((len(predictions), *coefficients.shape[1:]))
    everywhere[used] = coefficients
    return LinearStack(everywhere, intercept, predictions.shape[2])
