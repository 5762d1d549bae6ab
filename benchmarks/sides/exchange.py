"""What a side of `benchmarks.peers` is given and gives back: files of a folder, read with pandas and numpy alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TARGET = "target"
Predicts = Callable[[pd.DataFrame, pd.DataFrame, float, Path], tuple[NDArray[Any], Sequence[str]]]
"""Rows to train on, rows to predict, seconds, an empty folder; returns predictions `(rows,)` or probabilities
`(rows, classes)`, and the labels of their columns, none for numbers."""


def main(predicts: Predicts) -> None:
    """Run a side: `python -m benchmarks.sides.SIDE FOLDER SECONDS`; writes `predictions.npy` and `columns.json`."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    scratch = folder / "scratch"
    scratch.mkdir()
    predicted, columns = predicts(train, test, seconds, scratch)
    (folder / "columns.json").write_text(json.dumps([str(label) for label in columns]))
    np.save(folder / "predictions.npy", np.asarray(predicted, np.float64))


def of_classes(train: pd.DataFrame) -> bool:
    """Say whether the target is a label."""
    return not pd.api.types.is_numeric_dtype(train[TARGET])
