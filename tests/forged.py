"""Files of arrays that somebody changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def forge(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Write a file of arrays anew, after a change of what it holds."""
    with np.load(path) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(path, **arrays)
