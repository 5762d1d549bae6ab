"""What every side reads and leaves behind; imports nothing that a side would not import anyway."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from spaces.families.dense.network import build_dense
from spaces.rows.signature import Input, Signature
from spaces.rows.target import Target

CLASSES = tuple(range(10))


def read(folder: Path) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any]]]:
    """Return the arrays and the configurations that were laid ready."""
    with np.load(folder / "data.npz") as stored:
        data = dict(stored)
    return data, json.loads((folder / "configs.json").read_text())


def network(config: Mapping[str, Any], width: int) -> keras.Model:
    """Build and compile the network of a configuration, with the builder that our own side uses."""
    table = Input("table", "table", (width,))
    model = build_dense(dict(config), Signature((table,), (Target("digit", "multiclass", CLASSES),), rows=0))
    model.compile(optimizer=keras.optimizers.Adam(config["learning_rate"]), loss="sparse_categorical_crossentropy")
    return model


def keep(folder: Path, model: keras.Model, held_out: NDArray[Any], curves: Mapping[str, Sequence[float]]) -> None:
    """Leave a trial's model file, its predictions of the held-out rows, and its curves."""
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    np.savez(folder / "held_out.npz", predictions=model.predict(held_out, batch_size=len(held_out), verbose=0))
    stored = [
        {
            "name": name.removeprefix("val_"),
            "part": "validation" if name.startswith("val_") else "train",
            "values": list(map(float, row)),
        }
        for name, row in curves.items()
    ]
    (folder / "curves.json").write_text(json.dumps([stored]))


def write_times(folder: Path, first_trial: float) -> None:
    """Write when the first trial began and when everything was done, as `time.time()`."""
    (folder / "times.json").write_text(json.dumps({"first_trial": first_trial, "end": time.time()}))
