"""A task as files: its rows, one file an array, which all workers map into memory, and what else there is to say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from spaces.inputs.kinds import arrays_of
from spaces.machine.disk import write_text
from spaces.machine.torn import Torn, map_array, read_record, reading
from spaces.rows.arrays import Array, pieces, write_array
from spaces.rows.columns import Column, Schema
from spaces.rows.table import Rows, Table

ANEW = "the call that runs the study (tuner.tune, tuner run) writes it anew"
_TASK = "task.json"
_SAYS = {"schema": list, "target": dict, "metrics": list, "split": dict, "seed": int, "test_rows": int, "texts": list}


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
    """Map what `save_rows` wrote into memory.

    Raises:
        Torn: A file is damaged or gone.
    """
    numbers, codes, target = (stored_array(folder / f"{part}_{name}.npy") for name in ("numbers", "codes", "target"))
    texts = _load_texts(folder / f"{part}_texts.parquet") if schema.text_names else None
    weight, group, sequence = (
        stored_array(path) if (path := folder / f"{part}_{name}.npy").exists() else None
        for name in ("weight", "group", "sequence")
    )
    arrays = tuple(_load_array(folder, part, i, column=column) for i, column in enumerate(schema.arrays))
    return Rows(Table(numbers, codes, texts=texts, sequence=sequence, arrays=arrays), target, weight, group)


def _load_array(folder: Path, part: str, place: int, *, column: Column) -> Array:
    prefix = f"{part}_{place}_"
    paths = {path.stem.removeprefix(prefix): path for path in folder.glob(f"{prefix}*.npy")}
    with part_of_task(folder / f"{prefix}*.npy"):
        return arrays_of(column.kind).load(column, {name: stored_array(path) for name, path in paths.items()})


def _load_texts(path: Path) -> Any:
    with part_of_task(path):
        return pd.read_parquet(path).to_numpy(dtype=object)


def stored_array(path: Path) -> NDArray[Any]:
    """Map one of a task's arrays into memory.

    Raises:
        Torn: It is damaged or gone.
    """
    with part_of_task(path):
        return map_array(path, instead=ANEW)


@contextmanager
def part_of_task(path: Path) -> Iterator[None]:
    """Name one of a task's files in what goes wrong while it is read, and how it comes back.

    Raises:
        Torn: It is damaged or gone.
    """
    try:
        with reading(path, ANEW):
            yield
    except FileNotFoundError:
        raise Torn(f"{path} is gone: {ANEW}") from None


def write_description(folder: Path, described: Mapping[str, Any]) -> None:
    """Write what there is to say of a task, once all of its other files are there; they are named in it.

    Args:
        folder: Where they are.
        described: As JSON values.
    """
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != _TASK)
    write_text(folder / _TASK, json.dumps({**described, "files": files}, indent=1))


def read_description(folder: Path) -> dict[str, Any]:
    """Read what `write_description` wrote.

    Raises:
        Torn: It is damaged, or a file of the task is gone.
    """
    with part_of_task(folder / _TASK):
        described = read_record(folder / _TASK, {**_SAYS, "digest": str}, instead=ANEW)
    for name in described.get("files", ()):
        with part_of_task(folder / name):
            (folder / name).stat()
    return described
