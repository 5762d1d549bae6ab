"""Targets in text files, read as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spaces.inputs.files import COMPRESSIONS, READERS
from spaces.rows.columns import TABLE
from tuner.task.names import is_name


def written_columns(data: Any, names: Any, missing: Sequence[str]) -> dict[str, pd.Series[Any]]:
    """Return columns of a CSV or TSV file as texts, whatever they look like; only empty cells are missing.

    Args:
        data: What the user gave as data: a path, or a mapping of inputs, some of which are paths.
        names: The columns: a name or several. What names no column of a file is passed over.
        missing: Texts that stand for missing values beside empty cells.
    """
    wanted = {str(name) for name in (names if isinstance(names, list | tuple | pd.Index) else [names]) if is_name(name)}
    files = data if isinstance(data, Mapping) else {TABLE: data}
    found: dict[str, pd.Series[Any]] = {}
    for table, path in files.items():
        prefix = "" if table == TABLE else f"{table}."
        separator = _separator(path)
        if separator is None or not wanted:
            continue
        header = pd.read_csv(path, sep=separator, skipinitialspace=True, nrows=0).columns
        text = pd.read_csv(
            path,
            sep=separator,
            usecols=[name for name in header if f"{prefix}{name}" in wanted],
            dtype=str,
            keep_default_na=False,
            na_values=["", *missing],
            skipinitialspace=True,
        )
        found |= {f"{prefix}{name}": text[name].astype(object) for name in text.columns}
    return found


def _separator(path: Any) -> str | None:
    """Return what parts the cells of a text file; None where it is no such file."""
    if not isinstance(path, str | Path) or not Path(path).is_file():
        return None
    suffixes = [suffix for suffix in Path(path).suffixes if suffix not in COMPRESSIONS]
    return READERS.get(suffixes[-1]) if suffixes else None
