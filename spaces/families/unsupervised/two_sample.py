"""How well rows that were made can be told from real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 2000
_FEWEST = 10
_FOLDS = 5
_TREES = 100
_COMPONENTS = 32


def told_apart(real: NDArray[np.float32], made: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return for each pair of a real and a made row the mean probability that a classifier gives to the truth.

    The classifier (extremely randomised trees on principal components, and on what these leave over) has not seen the
    rows that it tells: single pixels can be right where no image is. Over all rows the mean is one half
    if nothing tells real from made, 1 if everything does, and less than one half where rows are copies (Lopez-Paz and
    Oquab, "Revisiting classifier two-sample tests", ICLR 2017). The accuracy of nearest neighbours, which is simpler,
    is one half as well where made rows are scattered widely around the real ones.

    Args:
        real: `(rows, values)`.
        made: As many.

    Raises:
        ValueError: There are fewer than ten rows, which teach nobody anything.

    Returns:
        `(rows,)`, from 0 to 1; of many rows, some thousand are compared at a time.
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if len(real) < _FEWEST:
        raise ValueError(f"a test of two samples needs at least {_FEWEST} rows of each, got {len(real)}")
    found = np.empty(len(real))
    for some in np.array_split(np.arange(len(real)), max(1, -(-len(real) // _AT_ONCE))):
        both, kinds = np.concatenate([real[some], made[some]]), np.repeat([0, 1], len(some))
        middle = PCA(min(_COMPONENTS, *both.shape), svd_solver="randomized", random_state=0).fit(both)
        parts = middle.transform(both)
        rest = np.linalg.norm(both - middle.inverse_transform(parts), axis=1, keepdims=True)
        trees = ExtraTreesClassifier(_TREES, min_samples_leaf=2, random_state=0)
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
        predicted = cross_val_predict(trees, np.hstack([parts, rest]), kinds, cv=folds, method="predict_proba")
        truth = predicted[np.arange(len(both)), kinds]
        found[some] = (truth[: len(some)] + truth[len(some) :]) / 2
    return found
