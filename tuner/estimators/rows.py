"""What an estimator is given, as the frame that a task is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from spaces.inputs.columns import with_columns

_FOLDS = 5


def frame_of(estimator: BaseEstimator, rows: Any, **fitting: Any) -> pd.DataFrame:
    """Return rows as a frame, checked as scikit-learn checks them.

    Columns of arrays are called `x0`, `x1`, ... where the estimator was fitted without names.

    Args:
        estimator: The estimator, which notes names and number of features when it is fitted.
        rows: A data frame (pandas, Polars) or an array `(rows, columns)`; missing values may be in it.
        fitting: `y=` while fitting; `reset=False` afterwards.

    Raises:
        ValueError: Rows or labels cannot be used, or are not those of the fit.
    """
    if hasattr(rows, "columns"):
        validate_data(estimator, rows, skip_check_array=True, **fitting)
        frame = rows if isinstance(rows, pd.DataFrame) else nw.from_native(rows).to_pandas()
        if not len(frame):
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required")
        return frame.set_axis(list(_names(estimator)), axis=1)
    checks: Any = {"dtype": None, "ensure_all_finite": "allow-nan", "reset": fitting.get("reset", True)}
    if "y" in fitting and fitting["y"] is None:
        validate_data(estimator, rows, **fitting)
    values = validate_data(estimator, rows, **checks)
    return pd.DataFrame(values, columns=list(_names(estimator))).infer_objects()


def _names(estimator: Any) -> Sequence[str]:
    names = getattr(estimator, "feature_names_in_", None)
    return [f"x{i}" for i in range(estimator.n_features_in_)] if names is None else list(names)


def with_column(frame: pd.DataFrame, name: str, values: Any) -> tuple[pd.DataFrame, str]:
    """Return the frame with one more column, and the column's name, which no other has."""
    while name in frame.columns:
        name += "_"
    return with_columns(frame, {name: np.asarray(values)}), name


def usual_split(labels: NDArray[Any], *, classes: bool) -> dict[str, Any] | None:
    """Return the split where none is asked for: the task's own, or fewer folds where a class or the rows are few.

    >>> usual_split(np.array([0, 0, 0, 1, 1, 1]), classes=True)
    {'kind': 'stratified', 'folds': 3}
    """
    fewest = int(np.unique(labels, return_counts=True)[1].min()) if classes else len(labels)
    if fewest >= _FOLDS:
        return None
    if fewest < 2:
        return {"kind": "kfold", "folds": max(2, min(_FOLDS, len(labels)))}
    return {"kind": "stratified" if classes else "kfold", "folds": fewest}
