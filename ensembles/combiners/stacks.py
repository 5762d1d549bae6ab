"""Models of a second level, fitted: they make one prediction of their members'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ensembles.combiners.combiner import Features, Read, Undecided
from ensembles.pools import Predictions, Weights
from spaces.engines.xgboost_file import check_text
from spaces.machine.cores import threads_for
from spaces.probabilities import scores_of


def boosted_for(classes: int) -> dict[str, Any]:
    """Return XGBoost's objective for values (1 class), for two classes and for more."""
    if classes > 2:
        return {"objective": "multi:softprob", "num_class": classes, "verbosity": 0}
    return {"objective": "reg:squarederror" if classes == 1 else "binary:logistic", "verbosity": 0}


@dataclass(frozen=True, eq=False)
class LinearStack(Undecided):
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
    def from_json(data: Mapping[str, Any], read: Read) -> LinearStack:
        """Rebuild what `to_json` returned."""
        return LinearStack(np.array(data["coefficients"]), np.array(data["intercept"]), data["classes"])


@dataclass(frozen=True, eq=False)
class TreeStack(Undecided):
    """Trees that begin where an average of members ends.

    Attributes:
        booster: The trees; None before they are grown.
        members: How many members there are.
        used: Indices of the members that the trees see.
        shares: How much each of these counts in the average, `(used,)`.
        classes: How many; 1 for values.
        with_features: Whether the trees see the rows' own columns too.
        centres: What is subtracted from each column before it becomes float32, `(columns,)`.
        offset: What is subtracted from values before they become float32, and added to what the trees say; 0 for
            classes.
    """

    booster: Any
    members: int
    used: NDArray[np.int64]
    shares: Weights
    classes: int
    with_features: bool
    centres: NDArray[np.float64]
    offset: float = 0.0

    @property
    def weights(self) -> Weights:
        """Those of the average that the trees start from."""
        weights = np.zeros(self.members)
        weights[self.used] = self.shares
        return weights

    def matrix(self, predictions: Predictions, features: Features) -> Any:
        """Return the booster's input: what each member says, the rows' columns, and the average as the start."""
        import xgboost

        columns = self.columns(predictions, features) - self.centres
        start = np.einsum("m,mro->ro", self.shares, scores_of(predictions[self.used])) - self.offset
        margin = start[:, 0] if start.shape[1] == 1 else start
        return xgboost.DMatrix(columns, base_margin=margin, nthread=threads_for(*columns.shape))

    def columns(self, predictions: Predictions, features: Features) -> NDArray[np.float64]:
        """Return what the trees see of some rows, `(rows, columns)`, as float64.

        Raises:
            ValueError: The rows' features are needed and not given.
        """
        columns = np.concatenate(list(scores_of(predictions[self.used])), axis=1)
        if not self.with_features:
            return columns
        if features is None:
            raise ValueError("these trees need the rows' features beside the predictions")
        return np.hstack([columns, features])

    def __call__(self, predictions: Predictions, features: Features = None) -> NDArray[np.float64]:
        """Return the trees' values or probabilities."""
        matrix = self.matrix(predictions, features)
        self.booster.set_param({"nthread": threads_for(matrix.num_row(), matrix.num_col())})
        found = self.booster.predict(matrix).astype(np.float64).reshape(predictions.shape[1], -1)
        return np.hstack([1 - found, found]) if self.classes == 2 else found + self.offset

    def pruned(self, share: float) -> TreeStack:
        """Return it as it is."""
        return self

    def only(self, members: NDArray[np.int64]) -> TreeStack:
        """Return it for some members, all that the trees see among them."""
        place = {int(member): i for i, member in enumerate(members)}
        used = np.array([place[int(member)] for member in self.used])
        return replace(self, members=len(members), used=used)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, the trees in XGBoost's own JSON."""
        return {
            "kind": "tree_stack",
            "booster": self.booster.save_raw("json").decode(),
            "members": self.members,
            "used": self.used.tolist(),
            "shares": self.shares.tolist(),
            "classes": self.classes,
            "with_features": self.with_features,
            "centres": self.centres.tolist(),
            "offset": self.offset,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], read: Read) -> TreeStack:
        """Rebuild what `to_json` returned, once the trees were looked into."""
        import xgboost

        check_text(data["booster"], "the stack of trees")
        booster = xgboost.Booster(model_file=bytearray(data["booster"].encode()))
        used = np.array(data["used"])
        shares = np.array(data.get("shares", np.full(len(used), 1 / len(used))))  # of old: all the same
        centres, with_features, offset = np.array(data["centres"]), data["with_features"], data["offset"]
        return TreeStack(booster, data["members"], used, shares, data["classes"], with_features, centres, offset)
