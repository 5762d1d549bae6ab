"""Read what a user hands over (a data frame, a file, arrays) into a data frame, with clear complaints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from spaces.frames import inputs_of

READERS = {".csv": ",", ".tsv": "\t", ".parquet": None, ".pq": None}
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip", ".zst")


class DataError(ValueError):
    """Data that cannot be used; the message says what, and how to mend it."""


def read_frame(data: Any, *, missing: Sequence[str] = ()) -> pd.DataFrame:
    """Return a data frame of a frame, or of a CSV, TSV or Parquet file (compressed too).

    Args:
        data: What the user gave.
        missing: Texts that stand for missing values in a CSV file, beside the usual ones.

    Raises:
        DataError: There is no such file, or it is empty or of an unknown type.
    """
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, str | Path):
        return _read_file(Path(data), missing)
    raise DataError(f"data must be a data frame, a path, an array or a mapping of those, got {type(data).__name__}")


class Given(NamedTuple):
    """What a user handed over: rows, series and images by name, and the columns of each named table."""

    frame: pd.DataFrame
    arrays: dict[str, Any]
    inputs: dict[str, list[str]]


def read_inputs(data: Any, *, missing: Sequence[str] = ()) -> Given:
    """Return what `Task` was given.

    Args:
        data: A data frame, a file, an array of a row, series or image each, or a mapping from names of inputs to such.
        missing: As for `read_frame`.

    Raises:
        DataError, TableError: It cannot be used.
    """
    if isinstance(data, str | Path):
        return Given(read_frame(data, missing=missing), {}, {})
    if isinstance(data, Mapping):
        files = {name: isinstance(one, str | Path) for name, one in data.items()}
        data = {name: read_frame(one, missing=missing) if files[name] else one for name, one in data.items()}
    return Given(*inputs_of(data))


def in_order(columns: Sequence[str], inputs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return columns with those of named tables last, in the order in which these name them."""
    named = [column for its in inputs.values() for column in its if column in columns]
    return [*(column for column in columns if column not in set(named)), *dict.fromkeys(named)]


def _read_file(path: Path, missing: Sequence[str]) -> pd.DataFrame:
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSIONS]
    kind = suffixes[-1] if suffixes else ""
    if kind not in READERS:
        raise DataError(f"{path} is of no known type: {', '.join(READERS)} can be read, CSV and TSV also compressed")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix)[:8] if path.parent.is_dir() else []
        hint = f"; in {path.parent} there are {', '.join(near)}" if near else ""
        raise DataError(f"there is no file {path}{hint}")
    try:
        frame = pd.read_parquet(path) if READERS[kind] is None else _read_text(path, str(READERS[kind]), missing)
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty: a header and rows were expected") from None
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as {kind[1:]}: {error}") from error
    if frame.empty:
        raise DataError(f"{path} holds no rows, only the columns {', '.join(map(str, frame.columns))}")
    return frame


def _read_text(path: Path, separator: str, missing: Sequence[str]) -> pd.DataFrame:
    header = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str).iloc[0].tolist()
    # pandas would rename a second "a" to "a.1" in silence.
    if duplicates := sorted({str(name) for name in header if header.count(name) > 1}):
        raise DataError(f"{path}: column name {duplicates[0]!r} is used {header.count(duplicates[0])} times")
    return pd.read_csv(path, sep=separator, na_values=list(missing), low_memory=False, skipinitialspace=True)
