"""The mean row: what anybody would say of rows without a target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, InSteps, Read, Store, Watch
from spaces.engines.curves import Curves
from spaces.families.unsupervised.two_sample import told_apart
from spaces.inputs.arrays import array_recipes
from spaces.inputs.prepared import Prepared, Reading, learn
from spaces.inputs.table.matrix import Recipe
from spaces.rows.signature import Signature, columns_of

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_SURE = 1e-4


@dataclass(frozen=True, eq=False)
class UsualFitted(InSteps):
    """The mean row, and how far a row is from it: what anybody would say of rows without a target.

    Attributes:
        prepared: Its preprocessing.
        mean: Of the training rows, `(values,)`.
        loss: What is told of a row: its `"reconstruction"` error, its negative `"elbo"`, or what a `"two_sample"` test
            says beside rows that are drawn value by value.
        counted: Whether values are pixels, counted from 0 to 1.
        curves: There are none.
    """

    library: ClassVar[str] = "usual"
    prepared: Prepared
    mean: NDArray[np.float32]
    loss: str
    counted: bool
    curves: Curves = field(default_factory=dict)

    @property
    def readers(self) -> tuple[Prepared]:
        """Its preprocessing."""
        return (self.prepared,)

    def finish(self, read: Read, outputs: tuple[Any, ...] = ()) -> NDArray[Any]:
        """Return one number a row, `(rows, 1)`."""
        (matrix,) = read
        rows = flat_values(matrix)
        match self.loss:
            case "two_sample":
                predicted = told_apart(rows, self._drawn(len(rows)))
            case "elbo" if self.counted:
                mean = np.clip(self.mean, _SURE, 1 - _SURE)
                predicted = -(rows * np.log(mean) + (1 - rows) * np.log(1 - mean)).sum(axis=1)
            case "elbo":
                predicted = (0.5 * (rows - self.mean) ** 2 + _HALF_LOG_2PI).sum(axis=1)
            case _:
                predicted = ((rows - self.mean) ** 2).mean(axis=1)
        return predicted[:, None].astype(np.float32)

    def _drawn(self, rows: int) -> NDArray[np.float32]:
        rng = np.random.default_rng(0)
        if self.counted:
            return (rng.random((rows, len(self.mean))) < self.mean).astype(np.float32)
        return (self.mean + rng.normal(size=(rows, len(self.mean)))).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write `model.json` and `mean.npy`."""
        np.save(folder / "mean.npy", self.mean)
        settings = {"library": self.library, "loss": self.loss, "counted": self.counted}
        (folder / "model.json").write_text(json.dumps({**settings, "prepared": self.prepared.save(folder)}))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> UsualFitted:
        """Read what `save` wrote."""
        prepared = store.prepared(folder, settings["prepared"])
        return UsualFitted(prepared, np.load(folder / "mean.npy"), settings["loss"], settings["counted"])


@dataclass(frozen=True)
class UsualModel:
    """The mean row; there is nothing to tune."""

    signature: Signature
    stops_early: ClassVar[bool] = False

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[UsualFitted]:
        """Return the mean of each fold's training rows."""
        for fold in folds:
            prepared, matrix = learn(
                plain_reading(self.signature), fold.full.table, fold.full.target, target_kind="regression"
            )
            counted = self.signature.input.dtype == "uint8"
            mean = np.average(flat_values(matrix), axis=0, weights=fold.full.weight).astype(np.float32)
            yield UsualFitted(prepared, mean, self.signature.target.loss, counted)


def flat_values(rows: Any) -> NDArray[np.float32]:
    """Return rows as lines of numbers; whole ones from 0 to 255 from 0 to 1."""
    array = np.asarray(rows)
    values = array.reshape(len(array), -1).astype(np.float32)
    return values / np.float32(255) if array.dtype == np.uint8 else values


def plain_reading(signature: Signature) -> Reading:
    """Return how rows without a target are read: tables standardised, arrays as they are."""
    tables = tuple(
        Recipe("standard", "onehot", one.cardinalities, 0, one.places) for one in map(columns_of, signature.tables)
    )
    return Reading(tables, (), joined=False, arrays=array_recipes(signature, {}, "network"))
