"""Whether the inputs of a builder's model fit what it is given."""

from __future__ import annotations

from typing import Any

import keras


def unfit_inputs(model: keras.Model, read: Any) -> str:
    """Say why a model cannot read an array, or a tuple of arrays, or nothing."""
    arrays = read if isinstance(read, tuple) else (read,)
    shapes = [tuple(array.shape[1:]) for array in arrays]
    if len(model.inputs) != len(arrays):
        given = ", ".join(map(str, shapes))
        return (
            f"the model has {len(model.inputs)} inputs, and is given {len(arrays)}, whose rows have the shape {given}: "
            "make a keras.Input for each of these"
        )
    for tensor, shape in zip(model.inputs, shapes, strict=True):
        if keras.backend.standardize_dtype(tensor.dtype) == "string":
            return (
                "the model reads texts, and is given numbers, as categories and texts are encoded before: leave layers "
                "such as StringLookup and TextVectorization out, and begin with keras.Input(signature.input.shape)"
            )
        if not _fits(tuple(tensor.shape[1:]), shape):
            return (
                f"the model reads rows of the shape {tuple(tensor.shape[1:])}, and is given {shape} after "
                "preprocessing: begin with keras.Input(signature.input.shape)"
            )
    return ""


def _fits(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    return len(wanted) == len(given) and all(one in (None, other) for one, other in zip(wanted, given, strict=True))
