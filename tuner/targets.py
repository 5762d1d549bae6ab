"""What a task predicts, told from a column's values, and what columns may not be both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.signature import Target, TargetKind
from spaces.space import unknown_name
from tuner.metrics import Metric
from tuner.reading import DataError

_FEW_VALUES = 20
DEFAULT_METRICS: dict[TargetKind, str] = {"regression": "rmse", "binary": "log_loss", "multiclass": "log_loss"}


def with_target(frame: pd.DataFrame, target: Any) -> tuple[pd.DataFrame, str]:
    """Return the data with the target as a column, and that column's name."""
    frame = frame.rename(columns=str)
    if isinstance(target, str):
        if target not in frame.columns:
            raise DataError(f"target: {unknown_name(target, list(frame.columns))}")
        if isinstance(frame[target], pd.DataFrame):
            raise DataError(f"column name {target!r} is used {frame[target].shape[1]} times; rename the columns")
        return frame, target
    values = np.asarray(target)
    if values.ndim != 1 or len(values) != len(frame):
        raise DataError(f"target must be a column's name or {len(frame)} values, got shape {values.shape}")
    name = str(getattr(target, "name", None) or "target")
    if name in frame.columns:
        raise DataError(f"the target {name!r} is among the inputs too: drop that column, or pass its name as target")
    return frame.assign(**{name: values}), name


def check_columns(frame: pd.DataFrame, names: Sequence[str], target: str, *, inputs: Sequence[str] = ()) -> None:
    """Refuse columns that are not there, or are the target."""
    if target in inputs:
        raise DataError(f"column {target!r} is the target, it cannot be an input too")
    for name in names:
        if name not in frame.columns:
            raise DataError(unknown_name(name, list(frame.columns)))
        if name == target:
            raise DataError(f"column {name!r} is the target, it cannot be dropped, group or order rows")


def check_sequence(
    frame: pd.DataFrame, sequence: str | None, *, group: str | None, time: str | None, others: Sequence[str]
) -> None:
    """Refuse what contradicts a column of sequences."""
    if sequence is None:
        return
    if sequence in (group, *others):
        raise ValueError(f"column {sequence!r} is named as the sequence, it cannot be anything else too")
    if time is not None:
        raise ValueError("rows of sequences stand in order already: sort them, and leave out time")
    if group is not None and (torn := frame.groupby(sequence)[group].nunique().gt(1)).any():
        raise DataError(f"rows of the sequence {str(torn.idxmax())!r} are of several groups: a sequence is kept whole")


def check_target(labels: pd.Series[Any], name: str) -> None:
    """Refuse a target with missing values, or with a single one."""
    missing = labels.isna()
    if missing.all():
        raise DataError(f"target {name!r}: all {len(labels)} values are missing")
    if missing.any():
        raise DataError(
            f"target {name!r}: {missing.sum()} values are missing, the first in row {missing.idxmax()}; "
            "leave those rows out"
        )
    if labels.nunique() < 2:
        raise DataError(f"target {name!r} has only one value, {labels.iloc[0]!r}: there is nothing to predict")


def target_of(labels: pd.Series[Any], name: str, kind: TargetKind | None, metric: Metric | None) -> Target:
    """Tell what kind of target a column is, unless the kind is given, and which labels it has."""
    if kind is not None and kind not in DEFAULT_METRICS:
        raise ValueError(f"kind: {unknown_name(str(kind), list(DEFAULT_METRICS))}")
    n_values = labels.nunique()
    if kind is None:
        kind = _guess_kind(labels, n_values, metric)
    if kind == "regression":
        values = pd.to_numeric(labels, errors="coerce")
        if (wrong := labels[values.isna() | np.isinf(values)]).size:
            raise DataError(f"target {name!r} must hold finite numbers for regression, got {wrong.iloc[0]!r}")
        return Target(name, "regression")
    if kind == "binary" and n_values != 2:
        raise DataError(f"target {name!r} has {n_values} classes, a binary target has two: use kind='multiclass'")
    types = {"text" if isinstance(v, str) else "number" for v in labels.unique()}
    if len(types) > 1:
        raise DataError(f"target {name!r} mixes text and numbers as labels: make them one type")
    return Target(name, kind, tuple(getattr(v, "item", lambda v=v: v)() for v in sorted(labels.unique())))


def _guess_kind(labels: pd.Series[Any], n_values: int, metric: Metric | None) -> TargetKind:
    numeric = pd.api.types.is_numeric_dtype(labels.dtype) and not pd.api.types.is_bool_dtype(labels.dtype)
    classes: TargetKind = "binary" if n_values == 2 else "multiclass"
    if metric is not None and numeric and len(metric.kinds) and metric.kinds == ("regression",):
        return "regression"
    if metric is not None and "regression" not in metric.kinds:
        return classes
    whole = numeric and bool((labels == labels.round()).all())
    return classes if not numeric or (whole and n_values <= _FEW_VALUES) else "regression"


def codes_of(labels: pd.Series[Any], target: Target) -> NDArray[Any]:
    """Return float64 values, or int64 indices of the sorted classes."""
    if target.kind == "regression":
        return labels.to_numpy(dtype=np.float64)
    index = {label: code for code, label in enumerate(target.classes)}
    codes = labels.map(index)
    if codes.isna().any():
        wrong = labels[codes.isna()].iloc[0]
        raise DataError(f"test: label {wrong!r} does not occur in training; the labels are {list(target.classes)}")
    return codes.to_numpy(dtype=np.int64)
