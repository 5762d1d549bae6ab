"""Predictions as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ensembles.ensemble import Ensemble


def predictions_table(ensemble: Ensemble, outputs: NDArray[np.float64]) -> pd.DataFrame:
    """Return labels or values in `prediction`, and each class's probability; of several targets with their names.

    Args:
        ensemble: The ensemble.
        outputs: What it puts out for some rows, `(rows, outputs)` (see `Ensemble.raw`).
    """
    found, labels = {}, ensemble.labels(outputs)
    for part, columns in zip(ensemble.target.each, ensemble.target.columns, strict=True):
        name = f"_{part.name}" if ensemble.target.parts else ""
        found[f"prediction{name}"] = labels[part.name] if ensemble.target.parts else labels
        for label, column in zip(part.classes, outputs[:, columns].T, strict=False):
            found[f"probability{name}_{label}"] = column
    return pd.DataFrame(found)
