"""Text columns at the border: strings, or lists of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spaces.rows.columns import TableError


def texts_of(name: str, values: pd.Series[Any]) -> NDArray[np.object_]:
    """Return strings: a missing text is empty, and a sequence of tokens is written with spaces between."""
    texts = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        if isinstance(value, str):
            texts[i] = value
        elif isinstance(value, list | tuple | np.ndarray):
            texts[i] = " ".join(map(str, value))
        elif pd.isna(value):
            texts[i] = ""
        else:
            raise TableError(
                f"column {name!r} must hold text, got {value!r} in row {values.index[i]}; if it is to be read as text, "
                f"convert the column with astype(str)"
            )
    return texts
