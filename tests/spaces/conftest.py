"""A small table with everything in it that a table may hold."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spaces import Fold, Input, Rows, Signature, Target
from spaces.inputs.border import encode, learn_schema
from spaces.inputs.text.vocabulary import measure
from spaces.inputs.text.words import Words
from spaces.rows.signature import TableColumns
from spaces.rows.table import Table

TARGETS = {
    "regression": Target("y", "regression"),
    "binary": Target("y", "binary", ("no", "yes"), "log_loss"),
    "multiclass": Target("y", "multiclass", ("a", "b", "c"), "log_loss"),
}


@dataclass(frozen=True, eq=False)
class Data:
    """Two folds of differing rows and categories, and rows to predict, some of them unlike any before."""

    signature: Signature
    rows: Rows
    folds: tuple[Fold, ...]
    new: Table

    def fold(self, index: Any, *, seed: int) -> Fold:
        """Make the training side of a fold."""
        inner, train = index[-20:], index[:-20]
        return Fold(self._take(index), self._take(train), self._take(inner), seed)

    def _take(self, index: Any) -> Rows:
        return Rows(self.rows.table.take(index), self.rows.target[index])


def make_frame(rows: int, seed: int) -> pd.DataFrame:
    """Numbers with missing values, a boolean, dates, few categories, and 40 categories."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "price": rng.lognormal(size=rows),
            "new": rng.random(rows) < 0.4,
            "sold": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D"),
            "city": rng.choice(["Bern", "Lyon", "Oslo"], rows),
            "street": [f"street {k:02d}" for k in rng.permutation(np.arange(rows) % 40)],
        }
    )
    frame.loc[rng.random(rows) < 0.15, "size"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "city"] = None
    return frame


def make_target(frame: pd.DataFrame, kind: str) -> Any:
    """Something to be learned: float64 values or int64 codes."""
    noise = np.random.default_rng(0).normal(scale=0.3, size=len(frame))
    value = frame["price"].to_numpy() + 2 * (frame["city"] == "Lyon").to_numpy() + noise
    if kind == "regression":
        return 10 * value + 100
    return np.digitize(value, [1.5] if kind == "binary" else [1.0, 2.0]).astype(np.int64)


@functools.cache
def make_data(kind: str) -> Data:
    frame = make_frame(230, 0)
    frame.loc[frame.index[:5], "city"] = "Rome"  # occurs in the first fold only
    schema = learn_schema(frame)
    new = make_frame(25, 9)
    new.loc[:2, "city"] = "Nowhere"
    new.loc[3:6, "street"] = "a new street"
    new.loc[5:8, "price"] = np.nan  # missing where no training row is
    details = TableColumns(tuple(column.kind for column in schema.columns), schema.cardinalities)
    table = Input("table", "table", (len(schema.columns),), details=details)
    rows = Rows(encode(schema, frame), make_target(frame, kind))
    data = Data(Signature((table,), (TARGETS[kind],), rows=110), rows, (), encode(schema, new))
    folds = (data.fold(np.arange(110), seed=1), data.fold(np.arange(110, 230), seed=2))
    return Data(data.signature, rows, folds, data.new)


def with_texts(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Two texts beside numbers and categories: one says what the target depends on, the other does not."""
    rng = np.random.default_rng(seed)
    filler = np.array(["the", "a", "of", "and", "here", "there", "was", "quite", "rather", "some", "house", "street"])
    price = np.digitize(frame["price"].fillna(1), [0.7, 1.4])
    said = np.where(frame["city"] == "Lyon", "by the river", "")
    notes = [
        " ".join([*rng.choice(filler, 4), ["cheap", "fair", "dear"][k], text, *rng.choice(filler, rng.integers(0, 5))])
        for k, text in zip(price, said, strict=True)
    ]
    others = [" ".join(rng.choice(filler, rng.integers(0, 9))) for _ in notes]
    return frame[["size", "city"]].assign(note=notes, other=others)


@functools.cache
def make_text_data(kind: str) -> Data:
    table = make_data(kind)
    frame, new = make_frame(230, 0), make_frame(25, 9)
    frame, target = with_texts(frame, 0), make_target(frame, kind)
    new = with_texts(new, 9)
    new.loc[0, ["note", "other"]] = ["", None]
    new.loc[1, "note"] = "zzz qqq"
    new.loc[2, "note"] = "a longer text than any before " * 20
    schema = learn_schema(frame, text=["note", "other"])
    encoded = encode(schema, frame)
    assert encoded.texts is not None
    (words, distinct), (fewer, some) = measure(encoded.texts)
    inputs = (
        Input("table", "table", (2,), details=TableColumns(cardinalities=schema.cardinalities)),
        Input("note", "text", (words,), "int32", Words(distinct)),
        Input("other", "text", (fewer,), "int32", Words(some)),
    )
    data = Data(Signature(inputs, table.signature.targets, rows=110), Rows(encoded, target), (), encode(schema, new))
    folds = (data.fold(np.arange(110), seed=1), data.fold(np.arange(110, 230), seed=2))
    return Data(data.signature, data.rows, folds, data.new)


@functools.cache
def make_array_data(kind: str, of: str) -> Data:
    """A series with missing steps, or an image, whose level says what the target depends on, beside a small table."""
    table = make_data(kind)
    frame, new = make_frame(230, 0)[["size", "city"]], make_frame(25, 9)[["size", "city"]]
    prices = [np.nan_to_num(make_frame(rows, seed)["price"].to_numpy(), nan=1.0) for rows, seed in ((230, 0), (25, 9))]
    lyon = [(one["city"] == "Lyon").to_numpy() for one in (frame, new)]
    made = []
    for seed, (price, there) in enumerate(zip(prices, lyon, strict=True)):
        rng = np.random.default_rng(seed)
        level = (price + 2 * there)[:, None, None]
        if of == "series":
            array = (level + 0.1 * rng.normal(size=(len(price), 12, 2))).astype(np.float32)
            array[rng.random(array.shape) < 0.1] = np.nan
        else:
            array = np.clip(30 * level + rng.integers(0, 20, (len(price), 9, 12)), 0, 255).astype(np.uint8)[..., None]
        made.append(array)
    schema = learn_schema(frame, arrays={of: made[0]})
    inputs = (
        Input("table", "table", (2,), details=TableColumns(cardinalities=schema.cardinalities)),
        Input(of, of, made[0].shape[1:], str(made[0].dtype)),
    )
    rows = Rows(encode(schema, frame, {of: made[0]}), table.rows.target)
    data = Data(Signature(inputs, table.signature.targets, rows=110), rows, (), encode(schema, new, {of: made[1]}))
    folds = (data.fold(np.arange(110), seed=1), data.fold(np.arange(110, 230), seed=2))
    return Data(data.signature, data.rows, folds, data.new)


@pytest.fixture(scope="session")
def data() -> Callable[..., Data]:
    """Makes the data of one kind of target: a table, or a table and two texts, a series or an image."""

    def make(kind: str, of: str = "table") -> Data:
        if of in ("series", "image"):
            return make_array_data(kind, of)
        return (make_text_data if of == "text" else make_data)(kind)

    return make
