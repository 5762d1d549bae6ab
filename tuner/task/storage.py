"""A task's rows as files, one an array, which all workers map into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from spaces.inputs.kinds import arrays_of
from spaces.rows.arrays import Array, pieces, write_array
from spaces.rows.columns import Column, Schema
from spaces.rows.table import Rows, Table


def stored_arrays(rows: Rows, schema: Schema) -> dict[str, Array]:
    """Return all that rows hold but their texts, by name; what is stored of an array, its kind says."""
    sequence = {} if rows.table.sequence is None else {"sequence": rows.table.sequence}
    roles = {"weight": rows.weight, "group": rows.group}
    arrays: dict[str, Array] = {}
    for i, (column, array) in enumerate(zip(schema.arrays, rows.table.arrays, strict=True)):
        arrays |= {f"{i}_{name}": its for name, its in arrays_of(column.kind).stored(array).items()}
    return {
        "numbers": rows.table.numbers,
        "codes": rows.table.codes,
        "target": rows.target,
        **{name: values for name, values in roles.items() if values is not None},
        **sequence,
        **arrays,
    }


def save_rows(rows: Rows, folder: Path, part: str, *, schema: Schema) -> None:
    """Write rows into a folder, under names that begin with the part's."""
    for name, array in stored_arrays(rows, schema).items():
        write_array(folder / f"{part}_{name}.npy", tuple(array.shape), array.dtype, some=pieces(array))
    if rows.table.texts is not None:
        pd.DataFrame(rows.table.texts, columns=schema.text_names).to_parquet(folder / f"{part}_texts.parquet")


def load_rows(folder: Path, part: str, schema: Schema) -> Rows:
    """Map what `save_rows` wrote into memory."""
    numbers, codes, target = (
        np.load(folder / f"{part}_{name}.npy", mmap_mode="r") for name in ("numbers", "codes", "target")
    )
    path = folder / f"{part}_texts.parquet"
    texts = pd.read_parquet(path).to_numpy(dtype=object) if path.exists() else None
    weight, group, sequence = (
        np.load(path, mmap_mode="r") if (path := folder / f"{part}_{name}.npy").exists() else None
        for name in ("weight", "group", "sequence")
    )
    arrays = tuple(_load_array(folder, part, i, column=column) for i, column in enumerate(schema.arrays))
    return Rows(Table(numbers, codes, texts=texts, sequence=sequence, arrays=arrays), target, weight, group)


def _load_array(folder: Path, part: str, place: int, *, column: Column) -> Array:
    prefix = f"{part}_{place}_"
    paths = {path.stem.removeprefix(prefix): path for path in folder.glob(f"{prefix}*.npy")}
    return arrays_of(column.kind).load(column, {name: np.load(path, mmap_mode="r") for name, path in paths.items()})
