"""Splits: which rows train and which score, the same for every trial of a task.

Everything is drawn from the task's seed, never from a trial's, so that out-of-fold rows of all trials line up.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaces.language.complaints import unknown_name
from spaces.rows.arrays import Index

SplitKind = Literal["holdout", "kfold", "stratified", "grouped", "time"]
KINDS: tuple[SplitKind, ...] = ("holdout", "kfold", "stratified", "grouped", "time")
ORDERED_KINDS: tuple[SplitKind, ...] = ("time",)
"""The kinds of which rows are in time order: models train on what came earlier, and rows are never shuffled."""
_FEWEST_BLOCKS = 5
_ENOUGH_OF_A_CLASS = 10
INNER_SHARE = 0.1
INNER_LEAST = 32
INNER_MOST_SHARE = 0.3


@dataclass(frozen=True)
class Split:
    """How rows are divided.

    Args:
        kind: `"holdout"` (one part is held out, stratified for classes), `"kfold"`, `"stratified"` K-fold by class,
            `"grouped"` K-fold that keeps groups whole, `"time"` (forward chaining; rows are never shuffled).
        folds: The number of folds; 1 for holdout. A time split of 1 fold holds out the last rows.
        share: The part held out, of a single fold.
        gap: Of a time split, so many rows before each cut are left out of training, as the targets of windows reach
            beyond it.
        first: Of a time split of several folds, the share of rows that the first fold trains on at least. What a model
            of few early rows does says little about one that is trained on all of them.

    Raises:
        ValueError: An argument is out of range.

    >>> Split("kfold", folds=3)
    Split(kind='kfold', folds=3, share=0.2, gap=0, first=0.5)
    """

    kind: SplitKind = "stratified"
    folds: int = 5
    share: float = 0.2
    gap: int = 0
    first: float = 0.5

    def __post_init__(self) -> None:
        for name in ("folds", "gap"):
            if isinstance(number := getattr(self, name), np.integer):
                object.__setattr__(self, name, int(number))
        if self.kind not in KINDS:
            raise ValueError(f"split kind: {unknown_name(str(self.kind), list(KINDS))}")
        if self.kind == "holdout":
            object.__setattr__(self, "folds", 1)
        elif isinstance(self.folds, bool) or not isinstance(self.folds, int) or self.folds < 1 + (not self.ordered):
            least = 1 + (not self.ordered)
            raise ValueError(f"a {self.kind} split needs folds of at least {least}, got {self.folds!r}")
        if not 0 < self.share < 1:
            raise ValueError(f"split share must be between 0 and 1, got {self.share!r}")
        if not 0 <= self.first < 1:
            raise ValueError(f"split first must be a share of at least 0 and below 1, got {self.first!r}")
        if isinstance(self.gap, bool) or not isinstance(self.gap, int) or self.gap < 0:
            raise ValueError(f"split gap must be a number of rows, got {self.gap!r}")
        if self.gap and not self.ordered:
            raise ValueError(f"a {self.kind} split has no gap: it is for rows in time order, kind = 'time'")

    @property
    def ordered(self) -> bool:
        """Whether rows are in time order, never to be shuffled."""
        return self.kind in ORDERED_KINDS

    @staticmethod
    def of(given: Split | Mapping[str, Any] | str | None, default: SplitKind) -> Split:
        """Read a split from what a user may write: a `Split`, a mapping, a kind, or nothing."""
        if isinstance(given, Split):
            return given
        if isinstance(given, str):
            given = {"kind": given}
        settings = {"kind": default, **(given or {})}
        known = [field.name for field in fields(Split)]
        for key in settings:
            if key not in known:
                raise ValueError(f"split: {unknown_name(key, known)}")
        return Split(**settings)

    def to_json(self) -> dict[str, Any]:
        """Return the split as JSON values; `first` only where it means something."""
        found = asdict(self)
        return found if self.ordered and self.folds > 1 else {k: v for k, v in found.items() if k != "first"}


def check_order(given: Split | Mapping[str, Any] | str | None, *, group: str | None, time: str | None) -> None:
    """Refuse a split that shuffles rows that the user says are in time order.

    Raises:
        ValueError: It is another one than `"time"`, or `"grouped"` beside a group column and not written out, or none
            at all.
    """
    if not (given is None or isinstance(given, Split | Mapping | str)):
        raise ValueError(
            f"split must be a tuner.Split, a kind, or a mapping such as {{'kind': 'kfold', 'folds': 3}}, got {given!r}"
        )
    if time is None:
        return
    kind = given.kind if isinstance(given, Split) else given if isinstance(given, str) else (given or {}).get("kind")
    if group is not None and kind != "grouped":
        raise ValueError(
            f"group={group!r} keeps groups whole, and time={time!r} trains on the past only: a split does one of them. "
            "Leave one out, or write split='grouped' if groups may be trained on what came later"
        )
    if group is None and kind not in (None, *ORDERED_KINDS):
        raise ValueError(
            f"time={time!r} says that rows are in time order, and a {kind} split trains on what came later: leave out "
            "time, or use split='time' ({'kind': 'time', 'folds': 1} holds out the last rows)"
        )


def checked_seed(seed: Any) -> int:
    """Return a seed as Python's whole number.

    Raises:
        ValueError: It is none that scikit-learn's splitters take.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to 2**32 - 1, got {seed!r}")
    return int(seed)


def fold_indices(
    split: Split,
    target: NDArray[Any],
    *,
    classes: bool,
    groups: NDArray[Any] | None,
    seed: int,
    labels: Sequence[Any] = (),
) -> list[tuple[Index, Index]]:
    """Return `(training rows, held-out rows)` of every fold; rows are taken to be in time order for `"time"`.

    Args:
        split: How rows are divided.
        target: Values, or indices of classes.
        classes: Whether it is of classes.
        groups: The group of each row, where rows belong together.
        seed: Draws the folds.
        labels: What the classes are called, for the message.

    Raises:
        ValueError: There are fewer rows or groups than the split needs, or a class has a single row.
    """
    rows = np.arange(len(target))
    if len(target) < 2 * max(split.folds, 2):
        raise ValueError(
            f"{len(target)} rows are too few for {split.folds} folds: every fold needs at least two; "
            "use fewer folds or more rows"
        )
    if split.kind == "holdout":
        train, held_out = split_off(target, split.share, classes=classes, groups=groups, ordered=False, seed=seed)
        return [(train, held_out)]
    if groups is not None and split.kind != "grouped":
        raise ValueError(f"a {split.kind} split would tear groups apart: use 'grouped' or 'holdout'")
    if split.ordered and split.folds == 1:
        cut = split_off(target, split.share, classes=classes, groups=None, ordered=True, seed=seed, gap=split.gap)
        return [cut]
    if split.kind == "stratified":
        _check_classes(target, classes=classes, labels=labels)
    with warnings.catch_warnings():  # a class of fewer rows than folds is held out in some of them
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        cuts = list(_splitter(split, target, groups=groups, seed=seed).split(rows, target, groups))
    return [(train.astype(np.int64), held_out.astype(np.int64)) for train, held_out in cuts]


def _splitter(split: Split, target: NDArray[Any], *, groups: NDArray[Any] | None, seed: int) -> Any:
    """Return scikit-learn's splitter of several folds."""
    from sklearn import model_selection

    match split.kind:
        case "kfold":
            return model_selection.KFold(split.folds, shuffle=True, random_state=seed)
        case "stratified":
            return model_selection.StratifiedKFold(split.folds, shuffle=True, random_state=seed)
        case "grouped":
            if groups is None:
                raise ValueError("a grouped split needs a group column: Task(..., group='column')")
            if (n_groups := len(np.unique(groups))) < split.folds:
                raise ValueError(f"there are too few groups for {split.folds} folds: {n_groups}")
            return model_selection.GroupKFold(split.folds, shuffle=True, random_state=seed)
        case "time":
            rows = len(target)
            size = min(rows // (split.folds + 1), int((1 - split.first) * rows / split.folds))
            if not size or rows - split.folds * size <= split.gap:  # nothing before the first cut
                raise _too_few(rows, split.gap)
            return model_selection.TimeSeriesSplit(split.folds, gap=split.gap, test_size=size)


def split_off(
    target: NDArray[Any],
    share: float,
    *,
    classes: bool,
    groups: NDArray[Any] | None,
    ordered: bool,
    seed: int,
    gap: int = 0,
) -> tuple[Index, Index]:
    """Return `(rows kept, rows split off)`: the last block for time, whole groups, stratified for classes.

    Of rows in time order, `gap` rows before the last block are in neither.
    """
    from sklearn import model_selection

    rows = np.arange(len(target))
    n_off = min(max(1, round(share * len(rows))), len(rows) - 1)
    if ordered:
        if gap and len(rows) - n_off - gap < 1:
            raise _too_few(len(rows), gap)
        return rows[: len(rows) - n_off - gap], rows[-n_off:]
    if groups is not None:
        if len(np.unique(groups)) < 2:
            raise ValueError(
                "all rows are of one group, which cannot be divided: leave group out, or bring more groups"
            )
        splitter = model_selection.GroupShuffleSplit(1, test_size=share, random_state=seed)
        kept, off = next(splitter.split(rows, target, groups))
        return kept.astype(np.int64), off.astype(np.int64)
    counts = np.unique(target, return_counts=True)[1] if classes else np.array([0])
    # A class of one row cannot be on both sides: then rows are drawn without regard to class.
    stratify = target if classes and counts.min() >= 2 and len(counts) <= min(n_off, len(rows) - n_off) else None
    kept, off = model_selection.train_test_split(rows, test_size=n_off, stratify=stratify, random_state=seed)
    return np.sort(kept), np.sort(off)


def blocks(rows: int, gap: int) -> NDArray[np.int64]:
    """Return which block of time each row is of, for standard errors of rows that are no independent draws.

    A block is longer than the gap of the split, so that windows of one block and the next but one share no step, and at
    least the cube root of the number of rows (Künsch, Annals of Statistics 1989); but there are five or more, as a
    bootstrap of one or two says nothing. Of rows so few, standard errors are too small.
    """
    length = max(gap + 1, math.ceil(rows ** (1 / 3)))
    return np.arange(rows) // max(1, min(length, rows // _FEWEST_BLOCKS))


def _too_few(rows: int, gap: int) -> ValueError:
    return ValueError(
        f"{rows} rows are too few to be cut with {gap} left out at the cut: use fewer folds, shorter windows, a nearer "
        "horizon, or more data"
    )


def inner_slice(
    train: Index,
    target: NDArray[Any],
    *,
    classes: bool,
    groups: NDArray[Any] | None,
    ordered: bool,
    seed: int,
    gap: int = 0,
) -> tuple[Index, Index]:
    """Divide a fold's training rows into those that train and those that early stopping and pruning watch.

    The slice follows the split: the last block for time, whole groups for groups, stratified for classes. It is a
    tenth of the rows, at least 32, and never above three tenths.
    """
    share = min(max(INNER_SHARE, INNER_LEAST / len(train)), INNER_MOST_SHARE)
    if groups is not None and len(np.unique(groups[train])) < 2:
        groups, ordered = None, True  # a piece of the only group, whose rows may be in order
    kept, off = split_off(
        target[train],
        share,
        classes=classes,
        groups=None if groups is None else groups[train],
        ordered=ordered,
        seed=seed,
        gap=gap,
    )
    return train[kept], train[off]


def crossfit_parts(
    n_rows: int,
    folds: list[Index],
    *,
    ordered: bool,
    seed: int,
    groups: NDArray[Any] | None = None,
    classes: NDArray[Any] | None = None,
) -> Iterator[tuple[Index, Index]]:
    """Yield `(rows that fit weights, rows scored with them)`, as positions among the held-out rows.

    Few folds or few rows are cut finer, to ten parts, each within its fold and of whole groups. Rows of rare classes
    are spread over the parts of a fold. In time order, weights are fitted on earlier rows only, and only parts
    that at least a third of the rows precede are scored.

    Args:
        n_rows: The number of held-out rows.
        folds: Each fold's positions among them.
        ordered: Whether rows are in time order.
        seed: Draws the finer parts.
        groups: The group of each held-out row, where rows belong together; a single one is taken apart.
        classes: The class of each held-out row, of a single target of classes.
    """
    if groups is not None and len(np.unique(groups)) == 1:
        groups = None
    pieces = 1 if len(folds) >= 3 and n_rows >= 1000 else -(-10 // len(folds))
    parts: list[Index] = []
    for fold in folds:
        if groups is not None and not ordered:
            names = np.random.default_rng(seed).permutation(np.unique(groups[fold]))
            some = np.array_split(names, min(pieces, len(names)))
            parts += [np.sort(fold[np.isin(groups[fold], part)]) for part in some]
            continue
        rows, count = fold if ordered else np.random.default_rng(seed).permutation(fold), min(pieces, len(fold))
        if not ordered and classes is not None and _few(classes[rows], count):
            rows = rows[np.argsort(classes[rows], kind="stable")]
            parts += [np.sort(rows[k::count]) for k in range(count)]
        else:
            parts += [np.sort(part) for part in np.array_split(rows, count) if len(part)]
    for i, part in enumerate(parts):
        others = parts[:i] if ordered else parts[:i] + parts[i + 1 :]
        if others and (not ordered or 3 * sum(map(len, others)) >= n_rows):
            yield np.sort(np.concatenate(others)), part


def _few(classes: NDArray[Any], pieces: int) -> bool:
    """Return whether a class has so few rows that a part may get none of it by chance."""
    return bool(np.unique(classes, return_counts=True)[1].min() < _ENOUGH_OF_A_CLASS * pieces)


def _check_classes(target: NDArray[Any], *, classes: bool, labels: Sequence[Any]) -> None:
    if not classes:
        raise ValueError("a stratified split needs a single target of classes: use 'kfold'")
    found, counts = np.unique(target, return_counts=True)
    rarest = counts.argmin()
    if counts[rarest] < 2:
        named = f" {labels[int(found[rarest])]!r}" if labels else ""
        raise ValueError(
            f"class{named} has 1 row: a model that is scored on it was not trained on it. Drop the row, or give it "
            "another class ('kfold' takes it as it is)"
        )
