"""Points of a plane, `(rows, points, 2)`, missing ones NaN: three axes, as series have, and no order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces import Input, InputKind, Int, Signature
from spaces.inputs.checked import checked_shape, finite, numeric
from spaces.inputs.kind import Arrays, TrainingPace
from spaces.rows.columns import Column, TableError


@dataclass(frozen=True)
class Cloud:
    """What is said of a cloud.

    Attributes:
        points: The first so many points are kept.
    """

    kind: ClassVar[str] = "toys.clouds.kind:CLOUD"
    points: int


@dataclass(frozen=True)
class Reading:
    flat: bool


@dataclass(frozen=True, eq=False)
class Centred:
    """The mean point of the training rows, and how far others are from it."""

    reading: Reading
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def read(self, rows: Any, key: str | None) -> NDArray[np.float32]:
        """Return each point with whether it is there, or the middle, the spread and the number of points."""
        points = np.asarray(rows)
        there = np.isfinite(points).all(axis=-1, keepdims=True)
        standard = np.where(there, (points - self.mean) / self.deviation, 0)
        if not self.reading.flat:
            return np.concatenate([standard, there], axis=-1).astype(np.float32)
        count = np.maximum(1, there.sum(axis=1))
        middle = standard.sum(axis=1) / count
        spread = (standard**2).sum(axis=1) / count - middle**2
        return np.hstack([middle, spread, there.sum(axis=1)]).astype(np.float32)

    def save(self, folder: Path, name: str) -> dict[str, Any]:
        np.save(folder / f"{name}.npy", np.stack([self.mean, self.deviation]))
        return {"file": f"{name}.npy", "flat": self.reading.flat}


def accepts(array: Any) -> bool:
    return array.ndim == 3 and array.shape[-1] == 2


def describe(name: str, array: Any, said: Cloud) -> Column:
    numeric(name, array)
    if not accepts(array):
        raise TableError(f"{name!r} must be points (rows, points, 2), got shape {tuple(array.shape)}")
    details = {"given": array.shape[1]}
    return Column(name, said.kind, shape=(min(said.points, array.shape[1]), 2), dtype="float64", details=details)


def encode(column: Column, array: Any) -> NDArray[np.float64]:
    numeric(column.name, array)
    kept = np.asarray(array)[:, : column.shape[0]].astype(np.float64)
    checked_shape(column, kept)
    finite(column.name, kept, "leave missing points NaN")
    return kept


def stored(array: Any) -> dict[str, Any]:
    points = np.asarray(array)
    return {"x": np.ascontiguousarray(points[..., 0]), "y": np.ascontiguousarray(points[..., 1])}


def load(column: Column, parts: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.stack([parts["x"], parts["y"]], axis=-1)


def received(column: Column) -> Input:
    return Input(column.name, column.kind, (column.shape[0], 3), details=column.details)


def how(cloud: Input, config: Any, by: str) -> Reading:
    return Reading(flat=by != "network")


def prepare(reading: Reading, train: Any, key: str | None) -> Centred:
    points = np.asarray(train).reshape(-1, 2)
    deviation = np.nanstd(points, axis=0)
    return Centred(reading, np.nanmean(points, axis=0), np.where(deviation > 0, deviation, 1))


def learned(folder: Path, settings: Mapping[str, Any]) -> Centred:
    return Centred(Reading(settings["flat"]), *np.load(folder / settings["file"]))


def pooled(cloud: Input, signature: Signature) -> dict[str, Any]:
    return {"units": Int(4, 64, log=True, default=16)}


CLOUD = InputKind(
    "cloud",
    noun="a cloud of points",
    plural="clouds of points",
    options=Cloud,
    ask="hand over an array, Task(array, target, columns={'cloud': Cloud(points=6)})",
    build="toys.clouds.network:cloud_encoder",
    branches={"pooled": pooled},
    first="pooled",
    pace=TrainingPace(epochs=10),
    arrays=Arrays(
        accepts=accepts,
        describe=describe,
        encode=encode,
        stored=stored,
        load=load,
        received=received,
        width=lambda cloud, by: 5,
        fed=lambda cloud, config: cloud,
        how=how,
        prepare=prepare,
        learned=learned,
    ),
)
