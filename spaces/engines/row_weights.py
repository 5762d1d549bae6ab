"""Weights of training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def row_weights(config: Mapping[str, Any], target: NDArray[Any]) -> NDArray[np.float32] | None:
    """Return weights `(rows,)` by which all classes count alike, where `class_weight` is `"balanced"`; else None."""
    if config.get("class_weight", "none") != "balanced":
        return None
    from sklearn.utils.class_weight import compute_sample_weight

    weights: NDArray[np.float32] = compute_sample_weight("balanced", target).astype(np.float32)
    return weights
