"""A task: data, a metric and a split, checked once and stored as arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.html import facts
from spaces.inputs.files import DataError
from spaces.inputs.kind import Options
from spaces.inputs.kinds import arrays_of
from spaces.inputs.table.received import received
from spaces.inputs.text.vectors import Vectors, load_vectors, read_vectors
from spaces.inputs.text.vocabulary import distinct_words, measure
from spaces.inputs.text.words import Words
from spaces.machine.mistakes import briefly
from spaces.rows.arrays import Index, pieces
from spaces.rows.columns import Schema
from spaces.rows.signature import Input, Signature
from spaces.rows.table import Rows, Table
from spaces.rows.target import ITSELF, Follows, Target
from tuner.amounts import Natural
from tuner.scoring.metrics import METRICS, UNLABELLED, check_ranks, check_weighable
from tuner.scoring.score import Metric, Score
from tuner.scoring.several_targets import metric_names, score_from_json, score_to_json, scores_of
from tuner.task.build import (
    Divided,
    Encoded,
    Roles,
    divide,
    encode,
    label,
    read,
    share_of,
    with_corpus,
)
from tuner.task.described import Known, described, hints
from tuner.task.splits import Split, blocks, check_order, checked_seed, fold_indices
from tuner.task.storage import load_rows, read_description, save_rows, stored_array, stored_arrays, write_description
from tuner.task.targets import check_target

_VECTORS = "vectors.npz"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Task:
    """Data, a metric and a split.

    Args:
        data: A data frame (pandas, Polars, Arrow), a list of records, the path of a CSV, TSV or Parquet file
            (compressed too), or an array: `(rows, columns)`, series `(rows, steps, channels)` or images
            `(rows, height, width, channels)`. Of several named inputs a mapping from their names to such, or the path
            of an npz file. Or a folder with a folder of images for each
            class: its columns are `image` and `class` (see `tuner.image_folder`).
        target: The name of the target's column, or an array `(rows,)`; its values decide whether it is a number (see
            docs/targets.md). For several targets a list of columns, a data frame or an array `(rows, targets)`; for
            labels of which a row has any number, also a column of lists. None where rows have no target: autoencoders
            and what else learns the rows themselves.
        metric: What decides: a name (see `tuner.METRICS`) or a `tuner.Metric`; RMSE or log loss when left out. Of
            several targets its mean over them, or `{target: metric}` or `{target: (metric, weight)}` (see
            `tuner.scoring.several_targets`, also for what is taken when left out).
        metrics: Further metrics, logged beside it.
        kind: `"regression"`, `"binary"`, `"multiclass"`, or `"multilabel"` for columns that say whether a label is
            there; of several targets also by name. Told from the metric and the values when left out.
        split: A `tuner.Split`, a mapping such as `{"kind": "kfold", "folds": 3}`, or a kind. When left out: grouped
            if there is a group column, time if there is a time column, stratified for classes, else K-fold; 5 folds.
        test: Rows set aside first and read by `ensemble.test()` only: a share, a data frame or a path.
        group: A column that says which rows belong together; it is no feature, and cannot be missing.
        sample_weight: A column of weights above zero: each row counts as if it were there so often, in training, in
            metrics, in blends and in standard errors. It is no feature, and not needed to predict.
        sequence: A column that says which rows are the steps of one sequence, standing together in order: words of
            a sentence, say. Sequences are kept whole, as groups are.
        time: A column that orders the rows: dates or numbers, texts of them too (see `tuner.task.times`). The split is
            then one in time; beside a group column, `split="grouped"` must be written out.
        categories: Columns to be read as categories whatever their values look like; those of a CSV file as they are
            written, `007` and `NA` included.
        text: Columns of texts, each an input of its own: strings, or lists of tokens (words or whole numbers).
        columns: What else columns and arrays are, by name: `tuner.Image(size=(64, 64))`, `tuner.Series(periods=(24,))`,
            or options of a kind of your own (see docs/inputs.md). `categories`, `text` and `image` are short for it.
        image: Columns that name files of images, each an input of its own; paths are relative to the data's file.
        image_size: Height and width in pixels that these images are brought to; not needed where all are of one size.
        vectors: A file of pretrained word vectors for the texts: npz with `words` and `vectors`, or GloVe's text.
        inputs: Named tables: from a name to its columns. Those of none are the table called `"table"`.
        drop: Columns to leave out.
        missing: Texts that stand for missing values, and the numbers that they write, in a file or a frame.
        seed: Draws the test part and the folds.
        continues: What each target continues, of a forecast (see `tuner.series_task`).

    Raises:
        DataError, TableError, ValueError: Something cannot be used; the message says what and how to mend it.

    Attributes:
        schema: The columns.
        rows: The encoded training rows, test rows excluded.
        test: The encoded test rows, or None.
        target: What is predicted.
        score: The metric that decides.
        scores: All metrics, the deciding one first.
        split: How rows are divided.
        folds: `(training rows, held-out rows)` of each fold.
        groups: Group of each row, or None.
        group: The column that names them, or None.
        text_sizes: Of each text column, a number of words that 95 of 100 texts do not exceed, and of distinct words.
        vectors: Pretrained vectors of the words that occur in the texts, or None.
        seed: The seed of the split.
        digest: Changes when data or split do.
    """

    schema: Schema
    rows: Rows
    test: Rows | None
    target: Target
    score: Score
    scores: tuple[Score, ...]
    split: Split
    folds: tuple[tuple[Index, Index], ...]
    groups: NDArray[Any] | None
    group: str | None
    text_sizes: tuple[tuple[int, int], ...]
    vectors: Vectors | None
    seed: int
    digest: str

    @briefly
    def __init__(
        self,
        data: Any,
        target: Any,
        *,
        metric: str | Metric | Mapping[str, Any] | None = None,
        metrics: Sequence[str | Metric] = (),
        kind: str | Mapping[str, str] | None = None,
        split: Split | Mapping[str, Any] | str | None = None,
        test: float | str | Path | Any = None,
        group: str | None = None,
        sample_weight: str | None = None,
        sequence: str | None = None,
        time: str | None = None,
        categories: Sequence[str] = (),
        text: Sequence[str] = (),
        columns: Mapping[str, Options] | None = None,
        image: Sequence[str] = (),
        image_size: Sequence[int] | None = None,
        vectors: str | Path | None = None,
        inputs: Mapping[str, Sequence[str]] | None = None,
        drop: Sequence[str] = (),
        missing: Sequence[str] = (),
        seed: Natural = 0,
        continues: Mapping[str, Follows] | None = None,
    ) -> None:
        roles = Roles.of(
            group=group,
            sample_weight=sample_weight,
            time=time,
            sequence=sequence,
            categories=categories,
            text=text,
            columns=columns,
            drop=drop,
            image=image,
            image_size=image_size,
            inputs=inputs,
            missing=missing,
        )
        check_order(split, group=roles.group, time=roles.time)
        seed = checked_seed(seed)
        given = read(data, target, roles)
        labelled = label(given, target, roles, kind=kind, metric=metric, continues=continues or {})
        share = share_of(test)
        divided = divide(labelled, roles, split, share=share, seed=seed)
        made = encode(labelled, divided, roles, test=None if share else test)
        metric = metric or (UNLABELLED if target is None else None)
        self._set(group=roles.group)
        self._finish(made, labelled.target, divided, metric=metric, metrics=metrics, vectors=vectors, seed=seed)

    def _finish(
        self,
        made: Encoded,
        target: Target,
        divided: Divided,
        *,
        metric: str | Metric | Mapping[str, Any] | None,
        metrics: Sequence[str | Metric],
        vectors: str | Path | None,
        seed: int,
    ) -> None:
        """Bind metrics, cut folds, and name the rows by a digest of everything."""
        rows, groups = made.rows, divided.groups
        if groups is not None:
            groups = groups[divided.kept]
        for values, part in zip(rows.target.reshape(len(rows), -1).T, target.each, strict=True):
            if part.kind != ITSELF:
                check_target(pd.Series(values), part.name)
        target, scores = scores_of(target, rows.target, metric, metrics=metrics, sample_weight=rows.weight)
        if rows.weight is not None:
            check_weighable(scores)
        check_ranks(scores, rows)
        if made.test is not None:
            check_ranks(scores, made.test, "test: ")
        folds = fold_indices(
            divided.split, rows.target, classes=target.of_classes, groups=groups, seed=seed, labels=target.classes
        )
        self._set(
            schema=made.schema,
            rows=rows,
            test=made.test,
            target=target,
            score=scores[0],
            scores=scores,
            split=divided.split,
            folds=tuple(folds),
            groups=groups,
            text_sizes=_measured(rows.table, made.schema),
            vectors=_vectors(vectors, rows.table),
            seed=seed,
        )
        self._set(digest=_digest(self))
        self._set(rows=with_corpus(rows, self.digest))
        if made.test is not None:
            self._set(test=with_corpus(made.test, f"{self.digest}/test"))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return described(self._known)

    def __str__(self) -> str:
        return "\n".join([described(self._known), *hints(self._known)])

    def _repr_html_(self) -> str:
        return facts(repr(self))

    @property
    def _known(self) -> Known:
        return Known(*(getattr(self, name) for name in Known._fields))

    @property
    def ordered(self) -> bool:
        """Whether rows are in time order, never to be shuffled."""
        return self.split.ordered

    @property
    def drawn_together(self) -> NDArray[Any] | None:
        """The group of each row where rows are no independent draws, as standard errors must know; else None.

        Rows in time order come in blocks: neighbours are alike, and windows that overlap share steps.
        """
        if self.groups is not None or not self.ordered:
            return self.groups
        return blocks(len(self.rows), self.split.gap)

    @property
    def test_drawn_together(self) -> NDArray[Any] | None:
        """The same of the test rows."""
        if self.test is not None and self.test.group is not None:
            return self.test.group
        return blocks(len(self.test), self.split.gap) if self.test is not None and self.ordered else None

    @property
    def signature(self) -> Signature:
        """What families may know: inputs, targets, and the training rows of a fold."""
        names = self.schema.text_names
        inputs = [
            Input(name, "text", (words,), "int32", details=Words(distinct, self.vectors))
            for name, (words, distinct) in zip(names, self.text_sizes, strict=True)
        ]
        arrays = [arrays_of(one.kind).received(one) for one in self.schema.arrays]
        inputs = [*received(self.schema), *arrays, *inputs]
        rows, sequence, steps = min(len(train) for train, _ in self.folds), self.rows.table.sequence, 0
        if sequence is not None:
            steps = int(np.ceil(np.percentile(np.unique(sequence, return_counts=True)[1], 95)))
        return Signature(tuple(inputs), self.target.each, rows, steps, self.rows.weight is not None)

    def save(self, folder: Path) -> None:
        """Write the arrays once, so that all workers can map them into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        save_rows(self.rows, folder, "train", schema=self.schema)
        if self.test is not None:
            save_rows(self.test, folder, "test", schema=self.schema)
        if self.groups is not None:
            np.save(folder / "groups.npy", self.groups.astype(str), allow_pickle=False)
        if self.vectors is not None:
            self.vectors.save(folder / _VECTORS)
        write_description(folder, self.describe())

    def describe(self) -> dict[str, Any]:
        """Return everything but the rows, as JSON values."""
        return {
            "schema": self.schema.to_json(),
            "target": self.target.to_json(),
            "group": self.group,
            "metric": self.score.name,
            "metrics": [score_to_json(score) for score in self.scores],
            "split": self.split.to_json(),
            "seed": self.seed,
            "rows": len(self.rows),
            "test_rows": 0 if self.test is None else len(self.test),
            "texts": [list(one) for one in self.text_sizes],
            "vectors_coverage": None if self.vectors is None else self.vectors.coverage,
            "digest": self.digest,
        }

    @staticmethod
    def open(folder: Path, metrics: Sequence[Metric] = ()) -> Task:
        """Map a stored task into memory.

        Args:
            folder: Where `save` wrote it.
            metrics: The user's own metrics, which are functions and so are not stored.

        Raises:
            Torn: A file is damaged or gone; the call that runs the study writes it anew.
            ValueError: One of the user's own metrics is needed and not given.
        """
        stored = read_description(folder)
        own = {metric.name: metric for metric in metrics}
        target, schema = Target.from_json(stored["target"]), Schema.from_json(stored["schema"])
        for name in {name for score in stored["metrics"] for name in metric_names(score)}:
            if name not in own and name not in METRICS:
                raise ValueError(f"the study uses your own metric {name!r}: pass it, as metrics=[tuner.Metric(...)]")
        scores = tuple(score_from_json(score, target, {**METRICS, **own}) for score in stored["metrics"])
        task: Task = object.__new__(Task)
        groups = stored_array(path) if (path := folder / "groups.npy").exists() else None
        rows = with_corpus(load_rows(folder, "train", schema), stored["digest"], folder / "texts" / stored["digest"])
        split = Split(**stored["split"])
        folds = fold_indices(split, rows.target, classes=target.of_classes, groups=groups, seed=stored["seed"])
        task._set(
            schema=schema,
            rows=rows,
            test=with_corpus(load_rows(folder, "test", schema), f"{stored['digest']}/test")
            if stored["test_rows"]
            else None,
            target=target,
            score=scores[0],
            scores=scores,
            split=split,
            folds=tuple(folds),
            groups=groups,
            group=stored.get("group"),
            text_sizes=tuple((words, distinct) for words, distinct in stored["texts"]),
            vectors=load_vectors(folder / _VECTORS) if (folder / _VECTORS).exists() else None,
            seed=stored["seed"],
            digest=stored["digest"],
        )
        return task


def _measured(table: Table, schema: Schema) -> tuple[tuple[int, int], ...]:
    measured = () if table.texts is None else tuple(measure(table.texts))
    for name, (_, distinct) in zip(schema.text_names, measured, strict=True):
        if not distinct:
            raise DataError(f"text column {name!r} holds no word, only signs: leave it out, or name it in categories")
    return measured


def _vectors(given: str | Path | None, table: Table) -> Vectors | None:
    if given is None:
        return None
    if table.texts is None:
        raise ValueError("vectors are of words, and the task has no text: name columns, Task(..., text=['review'])")
    return read_vectors(Path(given), distinct_words(table.texts))


def _digest(task: Task) -> str:
    digest = hashlib.sha256()
    settings = [task.schema.to_json(), asdict(task.target), task.split.to_json(), task.seed]
    digest.update(json.dumps(settings, default=str).encode())
    for rows in (task.rows, task.test):
        arrays = {} if rows is None else stored_arrays(rows, task.schema)
        for array in (array for name, array in arrays.items() if name != "group"):
            for piece in pieces(array):
                digest.update(piece.data)
        if rows is not None and rows.table.texts is not None:
            digest.update("\0".join(rows.table.texts.ravel()).encode())
    if task.vectors is not None:
        digest.update("\0".join(task.vectors.words).encode() + task.vectors.matrix.tobytes())
    if task.groups is not None:
        digest.update("\0".join(task.groups.astype(str)).encode())
    return digest.hexdigest()[:16]
