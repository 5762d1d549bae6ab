"""Trees that read what a network makes of the rows: the last hidden layer beside the table's own columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fold, Store, Watch
from spaces.engines.folds import unwatched, with_watched_rows
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.model import KerasModel
from spaces.engines.keras.prediction import predict
from spaces.engines.xgboost import XGBoostFitted, XGBoostModel
from spaces.inputs.prepared import Columns
from spaces.language.space import Config
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
    def _body(self) -> keras.Model:
        model = self.network.model
        return keras.Model(model.inputs, model.get_layer("output").input)

    def matrix(self, table: Table) -> NDArray[np.float32]:
        """Return the units of the last hidden layer, and beside them the table as the network reads it."""
        read = self.network.padded(self.network.prepared.matrix(table))
        units = predict(self._body, read)
        return (
            np.hstack([units, read])
            if isinstance(read, np.ndarray) and read.ndim == 2 and read.dtype == np.float32
            else units
        )

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the network into a folder of its own."""
        (folder / _FOLDER).mkdir(exist_ok=True)
        self.network.save(folder / _FOLDER)
        return {"kind": "network", "network": _FOLDER}

    @staticmethod
    def load(folder: Path, settings: Mapping[str, Any], store: Store) -> DeepColumns:
        """Read what `save` wrote and returned."""
        return DeepColumns(cast(KerasFitted, store.fitted(folder / settings["network"])))


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

    def fit(self, folds: Sequence[Fold], watch: Watch) -> Iterator[XGBoostFitted]:
        """Train on each fold in turn; the pruner looks at the trees."""
        model = XGBoostModel(self.trees, self.signature)
        networks = self.network.fit([with_watched_rows(fold) for fold in folds], unwatched)
        for fold, network in zip(folds, networks, strict=True):
            columns: Columns = DeepColumns(_kept(network))
            yield model.fit_columns(fold, columns, columns.matrix(fold.train.table), watch)


def _kept(fitted: KerasFitted) -> KerasFitted:
    """Return a copy whose network is not the one that the next fold trains on."""
    model = keras.models.clone_model(fitted.model)
    model.set_weights(fitted.model.get_weights())
    return KerasFitted(model, fitted.prepared, fitted.widths, fitted.kind, fitted.scale, fitted.curves)
