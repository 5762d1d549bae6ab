"""What `ensemble.json` may say: validated as a whole, and every file that it lists, before anything is opened.

The folder may come from a stranger, so nothing of it is believed: paths stay inside, links are not followed, numbers
are finite, and what is not listed with its sum is refused. Written by `Ensemble._write`, read by `loading.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from spaces.engines.contract import ShippingError
from spaces.engines.engine import EngineError
from spaces.machine.strange import StrangeFile, is_inside, read_json
from spaces.rows.columns import TableError
from spaces.rows.target import TargetKind, TrainingLoss

FORMAT = 6
_OLDEST = 4  # without a sum of the description itself
DESCRIPTION, COMBINER, DISTANCES = "ensemble.json", "combiner.json", "distances.npy"
_MEMBERS = "members"

_Name = Annotated[str, Field(max_length=10_000)]
_Sum = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Size = Annotated[int, Field(ge=0, lt=2**31)]
_Label = bool | int | FiniteFloat | _Name


class BundleError(ValueError):
    """A folder that holds no ensemble, or one that was damaged, is of a newer format, or is not to be trusted."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class StoredMember(_Strict):
    """A member: the name of its folder, how much it counts, how many models it has, the last one of all rows or not."""

    trial: Annotated[str, Field(min_length=1, max_length=255)]
    family: _Name
    weight: Annotated[FiniteFloat, Field(ge=0)]
    folds: Annotated[int, Field(ge=1, le=10_000)]
    on_all_rows: bool = False  # before format 6 none was

    @model_validator(mode="after")
    def _is_a_folder(self) -> Self:
        if self.on_all_rows and self.folds < 2:
            raise ValueError(f"{self.trial} has no model of a fold")
        if "/" in self.trial or not is_inside(self.trial):
            raise ValueError(f"{self.trial!r} is no name of a folder")
        return self


class _Column(_Strict):
    name: _Name
    kind: _Name
    categories: list[_Name]
    input: _Name
    shape: Annotated[list[_Size], Field(max_length=8)]
    dtype: Annotated[str, Field(max_length=20)]
    missing: list[_Name]
    details: dict[str, Any]


class _Target(_Strict):
    name: str
    kind: Literal[get_args(TargetKind)]  # type: ignore[valid-type]
    classes: Annotated[list[_Label], Field(max_length=1_000_000)]
    loss: Literal[get_args(TrainingLoss)]  # type: ignore[valid-type]
    weigh_classes: bool
    parts: Annotated[list[_Target], Field(max_length=100_000)]
    follows: Annotated[list[_Size], Field(min_length=2, max_length=2)] | None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.kind in ("binary", "multiclass")) != bool(self.classes):
            raise ValueError(f"a target of kind {self.kind} has {len(self.classes)} classes")
        if (self.kind == "several") != bool(self.parts) or any(part.parts for part in self.parts):
            raise ValueError(f"a target of kind {self.kind} has {len(self.parts)} parts")
        _check_labels(self.classes)
        return self


class Manifest(_Strict):
    """All that `ensemble.json` says."""

    format: int
    method: _Name
    metric: _Name
    members: Annotated[list[StoredMember], Field(min_length=1, max_length=10_000)]
    columns: Annotated[list[_Column], Field(alias="schema")]
    target: _Target
    scores: dict[str, Any]
    versions: dict[_Name, _Name]
    sha256: Annotated[dict[_Name, _Sum], Field(min_length=1)]
    digest: _Sum | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not sum(member.weight for member in self.members) > 0:
            raise ValueError("no member has a weight")
        if len({member.trial for member in self.members}) < len(self.members):
            raise ValueError("a member stands there twice")
        if outside := [name for name in self.sha256 if not is_inside(name)]:
            raise ValueError(f"it lists a file outside of the folder: {outside[0]!r}")
        if unsummed := self._needed() - set(self.sha256):
            raise ValueError(f"no sum of {min(unsummed)} is listed")
        return self

    def _needed(self) -> set[str]:
        models = (f"{_MEMBERS}/{one.trial}/fold-{k}/model.json" for one in self.members for k in range(one.folds))
        return {COMBINER, DISTANCES, *models}


def read_manifest(folder: Path, *, sha256: str | None) -> dict[str, Any]:
    """Return what a bundle's description says, once it and every file beside it are as they were saved.

    Args:
        folder: The bundle.
        sha256: The sum of `ensemble.json`, where somebody keeps it elsewhere; None to take it as it is.

    Raises:
        BundleError: They are not, or the format is newer.
    """
    path = folder / DESCRIPTION
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        raise BundleError(f"{path} has the SHA-256 {found}, expected {sha256}: it is not the ensemble that you trust")
    try:
        stored = read_json(path)
    except (StrangeFile, OSError) as error:
        raise BundleError(f"{path} is damaged ({error}); copy the bundle again") from error
    _check_format(path, stored)
    try:
        manifest = Manifest.model_validate(stored)
    except (ValidationError, RecursionError) as error:
        raise BundleError(f"{path} is damaged ({_first(error)}); copy the bundle again") from error
    if (stored["format"] > _OLDEST or manifest.digest) and manifest.digest != digest_of(stored):
        raise BundleError(f"{path} was changed since it was saved; copy the bundle again")
    _check_files(folder, manifest.sha256)
    return dict(stored)


@contextmanager
def only_bundle_errors(folder: Path, *, lacks: str = "cannot be opened") -> Iterator[None]:
    """Turn what libraries say of damaged files into one kind of error; our own complaints are clear already.

    Args:
        folder: Where the files lie.
        lacks: What could not be done with them.

    Raises:
        BundleError: A file is not as we write it, or a library raised something, each in ways of its own.
    """
    try:
        yield
    except (BundleError, EngineError, TableError, ShippingError):
        raise
    except StrangeFile as error:  # it names the file
        raise BundleError(str(error)) from error
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise BundleError(f"{folder} {lacks}: {type(error).__name__}: {said}") from error


def digest_of(stored: Mapping[str, Any]) -> str:
    """Return a sum of all that a description says, but for this sum."""
    said = {key: value for key, value in stored.items() if key != "digest"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_format(path: Path, stored: Any) -> None:
    found = stored.get("format") if isinstance(stored, dict) else None
    if type(found) is not int:
        raise BundleError(f"{path} is damaged (no format is said); copy the bundle again")
    if found > FORMAT:
        raise BundleError(f"{path} is of format {found}, this version reads up to {FORMAT}: update it")
    if found < _OLDEST:
        raise BundleError(f"{path} is of format {found}, this version reads from {_OLDEST} on: make it again")


def _check_files(folder: Path, sums: Mapping[str, str]) -> None:
    """Refuse links, files that are missing or changed, and files of models that are not listed."""
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place, name)
            mode, within = path.lstat().st_mode, path.relative_to(folder).as_posix()
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise BundleError(f"{folder}: {within} is a link, or no file at all; copy the bundle with its files")
            if stat.S_ISREG(mode) and within.startswith(f"{_MEMBERS}/") and within not in sums:
                raise BundleError(f"{folder}: {within} is not listed in {DESCRIPTION}: delete it if you put it there")
    for name, expected in sums.items():
        if not (folder / name).is_file():
            raise BundleError(f"{folder}: {name} is missing")
        if sha256_of(folder / name) != expected:
            raise BundleError(f"{folder}: {name} was changed since it was saved; copy the bundle again")


def _check_labels(labels: list[Any]) -> None:
    if len({(type(label), label) for label in labels}) < len(labels):
        raise ValueError("a class stands there twice")
    if len({type(label) for label in labels}) == 1 and sorted(labels) != labels:
        raise ValueError("classes are not sorted")


def _first(error: Exception) -> str:
    """Return the first complaint of pydantic in one line."""
    if not isinstance(error, ValidationError):
        return "it is nested too deeply"
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))[:200]
    return f"{where}: {first['msg']}" if where else str(first["msg"]).removeprefix("Value error, ")
