"""The space of how a table's numbers are scaled."""

from __future__ import annotations

from spaces.rows.columns import DATE_PARTS
from spaces.rows.signature import Signature, columns_of

# Piecewise encoding makes up to 96 pieces and 97 columns of values of a number; two float32 copies must fit a worker.
_PIECEWISE_WIDTH, _PIECEWISE_BYTES = 194, 256 * 1024**2


def scalings(signature: Signature) -> list[str]:
    """Return the ways to scale numbers, the default first: piecewise encoding where its matrix stays small enough.

    Where there are more numbers than rows, there is more to fit than can be fitted already: it comes last then.
    """
    numbers = numbers_of(signature)
    wide = numbers * _PIECEWISE_WIDTH * signature.rows * 4
    pieces = ["piecewise"] if 0 < wide <= _PIECEWISE_BYTES else []
    plain = ["standard", "quantile"]
    return plain + pieces if numbers > signature.rows else pieces + plain


def numbers_of(signature: Signature) -> int:
    """Return how many columns of a table's matrix are numbers before they are scaled: a date makes several."""
    if signature.table is None:
        return 0
    known = columns_of(signature.table)
    parts = (len(DATE_PARTS) - 1) * known.kinds.count("date")
    return signature.table.shape[0] - len(known.cardinalities) + parts
