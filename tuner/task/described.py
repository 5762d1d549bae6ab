"""A task in a few lines: what was understood of the data, and how to say that it is something else."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaces.inputs.kinds import kind_named
from spaces.inputs.table.written import are_written_numbers, as_numbers
from spaces.rows.arrays import Index
from spaces.rows.columns import FRAMED, Column, Schema
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, Target
from tuner.scoring.score import Score
from tuner.task.splits import Split
from tuner.task.times import written_dates

_WIDTH, _INDENT, _NAMES, _CLASSES = 110, " " * 10, 6, 6

_PLURALS: dict[str, tuple[str, str]] = {
    "number": ("number", "numbers"),
    "boolean": ("truth value", "truth values"),
    "date": ("date", "dates"),
    "category": ("category column", "category columns"),
    "text": ("text", "texts"),
    "sequence": ("column of sequences", "columns of sequences"),
}

# A category column of which nearly each row has its own value is an id; one whose values are sentences is a text.
_ID_SHARE, _WORDS, _FEWEST = 0.9, 3, 20
_SQUARE = 16  # steps and channels of a series that may be an image
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)


class Known(NamedTuple):
    """What is described of a task; the names are the task's."""

    schema: Schema
    rows: Rows
    test: Rows | None
    target: Target
    scores: tuple[Score, ...]
    split: Split
    folds: tuple[tuple[Index, Index], ...]
    groups: NDArray[Any] | None
    seed: int


def described(task: Known) -> str:
    """Return rows, columns, target, metric and split of a task, in a few lines."""
    rows = f"{len(task.rows):,} rows" + (
        f", {len(task.test):,} set aside for the test" if task.test is not None else ""
    )
    if task.groups is not None:
        rows += f", in {len(np.unique(task.groups)):,} groups"
    if task.rows.weight is not None:
        rows += f", weights from {task.rows.weight.min():.3g} to {task.rows.weight.max():.3g}"
    others = [score.name for score in task.scores[1:]]
    lines = {
        "rows": rows,
        "columns": "; ".join(_columns(task.schema.columns)) or "none",
        "target": _target(task.target, task.rows.target),
        "metric": task.scores[0].name + (f" (also {_some(others)})" if others else ""),
        "split": _split(task),
    }
    return "\n".join(["Task", *(_line(name, text) for name, text in lines.items())])


def hints(task: Known) -> list[str]:
    """Return what may have been understood otherwise than it is meant, each with the argument that changes it."""
    found = [
        *_name_hints(task),
        *_number_hints(task),
        *_category_hints(task),
        *_array_hints(task),
        *_channels_hints(task),
        *_date_hints(task),
        *_label_hints(task),
        *_class_hints(task),
        *_weight_hints(task),
    ]
    return [textwrap.fill(hint, _WIDTH, initial_indent="  hint: ", subsequent_indent=_INDENT) for hint in found]


def _name_hints(task: Known) -> Iterator[str]:
    """Say where names of columns are values, as those of a file are whose first row is no header."""
    names = [column.name for column in task.schema.columns if column.kind in FRAMED]
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if 2 * len(numbers) > len(names) and any("." in name for name in numbers):
        yield (
            f"columns are called {_some(numbers, 3)}: if the first row of a file was taken for the header, write one "
            "above it, or read it with pandas.read_csv(path, header=None)"
        )


def _array_hints(task: Known) -> Iterator[str]:
    """Say which series has as many channels as steps, as a grey image has."""
    for column in task.schema.columns:
        if column.kind == "series" and not task.split.ordered and column.shape[0] == column.shape[1] >= _SQUARE:
            yield (
                f"{column.name!r} was taken for series of {column.shape[0]} steps: images of numbers that are no uint8 "
                "have the shape (rows, height, width, channels), which array[..., None] makes"
            )


def _channels_hints(task: Known) -> Iterator[str]:
    """Say which images have an axis of channels before height and width, as PyTorch's."""
    for column in task.schema.columns:
        if column.kind == "image" and column.shape[0] in (1, 3) and min(column.shape[1:]) > 4:
            yield (
                f"{column.name!r} was taken for images {column.shape[0]} pixels high: channels stand last, which "
                "array.transpose(0, 2, 3, 1) makes"
            )


def _line(name: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=f"  {name:<8}", subsequent_indent=_INDENT)


def _some(names: Sequence[str], most: int = _NAMES) -> str:
    """Return some names, the first ones, and how many others there are."""
    short = [textwrap.shorten(str(name), 40, placeholder="...") for name in names[:most]]
    return ", ".join([*short, *([f"and {len(names) - most:,} more"] if len(names) > most else [])])


def _columns(columns: Sequence[Column]) -> Iterator[str]:
    kinds = {column.kind: kind_named(column.kind) for column in columns if column.kind not in FRAMED}
    arrays = {name: (kind.name, kind.plural) for name, kind in kinds.items()}
    for kind, (one, many) in {**_PLURALS, **arrays}.items():
        its = [column for column in columns if column.kind == kind]
        if its:
            yield f"{len(its):,} {one if len(its) == 1 else many} ({_some([_named(column) for column in its])})"


def _named(column: Column) -> str:
    if column.kind == "category":
        return f"{column.name}: {len(column.categories):,}"
    return f"{column.name}: {' x '.join(map(str, column.shape))}" if column.shape else column.name


def _target(target: Target, values: NDArray[np.generic]) -> str:
    if target.kind == ITSELF:
        return "none: models learn the rows themselves"
    if target.parts:
        few = "; ".join(_one(part, target.column(values, i)) for i, part in enumerate(target.parts[:_NAMES]))
        more = len(target.parts) - _NAMES
        return f"{len(target.parts)} targets: {few}" + (f"; and {more:,} more" if more > 0 else "")
    return _one(target, values)


def _one(target: Target, values: NDArray[np.generic]) -> str:
    name = textwrap.shorten(target.name, 40, placeholder="...")
    if not target.classes:
        numbers = values.astype(np.float64)
        return f"{name}, {target.kind}, from {_short(numbers.min())} to {_short(numbers.max())}"
    counts = np.bincount(values.astype(np.int64), minlength=len(target.classes))
    each = [f"{label!r} {count:,}" for label, count in zip(target.classes, counts, strict=True)]
    classes = "two classes" if len(each) == 2 else f"{len(each):,} classes"
    return f"{name}, {classes}: {_some(each, _CLASSES)}"


def _short(value: float) -> str:
    """Return a number of six digits, or with all that stands before its point.

    >>> _short(2.04509597449), _short(1_700_000_000.5)
    ('2.0451', '1700000000.5')
    """
    return f"{value:.6g}" if abs(value) < 1e5 else f"{value:.12g}"


def _split(task: Known) -> str:
    split = task.split
    share = f", {split.share:.0%} held out" if len(task.folds) == 1 else f", {split.folds} folds"
    return f"{split.kind}{share}" + (f", gap {split.gap}" if split.gap else "") + f", seed {task.seed}"


def _number_hints(task: Known) -> Iterator[str]:
    place = 0
    for column in task.schema.columns:
        values = task.rows.table.numbers[:, place] if column.kind == "number" and column.tabular else None
        place += column.n_numbers
        if values is None or not np.isfinite(values).all() or (values != np.round(values)).any():
            continue
        n_values = len(np.unique(values))
        if n_values == len(values) and np.ptp(values) < 2 * len(values):
            yield f"{column.name!r} numbers the rows, as an id does: drop=[{column.name!r}] leaves it out"


def like_texts(schema: Schema) -> list[str]:
    """Return the categories that read like texts."""
    columns = [one for one in schema.columns if one.kind == "category" and len(one.categories) >= _FEWEST]
    written = [one for one in columns if not are_written_numbers(one.categories)]
    return [one.name for one in written if _reads_like_a_text(one.categories)]


def _reads_like_a_text(categories: Sequence[str]) -> bool:
    return bool(np.mean([len(name.split()) for name in categories]) >= _WORDS)


def _category_hints(task: Known) -> Iterator[str]:
    for column in task.schema.columns:
        if column.kind != "category" or len(column.categories) < _FEWEST:
            continue
        if are_written_numbers(column.categories):
            mended = as_numbers(column.categories, f"data[{column.name!r}]")
            yield f"{column.name!r} was taken for a category and holds numbers, {column.categories[0]!r}: {mended}"
            continue
        if how := written_dates(column.categories):
            mended = f"data[{column.name!r}] = pd.to_datetime(data[{column.name!r}], {how})"
            yield f"{column.name!r} was taken for a category and holds dates, {column.categories[0]!r}: {mended}"
            continue
        if _reads_like_a_text(column.categories):
            yield f"{column.name!r} was taken for a category and reads like a text: text=[{column.name!r}]"
        elif len(column.categories) >= _ID_SHARE * len(task.rows):
            yield f"{column.name!r} has nearly a category a row, as an id has: drop=[{column.name!r}] leaves it out"


def _label_hints(task: Known) -> Iterator[str]:
    """Yield which names, of classes or categories, are one but for capitals or spaces around them."""
    classes = [(f"target {part.name!r}", part.classes) for part in task.target.each]
    categories = [(f"column {column.name!r}", column.categories) for column in task.schema.columns]
    for what, names in [*classes, *categories]:
        first: dict[str, Any] = {}
        for name in names:
            plain = str(name).strip().casefold()
            if first.setdefault(plain, name) != name:
                yield f"{what} holds {first[plain]!r} and {name!r}: make them one if they mean the same"
                break


def _class_hints(task: Known) -> Iterator[str]:
    """Yield which class has fewer rows than there are folds, so that it is held out in some of them only."""
    if task.split.kind != "stratified":
        return
    counts = np.bincount(task.rows.target.astype(np.int64), minlength=len(task.target.classes))
    rarest = counts.argmin()
    if counts[rarest] < len(task.folds):
        yield (
            f"class {task.target.classes[rarest]!r} has {counts[rarest]} rows, fewer than the {len(task.folds)} folds: "
            "drop it, or make it one with another class, where it means little"
        )


def _weight_hints(task: Known) -> Iterator[str]:
    """Say where rows count as far more or fewer rows than there are, as of weights that sum to one."""
    weight = task.rows.weight
    if weight is not None and not 0.1 <= weight.mean() <= 10:
        yield (
            f"weights have the mean {weight.mean():.3g}, and a row counts as so many rows: where they only compare "
            "rows, divide them by their mean"
        )


def _date_hints(task: Known) -> Iterator[str]:
    if task.split.ordered:
        return
    for column in task.schema.columns:
        if column.kind == "date":
            yield (
                f"{column.name!r} is a date, and the {task.split.kind} split trains on what came later: "
                f"time={column.name!r} trains on the past only"
            )
