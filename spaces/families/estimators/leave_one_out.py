"""Linear models whose penalty is that of the least leave-one-out error: one decomposition tries all penalties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression, Ridge

_PENALTIES = np.logspace(-6, 2, 25)  # times the mean eigenvalue
_SHARPNESS = (-5.0, 5.0)  # logarithms of what turns scores into log-odds
_LEAST = 1e-9  # of the largest eigenvalue; below it lies what is rounded


@dataclass(frozen=True)
class LeaveOneOut:
    """Ridge regression on values, or on +1 and -1 for each class, whose scores then become probabilities.

    The error of each row without it follows from the fit with all of them (Golub, Heath, Wahba, "Generalized
    cross-validation as a method for choosing a good ridge parameter", Technometrics 1979). What turns scores into
    log-odds is one number, fitted to the scores that rows get without them, and to targets a little off 0 and 1 (Platt,
    "Probabilistic outputs for support vector machines", 1999).

    Attributes:
        kind: `"regression"`, or another kind of target.
    """

    kind: str

    def fit(
        self, matrix: NDArray[Any], target: NDArray[Any], sample_weight: NDArray[Any] | None = None
    ) -> Ridge | LogisticRegression:
        """Return a fitted model of scikit-learn's.

        Args:
            matrix: `(rows, columns)`.
            target: Values, or indices of classes, `(rows,)`.
            sample_weight: `(rows,)`.
        """
        from sklearn.linear_model import LogisticRegression, Ridge

        weight = np.ones(len(target)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        if self.kind == "regression":
            found = ridge(matrix, np.asarray(target, np.float64)[:, None], weight)
            made = Ridge(alpha=found.penalty)
            made.coef_, made.intercept_ = found.coefficients[:, 0], float(found.intercept[0])
        else:
            classes, codes = np.unique(target, return_inverse=True)
            signs = np.where(codes[:, None] == np.arange(len(classes)), 1.0, -1.0)
            found = ridge(matrix, signs[:, 1:] if len(classes) == 2 else signs, weight)
            sharpness = _sharpness(found.left_out, codes, weight)
            made = LogisticRegression(C=1 / found.penalty)
            made.classes_ = classes
            made.coef_, made.intercept_ = sharpness * found.coefficients.T, sharpness * found.intercept
        made.n_features_in_ = matrix.shape[1]
        return made


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """A ridge regression.

    Attributes:
        coefficients: `(columns, targets)`.
        intercept: `(targets,)`.
        left_out: What each row gets from a fit without it, `(rows, targets)`.
        penalty: The penalty.
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    left_out: NDArray[np.float64]
    penalty: float


def ridge(matrix: NDArray[Any], targets: NDArray[np.float64], weight: NDArray[np.float64]) -> RidgeFit:
    """Fit a ridge regression with an intercept, all targets with the one penalty of the least leave-one-out error.

    Args:
        matrix: `(rows, columns)`.
        targets: `(rows, targets)`.
        weight: Of each row, `(rows,)`.
    """
    root = np.sqrt(weight)[:, None]
    mean, level = (np.average(one, axis=0, weights=weight) for one in (matrix, targets))
    centred, wanted = root * (matrix - mean), root * (targets - level)
    values, vectors = _decomposed(centred)
    explained = vectors.T @ wanted
    scale, best, kept = values.sum() / max(1, len(values)) or 1.0, np.inf, None
    for penalty in _PENALTIES * scale:
        shrunk = values / (values + penalty)
        leverage = (vectors**2) @ shrunk + weight / weight.sum()
        missed = (wanted - vectors @ (shrunk[:, None] * explained)) / np.maximum(1 - leverage, 1e-9)[:, None]
        if (error := float((missed**2).sum())) < best:
            best, kept = error, (float(penalty), missed)
    assert kept is not None
    penalty, missed = kept
    coefficients = centred.T @ (vectors @ (explained / (values + penalty)[:, None]))
    left_out = targets - missed / np.maximum(root, 1e-12)
    return RidgeFit(coefficients, level - mean @ coefficients, left_out, penalty)


def _decomposed(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the squared singular values of a matrix and its left singular vectors, by the smaller of its products."""
    wide = centred.shape[0] <= centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = values > _LEAST * max(values.max(initial=0.0), np.finfo(np.float64).tiny)
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if wide else centred @ vectors / np.sqrt(values)


def _sharpness(scores: NDArray[np.float64], codes: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """Return the factor of scores that makes their log loss least, where a class is never quite sure."""
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    both = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
    n_classes = both.shape[1]
    rows = np.bincount(codes, minlength=n_classes)[codes][:, None]
    sure = (rows + 1) / (rows + 2)
    wanted = np.where(codes[:, None] == np.arange(n_classes), sure, (1 - sure) / (n_classes - 1))

    def loss(sharpness: float) -> float:
        return -float(weight @ (wanted * log_softmax(np.exp(sharpness) * both, axis=1)).sum(axis=1))

    return float(np.exp(minimize_scalar(loss, bounds=_SHARPNESS, method="bounded").x))
