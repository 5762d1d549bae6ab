"""Fitted models that predict together: each preprocessing is done once, and all networks run in one traced function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from spaces.engines.contract import Fitted
from spaces.inputs.prepared import Columns
from spaces.rows.table import Table

if TYPE_CHECKING:
    from spaces.engines.keras.fitted import KerasFitted


class Together:
    """Models that predict the same rows.

    Args:
        fitted: The models. Preprocessing that was learned from the same rows in the same way is shared.
    """

    def __init__(self, fitted: Sequence[Fitted]) -> None:
        self._fitted = list(fitted)
        keys = [one.prepared.key or f"{i}" for i, one in enumerate(self._fitted)]
        distinct = list(dict.fromkeys(keys))
        self._reads = [distinct.index(key) for key in keys]
        self._prepared = [self._fitted[keys.index(key)].prepared for key in distinct]
        self._networks = [i for i, one in enumerate(self._fitted) if one.library == "keras"]
        self._fused: Callable[[list[Columns]], list[NDArray[np.float32]]] | None = None

    def __call__(self, table: Table) -> list[NDArray[Any]]:
        """Return each model's values `(rows, 1)` or probabilities `(rows, classes)`."""
        matrices = [prepared.matrix(table) for prepared in self._prepared]
        outputs: dict[int, NDArray[Any]] = dict(zip(self._networks, self._run_networks(matrices), strict=True))
        for i, one in enumerate(self._fitted):
            if i not in outputs:
                outputs[i] = one.predict_matrix(matrices[self._reads[i]])
        return [outputs[i] for i in range(len(self._fitted))]

    def _run_networks(self, matrices: list[Columns]) -> list[NDArray[Any]]:
        if not self._networks:
            return []
        networks = [cast("KerasFitted", self._fitted[i]) for i in self._networks]
        if self._fused is None:
            from spaces.engines.keras.prediction import fuse

            self._fused = fuse([one.model for one in networks])
        read = [one.padded(matrices[self._reads[i]]) for i, one in zip(self._networks, networks, strict=True)]
        return [one.finished(outputs) for one, outputs in zip(networks, self._fused(read), strict=True)]
