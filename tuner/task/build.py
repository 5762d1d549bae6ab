"""How a task is made, in four steps: data are read, targets told, rows divided, and encoded.

Rows are divided before they are encoded, as what a schema knows must not come from rows that are set aside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.border import encode as encoded
from spaces.inputs.border import learn_schema
from spaces.inputs.columns import check_named_once, with_columns
from spaces.inputs.files import DataError
from spaces.inputs.given import Given, read_given
from spaces.inputs.kind import Options
from spaces.inputs.table.kind import Category
from spaces.inputs.text.corpus import Corpus
from spaces.inputs.text.kind import Text
from spaces.rows.arrays import Array, Index
from spaces.rows.columns import Schema
from spaces.rows.table import Rows
from spaces.rows.target import Follows, Target
from tuner.scoring.score import Metric
from tuner.task.groups import check_groups, group_names, groups_of
from tuner.task.labelled import check_weights, in_time_order, labelled_rows, weights_of
from tuner.task.labels import written_labels
from tuner.task.names import column_name, column_names, is_name
from tuner.task.reading import in_order, without_nameless
from tuner.task.said import Said, arrays_among, read_said_files, said_of_columns
from tuner.task.splits import Split, split_off
from tuner.task.targets import (
    check_alignment,
    check_columns,
    check_sequence,
    codes_of,
    continuing,
    targets_of,
    with_targets,
)
from tuner.task.times import check_times

_MANY_ROWS, _MANY_VALUES = 10_000, 20_000_000  # 60,000 digits of 28 x 28 have 47 million values


@dataclass(frozen=True)
class Roles:
    """What a user says of columns; see `tuner.Task`, whose arguments have these names."""

    group: str | None
    sample_weight: str | None
    time: str | None
    sequence: str | None
    columns: Said
    drop: list[str]
    image_size: Sequence[int] | None
    inputs: Mapping[str, Sequence[str]]
    missing: Sequence[str]

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Check names of columns, which may be written as whole numbers.

        Raises:
            DataError: One is no name, or a list is none.
        """
        one = {name: column_name(given[name], name) for name in ("group", "time", "sequence", "sample_weight")}
        short = {name: given.pop(name) for name in ("categories", "text", "image")}
        said = said_of_columns(given.pop("columns"), **short, image_size=given["image_size"])
        drop = column_names(given["drop"], "drop")
        if isinstance(given["missing"], str):
            raise DataError(f"missing must be a list of texts: missing=[{given['missing']!r}]")
        return cls(**{**given, **one, "columns": said, "drop": drop, "inputs": given["inputs"] or {}})

    @property
    def categories(self) -> list[str]:
        """Columns that are read as categories."""
        return [name for name, what in self.columns.items() if isinstance(what, Category)]

    @property
    def text(self) -> list[str]:
        """Columns that are read as texts."""
        return [name for name, what in self.columns.items() if isinstance(what, Text)]

    @property
    def arrays(self) -> dict[str, Options]:
        """Options of arrays, by name."""
        return arrays_among(self.columns)

    @property
    def no_features(self) -> list[str]:
        """The columns that say something of rows and are no features."""
        return [*self.drop, *(one for one in (self.group, self.sample_weight) if one)]

    @property
    def named(self) -> list[str]:
        """The features that an argument names."""
        return [*self.categories, *self.text, *(one for one in (self.time, self.sequence) if one)]


class Labelled(NamedTuple):
    """Rows in their order, with the targets among the columns.

    `inputs` are the columns of each named table.
    """

    frame: pd.DataFrame
    arrays: dict[str, Array]
    inputs: dict[str, Sequence[str]]
    names: list[str]
    target: Target

    @property
    def codes(self) -> NDArray[Any]:
        """True values or class indices; see `codes_of`."""
        return codes_of(self.frame, self.target)


class Divided(NamedTuple):
    """How rows are divided: positions that are kept and that are set aside for the test, and each row's group."""

    split: Split
    kept: Index
    aside: Index
    groups: NDArray[Any] | None


class Encoded(NamedTuple):
    """The schema that the kept rows taught, and these rows, and those of the test."""

    schema: Schema
    rows: Rows
    test: Rows | None


def read(data: Any, target: Any, roles: Roles) -> Given:
    """Read data, a file's columns by what is known of them, and images from their files.

    Raises:
        DataError, TableError: They cannot be used.
    """
    check_alignment(data, target)
    names = [str(one) for one in ([target] if is_name(target) else _listed(target)) if is_name(one)]
    verbatim = [*roles.columns, *(one for one in (roles.group, roles.sequence) if one), *names]
    given = read_given(data, missing=roles.missing, texts=dict.fromkeys(verbatim), said=roles.arrays)
    if not len(given.frame):
        raise DataError("data holds no rows")
    check_named_once(given.frame, but=roles.drop)
    written = {name: written_labels(given.frame[name]) for name in names if name in given.written}
    given = given._replace(frame=with_columns(given.frame, written))
    return read_said_files(given, roles.columns, roles.image_size, target=target)


def label(
    given: Given,
    target: Any,
    roles: Roles,
    *,
    kind: str | Mapping[str, str] | None,
    metric: str | Metric | Mapping[str, Any] | None,
    continues: Mapping[str, Follows],
) -> Labelled:
    """Tell what is predicted, and put rows in the order of time.

    Raises:
        DataError, ValueError: The target cannot be predicted, or columns contradict each other.
    """
    frame, names = with_targets(given.frame, target, kind)
    taken = {*names, *roles.no_features}
    inputs = _named_tables(given, roles.inputs, taken)
    ordering = [one for one in (roles.group, roles.time, roles.sequence, roles.sample_weight) if one]
    check_columns(frame, [*roles.drop, *ordering], names, inputs=[*roles.text, *roles.categories])
    told = continuing(targets_of(frame, names, kind, metric=metric), continues)
    if roles.group is not None:
        check_groups(frame[roles.group], roles.group)
    if roles.sample_weight is not None:
        _check_weight(roles)
        check_weights(frame[roles.sample_weight], roles.sample_weight)
    others = [*roles.drop, *roles.text, *roles.categories]
    check_sequence(frame, roles.sequence, group=roles.group, time=roles.time, others=others)
    if roles.time is not None:
        check_times(frame[roles.time], roles.time)
    frame, arrays = in_time_order(frame, given.arrays, roles.time)
    return Labelled(frame, arrays, inputs, names, told)


def divide(labelled: Labelled, roles: Roles, split: Any, *, share: float | None, seed: int) -> Divided:
    """Set test rows aside, if a share of the rows is to be.

    Raises:
        ValueError: The split contradicts what is said of the rows.
    """
    frame, target = labelled.frame, labelled.target
    sequence = roles.sequence
    whole = roles.group or (sequence if sequence and frame[sequence].nunique() > 1 else None)
    groups = group_names(frame[whole]) if whole else None
    if split is None and not (whole or sequence or roles.time) and _are_large(labelled.arrays):
        split = "holdout"
    division = _division(
        split, target, groups is not None, timed=roles.time is not None, sequences=sequence is not None
    )
    if share is None:
        return Divided(division, np.arange(len(frame)), np.arange(0), groups)
    kept, aside = split_off(
        labelled.codes,
        share,
        classes=target.of_classes,
        groups=groups,
        ordered=division.ordered,
        seed=seed,
        gap=division.gap,
    )
    return Divided(division, kept, aside, groups)


def encode(labelled: Labelled, divided: Divided, roles: Roles, *, test: Any) -> Encoded:
    """Learn the schema from the kept rows, names of categories included, and encode all.

    Args:
        labelled: The rows.
        divided: Which are kept.
        roles: What is said of columns.
        test: Test rows that were handed over, or None.

    Raises:
        DataError, TableError: A column cannot be used, or none is left.
    """
    features = labelled.frame.drop(columns=[*labelled.names, *roles.no_features])
    features = without_nameless(features, named=roles.named)
    if labelled.inputs:
        features = features[in_order(list(features.columns), labelled.inputs)]
    if features.shape[1] == (roles.sequence is not None) and not labelled.arrays:
        raise DataError(f"no column is left to predict {labelled.target.name!r} from")
    schema = learn_schema(
        features.iloc[divided.kept] if len(divided.aside) else features,
        categories=roles.categories,
        text=roles.text,
        sequence=roles.sequence,
        inputs=labelled.inputs,
        arrays=labelled.arrays,
        said=roles.arrays,
        missing=roles.missing,
    )
    weight = weights_of(labelled.frame, roles.sample_weight)
    group = groups_of(labelled.frame, roles.group)
    rows = Rows(encoded(schema, features, labelled.arrays), labelled.codes, weight, group)
    if len(divided.aside):
        return Encoded(schema, rows.take(divided.kept), rows.take(divided.aside))
    if test is None:
        return Encoded(schema, rows, None)
    target, weighed = labelled.target, roles.sample_weight
    given = labelled_rows(
        test, schema, target, sample_weight=weighed, group=roles.group, time=roles.time, missing=roles.missing
    )
    return Encoded(schema, rows, given)


def with_corpus(rows: Rows, key: str, folder: Any = None) -> Rows:
    """Return rows whose texts are cut up and counted once for all folds, and in a folder once for all processes."""
    if rows.table.texts is None:
        return rows
    corpus = Corpus(rows.table.texts, key, folder)
    return replace(rows, table=replace(rows.table, origin=(corpus, np.arange(len(rows)))))


def share_of(test: Any) -> float | None:
    """Return the share of rows to be set aside, if test is one.

    Raises:
        ValueError: It is a number that is no share.
    """
    if not isinstance(test, int | float | np.integer | np.floating) or isinstance(test, bool):
        return None
    if not 0 < test < 1:
        raise ValueError(f"test must be a share between 0 and 1, a data frame or a path, got {test!r}")
    return float(test)


def _check_weight(roles: Roles) -> None:
    """Refuse a column of weights that is something else too."""
    others = [*roles.drop, *roles.named, *([roles.group] if roles.group else [])]
    if roles.sample_weight in others:
        raise DataError(
            f"sample_weight: column {roles.sample_weight!r} cannot be dropped or be anything else beside the weight"
        )


def _listed(target: Any) -> Sequence[Any]:
    return list(target) if isinstance(target, list | tuple | pd.Index) else ()


def _named_tables(given: Given, inputs: Mapping[str, Sequence[str]], taken: set[str]) -> dict[str, Sequence[str]]:
    """Return the columns of each named table, without those that are the target, the group or dropped."""
    for name, its in inputs.items():
        for column in its if not isinstance(its, str) else ():
            if column in taken:
                raise DataError(f"inputs: column {column!r} of {name!r} is the target, the group or dropped")
    named = {name: [column for column in its if column not in taken] for name, its in given.inputs.items()}
    return {**named, **inputs}


def _are_large(arrays: Mapping[str, Array]) -> bool:
    """Return whether five networks of a configuration would take too long, and a fifth of the rows tells enough."""
    values = sum(math.prod(array.shape) for array in arrays.values())
    return values >= _MANY_VALUES and min(len(array) for array in arrays.values()) >= _MANY_ROWS


def _division(given: Any, target: Target, grouped: bool, *, timed: bool, sequences: bool) -> Split:
    """Return how rows are divided: as given, or by what is known of them."""
    single = sequences and not grouped
    default = "grouped" if grouped else "time" if timed or single else "stratified" if target.of_classes else "kfold"
    division = Split.of(given, default)  # type: ignore[arg-type]
    if single and not division.ordered:
        raise ValueError(f"a {division.kind} split would tear the only sequence apart: use 'time'")
    return division
