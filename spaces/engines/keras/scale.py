"""Targets as networks learn them, and outputs on the target's own scale again.

Mean and deviation stay float64: of numbers far from zero, float32 would keep the mean and lose what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.probabilities import summing_to_one
from spaces.rows.table import Rows
from spaces.rows.target import Target


@dataclass(frozen=True)
class TargetScale:
    """Standardises numbers to be predicted with the mean and deviation of training rows, each output its own."""

    mean: float | NDArray[np.float64] = 0.0
    deviation: float | NDArray[np.float64] = 1.0

    @staticmethod
    def of(values: NDArray[Any], target: Target) -> TargetScale:
        """Learn the scale of numbers; classes are left as they are."""
        if target.kind == "regression":
            return TargetScale(float(np.mean(values)), float(np.std(values)) or 1.0)
        if not target.parts:
            return TargetScale()
        mean, deviation = np.zeros(target.outputs), np.ones(target.outputs)
        for i, (part, columns) in enumerate(zip(target.parts, target.columns, strict=True)):
            if not part.classes:
                mean[columns], deviation[columns] = np.mean(values[:, i]), np.std(values[:, i]) or 1.0
        return TargetScale(mean, deviation)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"mean": np.asarray(self.mean).tolist(), "deviation": np.asarray(self.deviation).tolist()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TargetScale:
        """Rebuild what `to_json` returned."""
        return TargetScale(*(np.asarray(data[name], np.float64) for name in ("mean", "deviation")))


def scaled(rows: Rows, scale: TargetScale, target: Target, *, outputs: int) -> NDArray[Any]:
    """Return targets as a network is trained on them.

    `(rows, 1)` floats for a single output, class indices for several, `(rows, targets)` for several targets.
    """
    if target.parts:
        mean, deviation = (np.asarray(of)[[at.start for at in target.columns]] for of in (scale.mean, scale.deviation))
        return ((rows.target - mean) / deviation).astype(np.float32)
    if outputs > 1:
        return rows.target.astype(np.int32)
    return ((rows.target - scale.mean) / scale.deviation).astype(np.float32)[:, None]


def finished(outputs: NDArray[np.float32], scale: TargetScale, kind: str) -> NDArray[Any]:
    """Return a network's outputs on the target's scale, as float64, or as a probability for each class."""
    if kind in ("regression", "several"):
        return outputs.astype(np.float64) * scale.deviation + scale.mean
    if kind == "itself":
        return outputs
    return summing_to_one(outputs)
