"""The space of how a table's numbers are scaled."""

from __future__ import annotations

from spaces.rows.signature import Signature

# Piecewise encoding makes up to 96 pieces and 97 columns of values of a number; two float32 copies must fit a worker.
_PIECEWISE_WIDTH, _PIECEWISE_BYTES = 194, 256 * 1024**2


def scalings(signature: Signature) -> list[str]:
    """Return the ways to scale numbers, the default first: piecewise encoding where its matrix stays small enough."""
    wide = numbers_of(signature) * _PIECEWISE_WIDTH * signature.rows * 4
    return [*(["piecewise"] if 0 < wide <= _PIECEWISE_BYTES else []), "standard", "quantile"]


def numbers_of(signature: Signature) -> int:
    """Return how many columns of a table are numbers."""
    return 0 if signature.table is None else signature.table.shape[0] - len(signature.cardinalities)
