"""What every family is to learn on a small task that only its architecture can solve."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces import FAMILIES, Fold, Rows, Signature, Target, defaults, narrow
from spaces.engines.clock import Clock
from spaces.rows.table import Table

HELD_OUT, INNER = 300, 150
HOUR = 3600.0
YES_OR_NO = (Target("y", "binary", ("no", "yes"), "log_loss"),)


def check_it_learns(
    family: str, changes: dict[str, Any], signature: Signature, table: Table, target: NDArray[np.int64]
) -> None:
    """Train on the first rows, under a clock, and beat the shares of the classes on the last by two standard errors."""
    rows = len(target) - HELD_OUT

    def take(index: NDArray[np.int64]) -> Rows:
        return Rows(table.take(index), target[index])

    full, held_out = np.arange(rows), np.arange(rows, len(target))
    fold = Fold(take(full), take(full[:-INNER]), take(full[-INNER:]), seed=1, clock=Clock(time.monotonic() + HOUR))
    config = defaults(narrow(FAMILIES[family].space(signature), changes))
    (fitted,) = FAMILIES[family].build(config, signature).fit([fold], lambda *a: None)
    said = np.clip(fitted.predict(table.take(held_out))[np.arange(HELD_OUT), target[held_out]], 1e-9, 1)
    share = np.bincount(target[:rows]) / rows
    gain = -np.log(share[target[held_out]]) + np.log(said)
    assert gain.mean() > 2 * gain.std() / np.sqrt(HELD_OUT)
    assert gain.mean() > 0.1
