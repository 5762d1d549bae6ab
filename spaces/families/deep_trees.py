"""Trees that read what a network makes of the rows: the last hidden layer beside the table's own columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.clock import Clock
from spaces.engines.contract import Fold, InSteps, Output, Read, Store, Watch
from spaces.engines.curves import Curves
from spaces.engines.folds import named, unwatched, with_watched_rows
from spaces.engines.keras.fitted import KerasFitted, KerasNetwork
from spaces.engines.keras.model import KerasModel
from spaces.engines.keras.prediction import predict
from spaces.engines.xgboost import XGBoostFitted, XGBoostModel
from spaces.inputs.prepared import Columns, Reader, learn
from spaces.language.space import Config
from spaces.machine.strange import inside
from spaces.rows.signature import Signature
from spaces.rows.table import Table

_FOLDER = "network"


@dataclass(eq=False)
class DeepColumns:
    """The preprocessing of the trees: a trained network up to its last hidden layer, and the table that it reads."""

    network: KerasFitted
    key: str | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each table that the network reads."""
        return self.network.widths

    @cached_property
    def body(self) -> keras.Model:
        """The network up to its last hidden layer."""
        model = self.network.model
        return keras.Model(model.inputs, model.get_layer("output").input)

    def matrix(self, table: Table) -> NDArray[np.float32]:
        """Return the units of the last hidden layer, and beside them the table as the network reads it."""
        (fed,) = self.network.feeds(tuple(reader.matrix(table) for reader in self.network.readers))
        return beside_units(predict(self.body, fed), fed)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the network into a folder of its own."""
        (folder / _FOLDER).mkdir(exist_ok=True)
        self.network.save(folder / _FOLDER)
        return {"kind": "network", "network": _FOLDER}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> DeepColumns:
        """Read what `save` wrote and returned."""
        return DeepColumns(cast(KerasFitted, store.fitted(inside(folder, settings["network"]))))


def beside_units(units: NDArray[Any], fed: Columns) -> NDArray[np.float32]:
    """Return the units of a last hidden layer, and beside them the table that the network was fed, if it was one."""
    alone = isinstance(fed, np.ndarray) and fed.ndim == 2 and fed.dtype == np.float32
    return np.hstack([units, fed]) if alone else units


@dataclass(frozen=True, eq=False)
class DeepTreesFitted(InSteps):
    """Trees on a network, trained on one fold: the network may run with others, and then the trees finish."""

    library: ClassVar[str] = "deep_trees"
    columns: DeepColumns
    trees: XGBoostFitted

    @property
    def readers(self) -> tuple[Reader, ...]:
        """What the network reads."""
        return self.columns.network.readers

    @property
    def networks(self) -> tuple[KerasNetwork]:
        """The network up to its last hidden layer."""
        return (KerasNetwork(self.columns.body),)

    @property
    def curves(self) -> Curves:
        """The curves of the trees."""
        return self.trees.curves

    def feeds(self, read: Read) -> tuple[Columns, ...]:
        """Return what the network is fed."""
        return self.columns.network.feeds(read)

    def finish(self, read: Read, outputs: tuple[Output, ...]) -> NDArray[Any]:
        """Return what the trees make of the network's units."""
        (fed,) = self.feeds(read)
        return self.trees.finish((beside_units(outputs[0], fed),))

    def save(self, folder: Path) -> None:
        """Write the trees, and the network below them, into a folder of their own, and `model.json`."""
        (folder / "trees").mkdir(exist_ok=True)
        self.trees.save(folder / "trees")
        (folder / "model.json").write_text(json.dumps({"library": self.library}))

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> DeepTreesFitted:
        """Read what `save` wrote."""
        trees = cast(XGBoostFitted, store.fitted(folder / "trees"))
        return DeepTreesFitted(cast(DeepColumns, trees.prepared), trees)


@dataclass(frozen=True)
class DeepTreesModel:
    """One configuration: a network, trained as ever, and trees on its last hidden layer.

    The network has learned the targets of the rows that the trees then train on, so its units fit them too well there;
    the inner rows, which neither trains on, say when to stop adding trees.
    """

    network: KerasModel
    trees: Config
    signature: Signature
    stops_early: ClassVar[bool] = True

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[DeepTreesFitted]:
        """Train on each fold in turn; the pruner looks at the trees."""
        model = XGBoostModel(self.trees, self.signature)
        folds = [named(fold) for fold in folds]
        clock = Clock()
        networks = self.network.fit([replace(with_watched_rows(fold), clock=clock) for fold in folds], unwatched)
        for fold in folds:
            fold.clock.lend(clock, parts=2)
            columns = DeepColumns(_kept(next(networks)))
            fold.clock.note(clock.stopped)
            trees = model.fit_columns(fold, columns, self.training_columns(fold, columns), watch=watch)
            yield DeepTreesFitted(columns, trees)

    def training_columns(self, fold: Fold, columns: DeepColumns) -> NDArray[np.float32]:
        """Return what the trees train on: of columns that encode the target, the training rows' own, cross-fitted ones.

        What a row's own target went into would be believed far too much.
        """
        reading = self.network.reading()
        if fold.steps is not None or not any(recipe.learns_target for recipe in reading.tables):
            return columns.matrix(fold.train.table)
        _, own = learn(reading, fold.train.table, fold.train.target, target_kind=self.network.signature.target.kind)
        (fed,) = columns.network.feeds((own,))
        return beside_units(predict(columns.body, fed), fed)


def _kept(fitted: KerasFitted) -> KerasFitted:
    """Return a copy with a network of its own, as the next fold trains on in the same one."""
    model = keras.models.clone_model(fitted.model)
    model.set_weights(fitted.model.get_weights())
    return KerasFitted(model, fitted.prepared, fitted.widths, fitted.kind, fitted.scale, fitted.curves)
