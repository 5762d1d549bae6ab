"""Whether a model's outputs are the probabilities that its target asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spaces.rows.target import Target

# Half precision rounds a softmax's sum by about 1e-3.
_ROUNDING = 0.01


def no_probabilities(outputs: NDArray[np.float32], target: Target) -> str:
    """Say why outputs are no probabilities, or nothing where they are, or where the target has no classes.

    Args:
        outputs: `(rows, outputs)`, finite.
        target: What is predicted.

    >>> import numpy as np
    >>> target = Target("y", "multiclass", ("a", "b", "c"))
    >>> no_probabilities(np.array([[0.2, 0.3, 0.5]]), target)
    ''
    >>> no_probabilities(np.array([[0.2, 0.9, 0.5]]), target)
    'the outputs of 1 of 1 rows do not add up to 1 (the first to 1.6): end the model with a softmax over 3 classes'
    """
    for part, columns in zip(target.each, target.columns, strict=True):
        if part.classes and (found := _complaint(outputs[:, columns])):
            softmax = f"a softmax over {len(part.classes)} classes"
            ending = f"a sigmoid of one column or {softmax}" if target.kind == "binary" else softmax
            return f"{found}: end the model with {ending}"
    return ""


def _complaint(outputs: NDArray[np.float32]) -> str:
    outside = ((outputs < -_ROUNDING) | (outputs > 1 + _ROUNDING)).any(axis=1)
    if outside.any():
        least, most = outputs.min(), outputs.max()
        return (
            f"the outputs of {outside.sum()} of {len(outputs)} rows lie outside [0, 1] (from {least:.3g} to "
            f"{most:.3g}), as logits do"
        )
    sums = outputs.sum(axis=1)
    wrong = np.abs(sums - 1) > _ROUNDING
    if wrong.any():
        first = sums[wrong][0]
        return f"the outputs of {wrong.sum()} of {len(outputs)} rows do not add up to 1 (the first to {first:.3g})"
    return ""
