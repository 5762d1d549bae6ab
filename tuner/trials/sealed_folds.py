"""Finished folds of a trial: each is sealed at once, and the next attempt at a trial that was cut off goes on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.machine.disk import replaced
from spaces.machine.torn import Torn, read_arrays, reading


@dataclass(frozen=True, eq=False)
class SealedFold:
    """What is kept of a finished fold, beside its model.

    Attributes:
        predictions: Of its held-out rows, as the model made them.
        value: The deciding metric there; None where it scores no trial.
        held_out: Every metric on the held-out rows.
        train: Every metric on the training rows.
        curves: As JSON values.
        stopped: After how many steps the clock stopped its training, if it did.
        inner: The deciding metric on the inner rows, where it is watched.
    """

    predictions: NDArray[Any]
    value: float | None
    held_out: dict[str, float]
    train: dict[str, float]
    curves: Any
    stopped: int | None = None
    inner: list[float] = field(default_factory=list)

    def seal(self, folder: Path, fold: int) -> None:
        """Write it, behind the fold's model, so that it is whole or not there."""
        said = {name: value for name, value in asdict(self).items() if name != "predictions"}
        with replaced(_file(folder, fold)) as part:
            np.savez(part, allow_pickle=False, predictions=self.predictions, said=np.array(json.dumps(said)))


def take_over(folder: Path) -> list[SealedFold]:
    """Move the finished folds of earlier attempts into the folder of this one, and return them, the first one first.

    Args:
        folder: The attempt's; earlier attempts lie beside it.
    """
    earlier = sorted((path for path in folder.parent.glob("[0-9]*") if path != folder), key=_number, reverse=True)
    taken: list[SealedFold] = []
    while (found := next(filter(None, (_move(one, folder, len(taken)) for one in earlier)), None)) is not None:
        taken.append(found)
    return taken


def unseal(folder: Path) -> None:
    """Delete what was kept of folds, once the whole trial is sealed."""
    for path in folder.glob("sealed-*.npz"):
        path.unlink()


def _move(source: Path, folder: Path, fold: int) -> SealedFold | None:
    """Move a fold, the seal last: cut off in between it counts as not finished."""
    model, file = source / f"fold-{fold}", _file(source, fold)
    if not (model / "model.json").is_file() or (sealed := _read(file)) is None:
        return None
    os.rename(model, folder / model.name)
    os.rename(file, folder / file.name)
    return sealed


def _read(file: Path) -> SealedFold | None:
    try:
        with reading(file):
            stored = read_arrays(file)
            return SealedFold(stored["predictions"], **json.loads(stored["said"].item()))
    except (OSError, Torn):  # not there, or torn by a loss of power
        return None


def _file(folder: Path, fold: int) -> Path:
    return folder / f"sealed-{fold}.npz"


def _number(path: Path) -> int:
    return int(path.name) if path.name.isdigit() else 0
