"""Read files into data frames and arrays: CSV and TSV by what is known of their columns, Parquet, npz, image folders.

A CSV file knows no types. What a schema or a user names as text is read as it is written; of the rest, a column whose
whole numbers have zeros before them holds codes, and stays text too.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from spaces.inputs.image.files import SUFFIXES, images_below
from spaces.inputs.table.detection import is_code
from spaces.machine import torn
from spaces.rows.columns import TABLE

READERS = {".csv": ",", ".tsv": "\t", ".parquet": None, ".pq": None}
IMAGE = "image"
COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip", ".zst")

# What pandas takes for a missing value where it is not told otherwise.
MISSING_WORDS = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
     "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip

_ELSEWHERE = {
    suffix: f"; read it with pandas.{reader}, and hand over the frame"
    for suffix, reader in {
        ".xlsx": "read_excel(path)",
        ".xls": "read_excel(path)",
        ".json": "read_json(path)",
        ".jsonl": "read_json(path, lines=True)",
        ".ndjson": "read_json(path, lines=True)",
        ".feather": "read_feather(path)",
        ".txt": "read_csv(path, sep=...)",
        ".sav": "read_spss(path)",
        ".dta": "read_stata(path)",
        ".orc": "read_orc(path)",
    }.items()
}


class DataError(ValueError):
    """Data that cannot be used; the message says what, and how to mend it."""


def read_file(
    path: Path,
    *,
    missing: Sequence[str] = (),
    texts: Mapping[str, Collection[str] | None] | None = None,
) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file.

    Args:
        path: The file, compressed or not.
        missing: Texts that stand for missing values in a CSV file, beside the usual ones.
        texts: Columns of a CSV file that are read as they are written, each with the words that are values of it though
            they usually stand for a missing one, as "NA" and "None"; None for all of them. An empty cell is missing.

    Raises:
        DataError: There is no such file, or it is empty or of an unknown type.
    """
    if not path.exists() and not path.suffix:
        raise DataError(f"there is no file or folder {path}")
    kind = _kind(path)
    if kind not in READERS:
        raise DataError(
            f"{path} is of no known type: {', '.join(READERS)} can be read, CSV and TSV also compressed, as data of a "
            f"task also .npz and folders of images{_ELSEWHERE.get(kind, '')}"
        )
    if "://" in path.as_posix() or re.match(r"[a-z]+:/\w", path.as_posix()):
        raise DataError(f"{path} is an address: read it with pandas, and hand over the frame, or download it first")
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix)[:8] if path.parent.is_dir() else []
        hint = f"; in {path.parent} there are {', '.join(near)}" if near else ""
        raise DataError(f"there is no file {path}{hint}")
    separator = READERS[kind]
    try:
        frame = _read_parquet(path) if separator is None else _read_csv(path, separator, missing, texts=texts or {})
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty: a header and rows were expected") from None
    except UnicodeDecodeError as error:
        encoding = "utf-16" if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"  # as Excel writes
        raise DataError(
            f"{path} is not encoded in UTF-8 ({error.reason} at byte {error.start}): save it so, or "
            f"{_written_anew(path, _encoded(path, separator, encoding))}"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as {kind[1:]}: {_torn_line(str(error), separator)}") from error
    if frame.empty:
        raise DataError(f"{path} holds no rows, only the columns {', '.join(map(str, frame.columns))}")
    return frame


def knows_no_types(path: Path) -> bool:
    """Return whether a file is text, which does not tell whether 007 is a number."""
    return READERS.get(_kind(path)) is not None


def _kind(path: Path) -> str:
    """Return what a file's name says it is, compressed or not."""
    suffixes = [suffix for suffix in map(str.lower, path.suffixes) if suffix not in COMPRESSIONS]
    return suffixes[-1] if suffixes else ""


def image_folder(folder: str | Path) -> pd.DataFrame:
    """Return the images in a folder, as a frame with the columns `image` (its path) and `class`.

    The class of an image is the name of the folder below that it lies in; where no image lies in such a folder, there
    is no column of classes.

    Raises:
        DataError: There is no image, or a folder below holds none.
    """
    folder = Path(folder)
    files = images_below(folder) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder} holds no images: files that end in {', '.join(SUFFIXES)}, in a folder a class")
    classes = [path.relative_to(folder).parts[0] for path in files]
    below = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if empty := [name for name in below if name not in classes]:
        raise DataError(f"{folder / empty[0]} holds no images: add some, or remove the folder")
    frame = pd.DataFrame({IMAGE: [str(path) for path in files]})
    if not below:
        return frame
    if stray := [path for path in files if path.parent == folder]:
        raise DataError(f"{stray[0]} lies beside the folders of the classes {', '.join(below)}: move it into one")
    return frame.assign(**{"class": classes})


def read_arrays(path: Path) -> dict[str, Any]:
    """Read an `.npz` file: arrays of one number a row are columns of a table, others inputs of their own.

    Raises:
        DataError: It is no such file, or its arrays differ in their rows.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    try:
        arrays = torn.read_arrays(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as npz: {error}") from error
    rows = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if not rows or len(set(rows.values())) > 1:
        raise DataError(f"{path}: arrays of the same number of rows were expected, got {rows}")
    columns = {name: array for name, array in arrays.items() if array.ndim == 1}
    others = {name: array for name, array in arrays.items() if name not in columns}
    return {**({TABLE: pd.DataFrame(columns)} if columns else {}), **others}


def arrow_frame(table: Any) -> pd.DataFrame:
    """Return an Arrow table as a data frame.

    Whole numbers stay whole beside empty cells: as floats, long ones would lose their last digits.
    """
    import pyarrow as pa

    frame: pd.DataFrame = table.to_pandas()
    for one in table.schema:
        if pa.types.is_integer(one.type) and one.name in frame.columns and frame[one.name].dtype.kind == "f":
            frame[one.name] = pd.array(table[one.name].to_pylist(), dtype="UInt64" if "u" in str(one.type) else "Int64")
    return frame


def frame_of_stream(data: Any) -> pd.DataFrame:
    """Return what hands over Arrow's record batches, such as one of them or a reader, as a data frame."""
    import pyarrow as pa

    return arrow_frame(pa.table(data))


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    return arrow_frame(parquet.ParquetFile(path).read())


def _read_csv(
    path: Path,
    separator: str,
    missing: Sequence[str],
    *,
    texts: Mapping[str, Collection[str] | None],
) -> pd.DataFrame:
    names = _header(path, separator)
    words = {name: texts.get(name, ()) for name in names}
    absent = {name: [*_absent(kept), *missing] for name, kept in words.items()}
    # Without index_col pandas takes the first column for an index, in silence, where rows are longer than the header.
    options: Any = {"sep": separator, "skipinitialspace": True, "keep_default_na": False, "index_col": False}
    verbatim = {name: str for name in names if name in texts}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(path, dtype=verbatim, na_values=absent, low_memory=False, **options)
        except pd.errors.ParserWarning:
            raise DataError(
                f"{path}: rows have more cells than the header has names: take away separators at the end of rows and "
                "lines above the header, or name all columns"
            ) from None
    doubtful = [name for name in names if name not in texts and _whole(frame[name])]
    if not doubtful:
        return frame
    written = pd.read_csv(path, usecols=doubtful, dtype=str, na_values=absent, **options)
    for name in doubtful:
        if is_code(written[name].dropna()):
            frame[name] = written[name].to_numpy()
    return frame


def _torn_line(complaint: str, separator: str | None) -> str:
    """Say in which line a file is no table, of what pandas says."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", complaint):
        return (
            f"line {found[2]} has {found[3]} cells, and those above have {found[1]}: mend it, write cells that hold "
            f"{separator!r} in quotes, or take away lines above the header"
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", complaint):
        return f'the quote that opens in line {int(found[1]) + 1} is never closed: mend it, or write "" for a quote'
    return complaint


def _header(path: Path, separator: str) -> list[str]:
    options: Any = {"sep": separator, "skipinitialspace": True}
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, index_col=False, **options).iloc[0].dropna().tolist()
    if header and (found := re.match(r"sep=(.?)", header[0])):
        other = f"sep={found[1]!r}, " if found[1] else ""
        raise DataError(
            f"{path}: the first line, {found[0]!r}, is a word to Excel and no header: take it away, or "
            f"{_written_anew(path, f'{other}skiprows=1')}"
        )
    if other := _other_separator(header, separator):
        raise DataError(
            f"{path}: the header is one name, {header[0]!r}, as of columns separated by {other!r} and not by "
            f"{separator!r}: {_written_anew(path, _dialect(path, other))}"
        )
    # pandas would rename a second "a" to "a.1" in silence.
    if duplicates := sorted({str(name) for name in header if header.count(name) > 1}):
        number = re.fullmatch(r"[-+\d.]+", str(duplicates[0]))
        hint = "; if the first row is no header, write one above it" if number else ""
        raise DataError(f"{path}: column name {duplicates[0]!r} is used {header.count(duplicates[0])} times{hint}")
    return [str(name) for name in pd.read_csv(path, nrows=0, **options).columns]


def _other_separator(header: list[str], separator: str) -> str:
    """Return what separates the columns of a header that is read as one name; empty where nothing does."""
    return next((one for one in ",;\t|" if len(header) == 1 and one != separator and one in header[0]), "")


def _encoded(path: Path, separator: str | None, encoding: str) -> str:
    """Return how pandas reads a file in this encoding: with the separator that its header has."""
    said = f"encoding={encoding!r}"
    try:
        header: Any = pd.read_csv(path, sep=separator or ",", header=None, nrows=1, dtype=str, encoding=encoding)
        other = _other_separator(header.iloc[0].dropna().tolist(), separator or ",")
        return f"{said}, {_dialect(path, other, encoding)}" if other else said
    except ValueError:  # it is in no encoding that is known
        return said


def _dialect(path: Path, separator: str, encoding: str = "utf-8") -> str:
    """Return how pandas reads a file with this separator: with decimal commas, where the first rows have some."""
    options: Any = {"sep": separator, "encoding": encoding, "index_col": False, "on_bad_lines": "skip"}
    rows: Any = pd.read_csv(path, nrows=100, dtype=str, **options)
    commas = any(rows[name].str.fullmatch(r"[-+]?\d+,\d+").any() for name in rows.columns)
    return f"sep={separator!r}" + (", decimal=','" if commas and separator != "," else "")


def _written_anew(path: Path, options: str) -> str:
    """Say how a file is read in Python, and how it is written as this toolkit reads it, in a terminal."""
    new = f"{path.name.split('.')[0]}_plain.csv"
    line = f"import pandas; pandas.read_csv({path.as_posix()!r}, {options}).to_csv({new!r}, index=False)"
    said = f"read it with pandas.read_csv(path, {options}), and hand over the frame"
    odd = re.search(r"[\"'$`\\!]", path.as_posix())  # a shell would read it otherwise
    return said if odd else f'{said}; or write {new}: python -c "{line}"'


def _absent(kept: Collection[str] | None) -> list[str]:
    """Return the words that stand for missing values, without those that are kept as values."""
    return [""] if kept is None else sorted({"", *MISSING_WORDS.difference(kept)})


def _numeric(values: pd.Series[Any]) -> bool:
    """Return whether values are numbers, of which one at least is there."""
    return (
        bool(values.notna().any())
        and pd.api.types.is_numeric_dtype(values.dtype)
        and not pd.api.types.is_bool_dtype(values.dtype)
    )


def _whole(values: pd.Series[Any]) -> bool:
    return _numeric(values) and bool((values.dropna() % 1 == 0).all())
