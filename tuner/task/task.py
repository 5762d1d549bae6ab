"""A task: data, a metric and a split, checked once and stored as arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.border import encode, learn_schema
from spaces.inputs.given import read_given
from spaces.inputs.text.corpus import Corpus
from spaces.inputs.text.vectors import Vectors, load_vectors, read_vectors
from spaces.inputs.text.vocabulary import distinct_words, measure
from spaces.language.complaints import unknown_name
from spaces.rows.arrays import pieces, take
from spaces.rows.columns import Column, Schema
from spaces.rows.signature import Input, Signature
from spaces.rows.table import Rows, Table
from spaces.rows.target import ITSELF, Follows, Target
from tuner.scoring.metrics import METRICS, UNLABELLED
from tuner.scoring.score import Metric, Score
from tuner.scoring.several_targets import metric_names, score_from_json, score_to_json, scores_of
from tuner.task.described import Known, described, hints
from tuner.task.groups import check_groups, group_names
from tuner.task.labels import labels_as_trained, labels_of, refuse_infinite, written_labels
from tuner.task.names import column_name, column_names
from tuner.task.reading import DataError, Given, image_columns, in_order, read_inputs, with_images, without_nameless
from tuner.task.splits import Index, Split, blocks, check_order, fold_indices, split_off
from tuner.task.storage import arrays_of, load_rows, save_rows
from tuner.task.targets import (
    check_alignment,
    check_columns,
    check_sequence,
    check_target,
    codes_of,
    continuing,
    label_columns,
    lists_of,
    targets_of,
    with_targets,
)
from tuner.task.times import time_order
from tuner.task.written import written_columns

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
        sequence: A column that says which rows are the steps of one sequence, standing together in order: words of
            a sentence, say. Sequences are kept whole, as groups are.
        time: A column that orders the rows: dates or numbers, texts of them too (see `tuner.task.times`). The split is
            then one in time; beside a group column, `split="grouped"` must be written out.
        categories: Columns to be read as categories whatever their values look like; those of a CSV file as they are
            written, `007` and `NA` included.
        text: Columns of texts, each an input of its own: strings, or lists of tokens (words or whole numbers).
        image: Columns that name files of images, each an input of its own; paths are relative to the data's file.
        image_size: Height and width that these images are brought to; not needed where all are of one size.
        vectors: A file of pretrained word vectors for the texts: npz with `words` and `vectors`, or GloVe's text.
        inputs: Named tables: from a name to its columns. Those of none are the table called `"table"`.
        drop: Columns to leave out.
        missing: Texts that stand for missing values in a CSV file.
        seed: Draws the test part and the folds.
        continues: What each target continues, of a forecast (see `tuner.series_task`).
        series: What is known of series beside their shapes.

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
        texts: Of each text column, a number of words that 95 of 100 texts do not exceed, and of distinct words.
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
    texts: tuple[tuple[int, int], ...]
    vectors: Vectors | None
    seed: int
    digest: str

    def __init__(
        self,
        data: Any,
        target: Any,
        *,
        metric: str | Metric | Mapping[str, Any] | None = None,
        metrics: Sequence[str | Metric] = (),
        kind: str | Mapping[str, str] | None = None,
        split: Split | Mapping[str, Any] | str | None = None,
        test: Any = None,
        group: str | None = None,
        sequence: str | None = None,
        time: str | None = None,
        categories: Sequence[str] = (),
        text: Sequence[str] = (),
        image: Sequence[str] = (),
        image_size: Sequence[int] | None = None,
        vectors: str | Path | None = None,
        inputs: Mapping[str, Sequence[str]] | None = None,
        drop: Sequence[str] = (),
        missing: Sequence[str] = (),
        seed: int = 0,
        continues: Mapping[str, Follows] | None = None,
        series: Mapping[str, Column] | None = None,
    ) -> None:
        group, time, sequence = (
            column_name(one, argument) for one, argument in ((group, "group"), (time, "time"), (sequence, "sequence"))
        )
        drop, categories, text = (
            column_names(some, argument)
            for some, argument in ((drop, "drop"), (categories, "categories"), (text, "text"))
        )
        texts = [*categories, *text, *(one for one in (group, sequence) if one is not None)]
        given = _as_written(read_inputs(data, missing=missing, texts=texts), written_columns(data, target, missing))
        given = with_images(given, dict.fromkeys(image_columns(given, image, image_size, target)), image_size)
        check_alignment(data, target)
        frame, names = with_targets(given.frame, target, kind)
        arrays, inputs = given.arrays, _named_tables(given, inputs or {}, {*names, *drop, *([group] if group else [])})
        check_columns(
            frame, [*drop, *(one for one in (group, time, sequence) if one)], names, inputs=[*text, *categories]
        )
        spec = continuing(targets_of(frame, names, kind, metric), continues or {})
        check_order(split, group=group, time=time)
        if group is not None:
            check_groups(frame[group], group)
        if time is not None:
            order = time_order(frame[time], time)
            frame = frame.iloc[order].reset_index(drop=True)
            arrays = {name: take(array, order) for name, array in arrays.items()}
        features = frame.drop(columns=[*names, *drop, *([group] if group else [])])
        features = without_nameless(features, named=[*categories, *text, *(one for one in (time, sequence) if one)])
        check_sequence(frame, sequence, group=group, time=time, others=[*drop, *text, *categories])
        if inputs:
            features = features[in_order(list(features.columns), inputs)]
        if features.shape[1] == (sequence is not None) and not arrays:
            raise DataError(f"no column is left to predict {spec.name!r} from")
        whole = group or (sequence if sequence and frame[sequence].nunique() > 1 else None)
        groups = group_names(frame[whole]) if whole else None
        division = _division(split, spec, groups is not None, time is not None, sequence is not None)
        codes, off = codes_of(frame, spec), _share(test)
        kept, rest = np.arange(len(frame)), np.arange(0)
        if off:
            ordered = division.kind == "time"
            classes = spec.of_classes
            kept, rest = split_off(
                codes, off, classes=classes, groups=groups, ordered=ordered, seed=seed, gap=division.gap
            )
        schema = learn_schema(  # test rows tell nothing, not even a name
            features.iloc[kept] if off else features,
            categories=categories,
            text=text,
            sequence=sequence,
            inputs=inputs,
            arrays=arrays,
            missing=missing,
        )
        schema = Schema(tuple((series or {}).get(column.name, column) for column in schema.columns))
        rows = Rows(encode(schema, features, arrays), codes)
        test_rows = None if test is None or off else _test_rows(test, missing, schema, spec, time)
        if off:
            rows, test_rows, groups = _take(rows, kept), _take(rows, rest), None if groups is None else groups[kept]
        for values, part in () if target is None else zip(rows.target.reshape(len(rows), -1).T, spec.each, strict=True):
            check_target(pd.Series(values), part.name)
        spec, scores = scores_of(spec, rows.target, metric or (UNLABELLED if target is None else None), metrics)
        self._set(
            schema=schema,
            rows=rows,
            test=test_rows,
            target=spec,
            score=scores[0],
            scores=scores,
            split=division,
            folds=tuple(fold_indices(division, rows.target, classes=spec.of_classes, groups=groups, seed=seed)),
            groups=groups,
            texts=_measured(rows.table, schema),
            vectors=_vectors(vectors, rows.table),
            seed=int(seed),
        )
        self._set(digest=_digest(self))
        self._set(rows=_with_corpus(rows, self.digest))
        if test_rows is not None:
            self._set(test=_with_corpus(test_rows, f"{self.digest}/test"))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return described(self._known)

    def __str__(self) -> str:
        return "\n".join([described(self._known), *hints(self._known)])

    @property
    def _known(self) -> Known:
        return Known(*(getattr(self, name) for name in Known._fields))

    @property
    def ordered(self) -> bool:
        """Whether rows are in time order, never to be shuffled."""
        return self.split.kind == "time"

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
        """The same of the test rows; their groups are not known."""
        return blocks(len(self.test), self.split.gap) if self.test is not None and self.ordered else None

    @property
    def signature(self) -> Signature:
        """What families may know: inputs, targets, and the training rows of a fold."""
        names = self.schema.texts
        inputs = [
            Input(name, "text", (words,), "int32", cardinalities=(distinct,), vectors=self.vectors)
            for name, (words, distinct) in zip(names, self.texts, strict=True)
        ]
        arrays = [
            Input(one.name, one.kind, one.shape, _read_as(array.dtype), periods=one.periods)  # type: ignore[arg-type]
            for one, array in zip(self.schema.arrays, self.rows.table.arrays, strict=True)
        ]
        inputs = [*_tables(self.schema), *arrays, *inputs]
        rows, sequence, steps = min(len(train) for train, _ in self.folds), self.rows.table.sequence, 0
        if sequence is not None:
            steps = int(np.ceil(np.percentile(np.unique(sequence, return_counts=True)[1], 95)))
        return Signature(tuple(inputs), self.target.each, rows, steps)

    def save(self, folder: Path) -> None:
        """Write the arrays once, so that all workers can map them into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        save_rows(self.rows, folder, "train", self.schema)
        if self.test is not None:
            save_rows(self.test, folder, "test", self.schema)
        if self.groups is not None:
            np.save(folder / "groups.npy", self.groups.astype(str), allow_pickle=False)
        if self.vectors is not None:
            self.vectors.save(folder / _VECTORS)
        (folder / "task.json").write_text(json.dumps(self.describe(), indent=1))

    def describe(self) -> dict[str, Any]:
        """Return everything but the rows, as JSON values."""
        return {
            "schema": self.schema.to_json(),
            "target": self.target.to_json(),
            "metric": self.score.name,
            "metrics": [score_to_json(score) for score in self.scores],
            "split": self.split.to_json(),
            "seed": self.seed,
            "rows": len(self.rows),
            "test_rows": 0 if self.test is None else len(self.test),
            "texts": [list(one) for one in self.texts],
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
            ValueError: One of the user's own metrics is needed and not given.
        """
        stored = json.loads((folder / "task.json").read_text())
        own = {metric.name: metric for metric in metrics}
        target, schema = Target.from_json(stored["target"]), Schema.from_json(stored["schema"])
        for name in {name for score in stored["metrics"] for name in metric_names(score)}:
            if name not in own and name not in METRICS:
                raise ValueError(f"the study uses your own metric {name!r}: pass it, as metrics=[tuner.Metric(...)]")
        scores = tuple(score_from_json(score, target, {**METRICS, **own}) for score in stored["metrics"])
        task: Task = object.__new__(Task)
        groups = np.load(folder / "groups.npy") if (folder / "groups.npy").exists() else None
        rows = _with_corpus(load_rows(folder, "train", schema), stored["digest"], folder / "texts" / stored["digest"])
        split = Split(**{"first": 0.0, **stored["split"]})  # of studies from before there was one
        folds = fold_indices(split, rows.target, classes=target.of_classes, groups=groups, seed=stored["seed"])
        task._set(
            schema=schema,
            rows=rows,
            test=_with_corpus(load_rows(folder, "test", schema), f"{stored['digest']}/test")
            if stored["test_rows"]
            else None,
            target=target,
            score=scores[0],
            scores=scores,
            split=split,
            folds=tuple(folds),
            groups=groups,
            texts=tuple((words, distinct) for words, distinct in stored.get("texts", ())),
            vectors=load_vectors(folder / _VECTORS) if (folder / _VECTORS).exists() else None,
            seed=stored["seed"],
            digest=stored["digest"],
        )
        return task


def _as_written(given: Given, texts: Mapping[str, pd.Series[Any]]) -> Given:
    """Return what was read with a file's targets as they were written."""
    labels = {name: written_labels(column).to_numpy() for name, column in texts.items() if name in given.frame.columns}
    return given._replace(frame=given.frame.assign(**labels)) if labels else given


def _named_tables(given: Given, inputs: Mapping[str, Sequence[str]], taken: set[str]) -> dict[str, Sequence[str]]:
    """Return the columns of each named table, without those that are the target, the group or dropped."""
    for name, its in inputs.items():
        for column in its if not isinstance(its, str) else ():
            if column in taken:
                raise DataError(f"inputs: column {column!r} of {name!r} is the target, the group or dropped")
    named = {name: [column for column in its if column not in taken] for name, its in given.inputs.items()}
    return {**named, **inputs}


def _read_as(dtype: np.dtype[Any]) -> str:
    """Return the type in which models read an array: those of float64 are narrowed when they are near zero."""
    return "float32" if dtype == np.float64 else str(dtype)


def _division(given: Any, target: Target, grouped: bool, timed: bool, sequences: bool) -> Split:
    """Return how rows are divided: as given, or by what is known of them."""
    single = sequences and not grouped
    default = "grouped" if grouped else "time" if timed or single else "stratified" if target.of_classes else "kfold"
    division = Split.of(given, default)  # type: ignore[arg-type]
    if single and division.kind != "time":
        raise ValueError(f"a {division.kind} split would tear the only sequence apart: use 'time'")
    return division


def _share(test: Any) -> float | None:
    """Return the share of rows to be set aside, if test is one."""
    if not isinstance(test, int | float) or isinstance(test, bool):
        return None
    if not 0 < test < 1:
        raise ValueError(f"test must be a share between 0 and 1, a data frame or a path, got {test!r}")
    return float(test)


def _tables(schema: Schema) -> list[Input]:
    """Return the tables as inputs: the columns of a single one need no telling."""
    tables = []
    for name, places in schema.tables.items():
        its = [column for column in schema.columns if column.input == name and column.tabular]
        cardinalities = tuple(len(column.categories) for column in its if column.kind == "category")
        places = places if len(schema.tables) > 1 else ()
        kinds = tuple(column.kind for column in its)
        tables.append(Input(name, "table", (len(its),), cardinalities=cardinalities, columns=places, kinds=kinds))
    return tables


def _test_rows(test: Any, missing: Sequence[str], schema: Schema, target: Target, time: str | None) -> Rows:
    given = read_given(test[0] if isinstance(test, tuple) else test, schema=schema, missing=missing)
    shapes = {one.name: one.shape for one in schema.arrays if one.kind == "image" and one.name in given.frame.columns}
    given = with_images(given, shapes, None)  # type: ignore[arg-type]
    frame = given.frame.rename(columns=str)
    texts = written_columns(test, [part.name for part in target.each], missing)
    frame = frame.assign(**{name: column.to_numpy() for name, column in texts.items()})
    if isinstance(test, tuple):  # (inputs, target), as of arrays, which have no columns of targets
        values = np.asarray(test[1]) if len(test) == 2 else np.empty(0)
        if values.shape not in {(len(frame), len(target.each)), (len(frame),)[: 2 - (len(target.each) > 1)]}:
            raise DataError(f"test: a pair of inputs and targets of {len(frame)} rows is needed, got {values.shape}")
        its_columns = values.reshape(len(frame), -1).T
        frame = frame.assign(**{part.name: its for part, its in zip(target.each, its_columns, strict=True)})
    arrays = given.arrays
    if time is not None and time in frame.columns:
        order = time_order(frame[time], time)
        frame = frame.iloc[order].reset_index(drop=True)
        arrays = {name: take(array, order) for name, array in arrays.items()}
    if target.kind == ITSELF:
        return Rows(encode(schema, frame, arrays), np.zeros(len(frame)))
    lists = lists_of(target, frame)
    if lists is not None:
        flags = label_columns(lists).reindex(columns=[part.name for part in target.each], fill_value=0)
        frame = pd.concat([frame, flags], axis=1)
    for part in target.each:
        if part.name not in frame.columns:
            raise DataError(f"test: {unknown_name(part.name, list(frame.columns))}")
        labels = labels_as_trained(labels_of(frame[part.name], part.name), part)
        if labels.isna().any():
            raise DataError(f"test: target {part.name!r} has missing values: leave those rows out")
        refuse_infinite(labels, f"test: target {part.name!r}")
        frame = frame.assign(**{part.name: labels})
    return Rows(encode(schema, frame, arrays), codes_of(frame, target))


def _with_corpus(rows: Rows, key: str, folder: Path | None = None) -> Rows:
    """Return rows whose texts are cut up and counted once for all folds, and in a folder once for all processes."""
    if rows.table.texts is None:
        return rows
    corpus = Corpus(rows.table.texts, key, folder)
    return replace(rows, table=replace(rows.table, origin=(corpus, np.arange(len(rows)))))


def _measured(table: Table, schema: Schema) -> tuple[tuple[int, int], ...]:
    measured = () if table.texts is None else tuple(measure(table.texts))
    for name, (_, distinct) in zip(schema.texts, measured, strict=True):
        if not distinct:
            raise DataError(f"text column {name!r} holds no word, only signs: leave it out, or name it in categories")
    return measured


def _vectors(given: str | Path | None, table: Table) -> Vectors | None:
    if given is None:
        return None
    if table.texts is None:
        raise ValueError("vectors are of words, and the task has no text: name columns, Task(..., text=['review'])")
    return read_vectors(Path(given), distinct_words(table.texts))


def _take(rows: Rows, index: Index) -> Rows:
    return Rows(rows.table.take(index), rows.target[index])


def _digest(task: Task) -> str:
    digest = hashlib.sha256()
    settings = [task.schema.to_json(), asdict(task.target), task.split.to_json(), task.seed]
    digest.update(json.dumps(settings, default=str).encode())
    for rows in (task.rows, task.test):
        for array in arrays_of(rows).values() if rows is not None else ():
            for piece in pieces(array):
                digest.update(piece.data)
        if rows is not None and rows.table.texts is not None:
            digest.update("\0".join(rows.table.texts.ravel()).encode())
    if task.vectors is not None:
        digest.update("\0".join(task.vectors.words).encode() + task.vectors.matrix.tobytes())
    if task.groups is not None:
        digest.update("\0".join(task.groups.astype(str)).encode())
    return digest.hexdigest()[:16]
