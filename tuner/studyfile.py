"""Study files: TOML, validated before anything is read or started."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spaces.families.catalog import FAMILIES
from spaces.families.family import Family
from spaces.families.own import family
from spaces.language.complaints import unknown_name
from tuner.recipes.language import language_task
from tuner.recipes.series import series_task
from tuner.scoring.metrics import ITSELF_METRICS
from tuner.task.splits import SplitKind
from tuner.task.task import Task


class StudyFileError(ValueError):
    """A study file that cannot be used; the message names the key."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StudySection(_Section):
    """`[study]`."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    sampler: str = "optuna.tpe"
    pruner: str = "percentile"
    seed: int = Field(0, ge=0)
    workers: int | None = Field(None, ge=0)
    tracking: str = "auto"
    weights: dict[str, float] = {}


class BudgetSection(_Section):
    """`[budget]`."""

    trials: int | None = Field(None, ge=1)
    time: str | float | int | None = None
    trial_time: str | float | int | None = None
    max_failures: int | None = Field(None, ge=1)


class SplitSection(_Section):
    """`split` in `[data]`."""

    kind: SplitKind | None = None
    folds: int = 5
    share: float = 0.2
    gap: int = 0


class LanguageSection(_Section):
    """`language` in `[data]`: the file is a text, and every token is to be told from those before it."""

    unit: Literal["character", "word"] = "character"
    vocabulary: int = Field(2000, ge=2)
    held_out: float = Field(0.1, gt=0, lt=1)


class SeriesSection(_Section):
    """`series` in `[data]`: rows are steps of a series, and the target is to be forecast from the steps before."""

    window: int = Field(ge=1)
    horizon: int | list[int] = 1
    stride: int = Field(1, ge=1)
    channels: list[str] | None = None
    known: list[str] = []
    calendar: bool = True


class DataSection(_Section):
    """`[data]`."""

    train: str
    target: str | list[str] | None = None
    language: LanguageSection | None = None
    series: SeriesSection | None = None
    test: str | float | None = None
    metric: str | dict[str, Any] | None = None
    metrics: list[str] = []
    kind: str | dict[str, str] | None = None
    split: SplitSection | str | None = None
    group: str | None = None
    sequence: str | None = None
    time: str | None = None
    categories: list[str] = []
    text: list[str] = []
    image: list[str] = []
    image_size: list[int] | None = None
    vectors: str | None = None
    inputs: dict[str, list[str]] = {}
    drop: list[str] = []
    missing: list[str] = []


class EnsembleSection(_Section):
    """`[ensemble]`."""

    method: str = "auto"
    top: int = Field(5, ge=1)


class StudyFile(_Section):
    """A whole study file."""

    study: StudySection
    budget: BudgetSection = BudgetSection()
    data: DataSection
    families: dict[str, dict[str, Any]] = {}
    ensemble: EnsembleSection = EnsembleSection()


def read_study_toml(path: Path) -> StudyFile:
    """Read and check a study file.

    Raises:
        StudyFileError: There is none, it is no TOML, or a key is unknown, missing or of the wrong type.
    """
    if not path.is_file():
        raise StudyFileError(f"there is no file {path}")
    try:
        raw = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise StudyFileError(f"{path} is not valid TOML: {error}") from None
    try:
        return StudyFile.model_validate(raw)
    except ValidationError as error:
        raise StudyFileError("\n".join(f"{path}: {_explain(raw, dict(e))}" for e in error.errors())) from None


def task_of(file: StudyFile, folder: Path) -> Task:
    """Make the task that a study file describes.

    Args:
        file: The study file.
        folder: Where data files are: the study file's folder.

    Raises:
        StudyFileError: There is no target, or something beside `language` or `series` that these have no use for.
        DataError, TableError, ValueError: As for `tuner.Task`.
    """
    given = file.data.model_dump(exclude_unset=True)
    train, language = folder / given.pop("train"), given.pop("language", None)
    if language is not None:
        if others := [name for name in given if name != "test"]:
            raise StudyFileError(f"[data] {others[0]}: a text has no use for it beside language; leave it out")
        if isinstance(file.data.test, str):
            raise StudyFileError(f"[data] test: of a text it is the share at its end, got {file.data.test!r}")
        return language_task(train, **language, test=file.data.test, seed=file.study.seed)
    if file.data.target is None and (not isinstance(metric := file.data.metric, str) or metric not in ITSELF_METRICS):
        raise StudyFileError(
            "[data] target is missing: name a column, or several; for a text, language = {}; where rows are to be "
            f"learned without one, metric must be one of {', '.join(ITSELF_METRICS)}"
        )
    if (series := given.pop("series", None)) is not None:
        taken = ("target", "time", "metric", "metrics", "split", "test", "missing")
        if others := [name for name in given if name not in taken]:
            raise StudyFileError(f"[data] {others[0]}: a series has no use for it; leave it out")
        if isinstance(file.data.test, str):
            raise StudyFileError(f"[data] test: of a series it is the share at its end, got {file.data.test!r}")
        return series_task(train, given.pop("target"), **series, **given, seed=file.study.seed)
    for name in ("test", "vectors"):
        if isinstance(given.get(name), str):
            given[name] = folder / given[name]
    return Task(train, given.pop("target", None), seed=file.study.seed, **given)


def families_of(file: StudyFile, folder: Path) -> dict[str, dict[str, Any]] | None:
    """Return names with changes of their spaces; a family with `build = "module:function"` is the user's own.

    Args:
        file: The study file.
        folder: Where modules are looked for first: the study file's folder.

    Raises:
        StudyFileError: A module or function cannot be found.
    """
    if not file.families:
        return None
    chosen: dict[str, dict[str, Any]] = {}
    for name, changes in file.families.items():
        own = "build" in changes and name not in FAMILIES
        rest = {key: value for key, value in changes.items() if not own or key not in ("build", "space")}
        if isinstance(base := rest.get("base"), str) and (folder / base).is_file():
            rest["base"] = str((folder / base).resolve())
        chosen[name] = {**rest, "family": _own_family(name, changes, folder)} if own else rest
    return chosen


def _own_family(name: str, changes: Mapping[str, Any], folder: Path) -> Family:
    if "space" not in changes:
        raise StudyFileError(f'[families.{name}] needs space = "module:name" beside build')
    build = _imported(changes["build"], f"[families.{name}] build", folder)
    space = _imported(changes["space"], f"[families.{name}] space", folder)
    return family(build, space, name=name)


def _imported(where: Any, key: str, folder: Path) -> Any:
    if not isinstance(where, str) or where.count(":") != 1:
        raise StudyFileError(f'{key} must be "module:name", got {where!r}')
    module_name, name = where.split(":")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise StudyFileError(f"{key}: module {module_name!r} cannot be imported from {folder}: {error}") from error
    if not hasattr(module, name):
        raise StudyFileError(f"{key}: {unknown_name(name, [n for n in dir(module) if not n.startswith('_')])}")
    return getattr(module, name)


def _explain(raw: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    *parents, last = [part for part in error["loc"] if isinstance(part, str) and part not in ("str", "SplitSection")]
    place = f"[{'.'.join(parents)}] " if parents else ""
    if error["type"] == "extra_forbidden":
        return f"{place}{unknown_name(last, _known(parents))}"
    if error["type"] == "missing":
        return f"{place}{last} is missing"
    return f"{place}{last}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"


def _known(parents: list[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "study": StudySection,
        "budget": BudgetSection,
        "data": DataSection,
        "ensemble": EnsembleSection,
        "data.split": SplitSection,
        "data.series": SeriesSection,
        "data.language": LanguageSection,
    }
    return list(sections.get(".".join(parents), StudyFile).model_fields)
