"""A member of an ensemble: the models of one configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Member:
    """A member: a trial whose fold models predict together, by their mean, beside one of all rows where there is one.

    Attributes:
        trial: The trial's name.
        family: Its family.
        weight: Its weight.
        folders: The folder of each fold's model, and then that of the model of all rows.
        on_all_rows: Whether there is one of all rows. It counts twice as much as those of the folds together: it has
            seen more, and they are more steady.
    """

    trial: str
    family: str
    weight: float
    folders: tuple[Path, ...]
    on_all_rows: bool = False

    @property
    def of_folds(self) -> tuple[Path, ...]:
        """The folder of each fold's model."""
        return self.folders[:-1] if self.on_all_rows else self.folders

    def mean(self, outputs: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Return the mean of what the models of its folders say, each `(rows, outputs)`."""
        of_folds: NDArray[np.float64] = np.mean(outputs[: len(self.of_folds)], axis=0, dtype=np.float64)
        return (of_folds + 2 * outputs[-1]) / 3 if self.on_all_rows else of_folds
