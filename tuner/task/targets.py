"""What a task predicts, told from a column's values, and what columns may not be both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.columns import with_columns
from spaces.inputs.files import DataError
from spaces.inputs.table.written import are_written_numbers, as_numbers
from spaces.language.complaints import unknown_name
from spaces.rows.target import ITSELF, Follows, Target, TargetKind
from tuner.scoring.metrics import DEFAULT_METRICS, metric_named
from tuner.scoring.score import Metric
from tuner.task.labels import (
    MARKERS,
    are_codes,
    are_numbers,
    first_of,
    is_text,
    labels_of,
    numbers_of_texts,
    refuse_infinite,
)
from tuner.task.names import is_name

_FEW_VALUES = 20
_MIXED_SHARE = 0.5  # of texts that are written as numbers, above which the others are strays
MULTILABEL = "multilabel"


def with_targets(frame: pd.DataFrame, target: Any, kind: Any) -> tuple[pd.DataFrame, list[str]]:
    """Return the data with the targets as columns, and the names of those.

    Args:
        frame: The data.
        target: A column's name, or several; values `(rows,)` or `(rows, targets)`, a data frame among them. Of a
            column of lists of labels, each label becomes a target, there or not. Where there is none, the target is how
            far models are from the rows themselves, which is to be zero.
        kind: The kind of target that the user named, or None.
    """
    frame = frame.rename(columns=str)
    if target is None:
        return _with_values(frame, pd.DataFrame({ITSELF: np.zeros(len(frame))}))
    if is_name(target):
        names = [str(target)]
    elif (named := _names(target, frame)) is not None:
        names = named
    elif isinstance(target, list | tuple) and target and all(map(is_labels, target)):
        frame, names = _with_values(frame, _as_frame(pd.Series(target, name="target", dtype=object), len(frame)))
    else:
        frame, names = _with_values(frame, _as_frame(target, len(frame)))
    _check_names(frame, names)
    lists = [name for name in names if _of_lists(frame[name])]
    if not lists:
        frame = with_columns(frame, {name: labels_of(frame[name], name) for name in names})
        _refuse_one_hot(frame[names], kind)
        return frame, names
    if len(names) > 1:
        raise DataError(f"target {lists[0]!r} holds lists of labels, which are several targets already: name it alone")
    labels = label_columns(frame[lists[0]])
    if labels.empty:
        raise DataError(f"target {lists[0]!r} holds empty lists only: there is nothing to predict")
    return _with_values(frame.drop(columns=names), labels)


def _check_names(frame: pd.DataFrame, names: list[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise DataError(f"target: {_no_column(name, frame)}")
        if names.count(name) > 1:
            raise DataError(f"target {name!r} is named twice")


def _no_column(name: str, frame: pd.DataFrame) -> str:
    """Say that there is no such column, and where it is the index, how it becomes one."""
    if name in frame.index.names:
        return f"{name!r} is the name of the index and of no column: pass data.reset_index()"
    return unknown_name(name, list(frame.columns))


def _names(target: Any, frame: pd.DataFrame) -> list[str] | None:
    """Return the columns that a list names; None where it holds values, such as a label for each row."""
    if not isinstance(target, list | tuple | pd.Index) or not len(target):
        return None
    if not all(map(is_name, target)):
        return None
    names = [str(one) for one in target]
    if len(set(names)) < len(names) == len(frame):
        return None
    known = set(names) & set(frame.columns)
    if all(isinstance(one, str) for one in target):
        return names if known or len(names) != len(frame) else None
    return names if known == set(names) and len(names) != len(frame) else None


def label_columns(lists: pd.Series[Any]) -> pd.DataFrame:
    """Return a column for each label, 1 where it is in a row's list.

    Raises:
        DataError: A row has no list.
    """
    for row, value in lists.items():
        if not _is_list(value):
            raise DataError(f"target {lists.name!r}: row {row} holds no list, got {value!r}; an empty list is no label")
    rows = [{str(label) for label in value} for value in lists]
    found = {f"{lists.name}={label}": [int(label in row) for row in rows] for label in sorted(set().union(*rows))}
    return pd.DataFrame(found, index=lists.index)


def lists_of(target: Target, frame: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the column of lists that a target's labels stand in, where they are no columns of their own."""
    first = target.each[0].name
    if first in frame.columns:
        return None
    found = [name for name in frame.columns if first.startswith(f"{name}=") and _of_lists(frame[name])]
    return frame[found[0]] if found else None


def _of_lists(values: pd.Series[Any]) -> bool:
    known = values.dropna()
    return len(known) > 0 and _is_list(known.iloc[0])


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset | np.ndarray)


def is_labels(value: Any) -> bool:
    """Return whether a value is a list of labels, of a row that has several or none."""
    return isinstance(value, list | tuple | set | frozenset) and all(isinstance(label, str) for label in value)


def _as_frame(target: Any, rows: int) -> pd.DataFrame:
    if isinstance(target, pd.DataFrame):
        values = target.rename(columns=str)
    else:
        array = _as_array(target)
        if array.ndim not in (1, 2) or len(array) != rows:
            raise DataError(f"target must be a column's name, several, or {rows} values, got shape {array.shape}")
        name = getattr(target, "name", None)
        one = ["target" if name is None else str(name)]
        names = one if array.ndim == 1 else [f"target_{i}" for i in range(array.shape[1])]
        values = pd.DataFrame({name: array if array.ndim == 1 else array[:, i] for i, name in enumerate(names)})
    if len(values) != rows:
        raise DataError(f"target must have {rows} rows, as the data, got {len(values)}")
    return values


def _as_array(target: Any) -> Any:
    """Return values as an array; masked ones are missing, and objects stay what they are."""
    if isinstance(target, pd.Series | pd.Index):
        return target.array
    if isinstance(target, np.ma.MaskedArray):
        objects = np.array(target.data, dtype=object)
        objects[np.ma.getmaskarray(target)] = None
        return objects
    if isinstance(target, list | tuple) and target and not all(map(_is_list, target)):
        return pd.Series(list(target), dtype=object).array  # numpy would make texts of numbers beside texts
    return np.asarray(target)


def _refuse_one_hot(values: pd.DataFrame, kind: Any) -> None:
    """Refuse one-hot labels, one a row as Keras wants classes: they are one target, not several."""
    if values.shape[1] < 2 or kind is not None:
        return
    numbers = values.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if np.isin(numbers, (0, 1)).all() and (numbers.sum(axis=1) == 1).all() and (numbers.sum(axis=0) > 0).all():
        raise DataError(
            f"target: every row has a single 1 in {', '.join(values.columns[:4])}{', ...' * (values.shape[1] > 4)}, as "
            "one-hot labels have: pass the classes, target.argmax(axis=1) or target.idxmax(axis=1); if a row may have "
            "many of these labels, kind='multilabel'"
        )


def _with_values(frame: pd.DataFrame, values: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    for name in values.columns:
        if name in frame.columns:
            raise DataError(
                f"the target {name!r} is among the inputs too: drop that column, or pass its name as target"
            )
    return pd.concat([frame, values.set_axis(frame.index)], axis=1), list(values.columns)


def check_alignment(data: Any, target: Any) -> None:
    """Refuse values whose index is the data's in another order: rows are taken as they stand."""
    if not isinstance(data, pd.DataFrame) or not isinstance(target, pd.Series | pd.DataFrame):
        return
    if len(data) == len(target) and not target.index.equals(data.index) and set(target.index) == set(data.index):
        raise DataError(
            "target: its index is the data's in another order: pass target.loc[data.index], or target.to_numpy() if "
            "its rows stand as those of the data do"
        )


def check_columns(frame: pd.DataFrame, names: Sequence[str], targets: Sequence[str], *, inputs: Sequence[str]) -> None:
    """Refuse columns that are not there, or are a target."""
    for target in targets:
        if target in inputs:
            raise DataError(f"column {target!r} is the target, it cannot be an input too")
    for name in names:
        if name not in frame.columns:
            raise DataError(_no_column(name, frame))
        if name in targets:
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
        value, _ = first_of(labels, np.ones(len(labels), dtype=bool))
        raise DataError(f"target {name!r} has only one value, {value!r}: there is nothing to predict")


def targets_of(
    frame: pd.DataFrame,
    names: Sequence[str],
    kind: str | Mapping[str, str] | None,
    *,
    metric: str | Metric | Mapping[str, Any] | None,
) -> Target:
    """Return what the columns are as a target, several as one; a kind that is not given is told from the values."""
    if isinstance(kind, Mapping):
        for name in kind:
            if name not in names:
                raise ValueError(f"kind: {unknown_name(name, list(names))}")
    if kind == MULTILABEL and len(names) == 1:
        raise DataError(f"target {names[0]!r}: several labels are lists in one column, or a column each, got neither")
    if list(names) == [ITSELF]:
        return Target(ITSELF, ITSELF)
    targets = []
    for name in names:
        check_target(frame[name], name)
        its = metric.get(name) if isinstance(metric, Mapping) else metric
        if isinstance(its, list | tuple):
            its = its[0]
        of = kind.get(name) if isinstance(kind, Mapping) else "binary" if kind == MULTILABEL else kind
        targets.append(_target_of(frame[name], name, of, metric=None if its is None else metric_named(its)))
    return Target.of(targets)


def _target_of(labels: pd.Series[Any], name: str, kind: Any, *, metric: Metric | None) -> Target:
    if kind is not None and kind not in DEFAULT_METRICS:
        raise ValueError(f"kind: {unknown_name(str(kind), [*DEFAULT_METRICS, MULTILABEL])}")
    refuse_infinite(labels, f"target {name!r}")
    n_values = labels.nunique()
    if is_text(labels) and kind in (None, "regression"):
        _refuse_strays(labels, name, kind, metric=metric)
    if kind is None:
        kind = _guess_kind(labels, n_values, metric)
    if kind == "regression":
        return Target(name, "regression")
    if kind == "binary" and n_values != 2:
        raise DataError(f"target {name!r} has {n_values} classes, a binary target has two: use kind='multiclass'")
    return Target(name, kind, tuple(getattr(v, "item", lambda v=v: v)() for v in sorted(labels.unique())))


def _guess_kind(labels: pd.Series[Any], n_values: int, metric: Metric | None) -> TargetKind:
    classes: TargetKind = "binary" if n_values == 2 else "multiclass"
    if is_text(labels) and are_numbers(labels).all() and (_for_numbers(metric) or not are_codes(labels)):
        labels = numbers_of_texts(labels)
    numeric = labels.dtype.kind in "iuf"
    if numeric and _for_numbers(metric):
        return "regression"
    if numeric and metric is not None and metric.by_group and n_values > 2:
        return "regression"  # relevance
    whole = numeric and bool((labels == labels.round()).all())
    if metric is not None and "regression" not in metric.kinds and (not numeric or whole or n_values <= _FEW_VALUES):
        return classes
    return classes if not numeric or (whole and n_values <= _FEW_VALUES) else "regression"


def _for_numbers(metric: Metric | None) -> bool:
    return metric is not None and metric.kinds == ("regression",)


def _refuse_strays(labels: pd.Series[Any], name: str, kind: Any, *, metric: Metric | None) -> None:
    """Refuse a text among numbers, unless these are labels: few, whole, and the text is a word."""
    plain = are_numbers(labels)
    texts = labels.unique().tolist()
    if len(texts) > _FEW_VALUES and are_written_numbers(texts):
        column = f"data[{name!r}]"
        raise DataError(
            f"target {name!r} holds numbers as people write them, {texts[0]!r} in row {labels.index[0]}: "
            f"{column} = {as_numbers(texts, column)}; if all are classes, kind='multiclass'"
        )
    regression = kind == "regression" or (_for_numbers(metric) and plain.any())
    if plain.all() or (not regression and (plain.mean() < _MIXED_SHARE or are_codes(labels))):
        return
    numbers, strays = numbers_of_texts(labels[plain]), labels[~plain]
    labelled = numbers.nunique() <= _FEW_VALUES and bool((numbers == numbers.round()).all())
    if not regression and labelled and any(map(_says_something, strays.unique())):
        return
    value, row = first_of(labels, ~plain)
    raise DataError(
        f"target {name!r} must hold finite numbers, and {len(strays)} of its {len(labels)} values are texts, the first "
        f"{value!r} in row {row}: mend it or leave the row out; if all are classes, kind='multiclass'"
    )


def _says_something(text: str) -> bool:
    infinite = text.strip().lstrip("+-").casefold() in ("inf", "infinity")
    return text not in MARKERS and not infinite and any(letter.isalnum() for letter in text)


def continuing(target: Target, follows: Mapping[str, Follows]) -> Target:
    """Return a target that knows what it continues, of a forecast."""
    parts = tuple(replace(part, follows=follows.get(part.name)) for part in target.parts)
    return replace(target, parts=parts, follows=follows.get(target.name))


def codes_of(frame: pd.DataFrame, target: Target, of: str = "test") -> NDArray[Any]:
    """Return float64 values or int64 indices of sorted classes, `(rows,)`; of several, float64 `(rows, targets)`."""
    if target.parts:
        return np.stack([codes_of(frame, part, of).astype(np.float64) for part in target.parts], axis=1)
    labels = frame[target.name]
    if target.kind in ("regression", ITSELF):
        return (numbers_of_texts(labels) if is_text(labels) else labels).to_numpy(dtype=np.float64)
    index = {label: code for code, label in enumerate(target.classes)}
    codes = labels.map(index)
    if codes.isna().any():
        wrong, _ = first_of(labels, codes.isna().to_numpy())
        raise DataError(f"{of}: label {wrong!r} does not occur in training; the labels are {list(target.classes)}")
    return codes.to_numpy(dtype=np.int64)
