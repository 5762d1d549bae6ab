"""Study files: TOML, validated before anything is read or started.

What a section takes is what the function takes that it is for (see `tuner.options`).
"""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from spaces.families.catalog import FAMILIES
from spaces.families.family import Family
from spaces.families.own import family
from spaces.inputs.kinds import KINDS, options_named
from spaces.language.complaints import unknown_name
from tuner.launch.tune import tune
from tuner.options import options_of, section
from tuner.recipes.language import language_task
from tuner.recipes.series import series_task
from tuner.scoring.metrics import ITSELF_METRICS
from tuner.study import Study
from tuner.task.splits import Split
from tuner.task.task import Task
from tuner.trials.ray_cluster import RayCluster

_BUDGET = ("trials", "time", "trial_time", "max_failures", "turns")
_STATED = ("data", "target", "text", "seed")  # by the study file itself, or in another section
_SHARED = ("metric", "metrics", "split", "test", "time", "missing")  # by tasks of rows and of series

_SPLIT_WORDS = (
    "How rows are divided into folds: a kind, or a table with `kind`, `folds` and so on. When left out, 5 folds: "
    "`grouped` with a group, `time` with a time column, `stratified` for classes, else `kfold`; of a series 3 folds in "
    "time."
)


class StudyFileError(ValueError):
    """A study file that cannot be used; the message names the key."""


_tune = options_of(tune, without=["task", "families", "folder"])
StudySection = section(
    "StudySection",
    {name: option for name, option in _tune.items() if name not in (*_BUDGET, "ray")},
    name=(
        Annotated[str, Field(min_length=1, pattern=r"^[\w-][\w.-]*$")],
        Field(..., description="What the study is called: its folder is `runs/NAME` beside this file, if not named."),
    ),
)
BudgetSection = section("BudgetSection", {name: _tune[name] for name in _BUDGET})
_split = options_of(Split)
SplitSection = section("SplitSection", _split | {"kind": _split["kind"]._replace(default=None)})  # the data say it
LanguageSection = section("LanguageSection", options_of(language_task, without=[*_STATED, "test"]))
SeriesSection = section("SeriesSection", options_of(series_task, without=[*_STATED, *_SHARED]))
DataSection = section(
    "DataSection",
    options_of(Task, without=["data", "seed"]),
    train=(
        str,
        Field(..., description="The file of the rows, a text, or a folder of images; relative to the study file."),
    ),
    target=(
        str | list[str] | None,
        Field(None, description="The column to predict, or several. Left out of a text and of rows without a target."),
    ),
    split=(
        SplitSection | str | None,
        Field(None, description=_SPLIT_WORDS),
    ),
    columns=(
        dict[str, dict[str, Any]],
        Field({}, description="What a column or an array is: a table `[data.columns.NAME]` with its `kind` for each."),
    ),
    language=(LanguageSection | None, Field(None, description="`train` is a text, and a model is to go on with it.")),
    series=(SeriesSection | None, Field(None, description="Rows are steps in time, and `target` is to be forecast.")),
)
RaySection = section("RaySection", options_of(RayCluster))
EnsembleSection = section("EnsembleSection", options_of(Study.ensemble, without=["self"]))

_File = section(
    "StudyFile",
    {},
    study=(StudySection, ...),
    budget=(BudgetSection, Field(default_factory=BudgetSection)),
    data=(DataSection, ...),
    families=(dict[str, dict[str, Any]], {}),
    ray=(RaySection | None, None),
    ensemble=(EnsembleSection, Field(default_factory=EnsembleSection)),
)
SECTIONS = {
    "study": StudySection,
    "budget": BudgetSection,
    "data": DataSection,
    "ray": RaySection,
    "ensemble": EnsembleSection,
    "data.split": SplitSection,
    "data.series": SeriesSection,
    "data.language": LanguageSection,
}


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of study files, for editors."""
    return _File.model_json_schema()


@dataclass(frozen=True)
class StudyFile:
    """A checked study file.

    Attributes:
        name: The study's name.
        launch: Arguments of `tuner.tune`.
        data: `[data]`, as it was written.
        families: Changes of spaces by family.
        ensemble: Arguments of `Study.ensemble`.
    """

    name: str
    launch: dict[str, Any]
    data: dict[str, Any]
    families: dict[str, dict[str, Any]]
    ensemble: dict[str, Any]

    @property
    def seed(self) -> int:
        """The seed of task and study."""
        return int(self.launch.get("seed", 0))


def read_study_toml(path: Path, **given: Any) -> StudyFile:
    """Read and check a study file.

    Args:
        path: The file.
        given: Arguments of `tuner.tune` that stand in place of the file's.

    Raises:
        StudyFileError: There is none, it is no TOML, or a key is unknown, missing or of the wrong type.
    """
    raw = raw_study_toml(path, **given)
    try:
        return checked(raw)
    except StudyFileError as error:
        raise StudyFileError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None


def raw_study_toml(path: Path, **given: Any) -> dict[str, Any]:
    """Return what a study file says, unchecked, with arguments of `tuner.tune` that stand in place of its own.

    Raises:
        StudyFileError: There is none, or it is no TOML.
    """
    if not path.is_file():
        goes_on = f"; go on with the study in this folder by tuner run {path / 'study.toml'} --folder {path}"
        hint = goes_on if (path / "study.toml").exists() else ""
        raise StudyFileError(f"there is no file {path}{hint}")
    try:
        raw = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise StudyFileError(f'{path} is not valid TOML: {error}. Texts stand in quotes, target = "income"') from None
    for name, value in given.items():
        raw.setdefault("budget" if name in _BUDGET else "study", {})[name] = value
    return raw


def checked(raw: Mapping[str, Any]) -> StudyFile:
    """Check what a study file holds.

    Raises:
        StudyFileError: A key is unknown, missing or of the wrong type; a line each.
    """
    try:
        file = _File.model_validate(raw).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise StudyFileError("\n".join(_explain(dict(e)) for e in error.errors())) from None
    launch = {**file["study"], **file.get("budget", {}), **({"ray": file["ray"]} if "ray" in file else {})}
    return StudyFile(launch.pop("name"), launch, file["data"], file.get("families", {}), file.get("ensemble", {}))


def task_of(file: StudyFile, folder: Path) -> Task:
    """Make the task that a study file describes.

    Args:
        file: The study file.
        folder: Where data files are: the study file's folder.

    Raises:
        StudyFileError: There is no target, or something beside `language` or `series` that these have no use for.
        DataError, TableError, ValueError: As for `tuner.Task`.
    """
    given = dict(file.data)
    train, language = folder / given.pop("train"), given.pop("language", None)
    if language is not None:
        if others := [name for name in given if name != "test"]:
            raise StudyFileError(f"[data] {others[0]}: a text has no use for it beside language; leave it out")
        if isinstance(given.get("test"), str):
            raise StudyFileError(f"[data] test: of a text it is the share at its end, got {given['test']!r}")
        return language_task(train, **language, **given, seed=file.seed)
    target, metric = given.pop("target", None), given.get("metric")
    if target is None and (not isinstance(metric, str) or metric not in ITSELF_METRICS):
        raise StudyFileError(
            "[data] target is missing: name a column, or several; for a text, language = {}; where rows are to be "
            f"learned without one, metric must be one of {', '.join(ITSELF_METRICS)}"
        )
    if (series := given.pop("series", None)) is not None:
        if others := [name for name in given if name not in _SHARED]:
            raise StudyFileError(f"[data] {others[0]}: a series has no use for it; leave it out")
        if isinstance(given.get("test"), str):
            raise StudyFileError(f"[data] test: of a series it is the share at its end, got {given['test']!r}")
        return series_task(train, target, **series, **given, seed=file.seed)
    given["columns"] = {name: _said(name, what, folder) for name, what in given.get("columns", {}).items()}
    for name in ("test", "vectors"):
        if isinstance(given.get(name), str):
            given[name] = folder / given[name]
    return Task(train, target, seed=file.seed, **given)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let modules in a folder be imported, here and in processes that are started meanwhile."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before


def is_own(name: str, changes: Mapping[str, Any]) -> bool:
    """Return whether a section of families names one of the user's own."""
    return ("build" in changes or "family" in changes) and name not in FAMILIES


def families_of(file: StudyFile, folder: Path) -> dict[str, dict[str, Any]] | None:
    """Return names with changes of their spaces.

    A user's own family is `build = "module:function"` beside `space`, and `fit` where the training loop is the user's
    too; or all in one: `family = "module:name"`.

    Args:
        file: The study file.
        folder: Where files are looked for: the study file's folder. Its modules must be `importable`.

    Raises:
        StudyFileError: A module or function cannot be found.
    """
    if not file.families:
        return None
    chosen: dict[str, dict[str, Any]] = {}
    for name, changes in file.families.items():
        own = is_own(name, changes)
        rest = {
            key: value for key, value in changes.items() if not own or key not in ("build", "space", "fit", "family")
        }
        if isinstance(base := rest.get("base"), str) and (folder / base).is_file():
            rest["base"] = str((folder / base).resolve())
        chosen[name] = {**rest, "family": _own_family(name, changes, folder)} if own else rest
    return chosen


def _said(name: str, what: Mapping[str, Any], folder: Path) -> Any:
    """Return what `columns` says of a column: its kind, or `"module:NAME"` of one's own, and the kind's options."""
    if not isinstance(kind := what.get("kind"), str):
        raise StudyFileError(f'[data.columns.{name}] kind is missing: one of {", ".join(KINDS)}, or "module:NAME"')
    if ":" in kind:
        _imported(kind, f"[data.columns.{name}] kind", folder)
    try:
        return options_named(kind, {key: value for key, value in what.items() if key != "kind"})
    except (TypeError, ValueError) as error:
        raise StudyFileError(f"[data.columns.{name}] {error}") from error


def _own_family(name: str, changes: Mapping[str, Any], folder: Path) -> Family:
    if "family" in changes:
        found = _imported(changes["family"], f"[families.{name}] family", folder)
        if not isinstance(found, Family) or found.name != name:
            raise StudyFileError(f"[families.{name}] family must be a family of this name, got {found!r}")
        return found
    if "space" not in changes:
        raise StudyFileError(f'[families.{name}] needs space = "module:name" beside build')
    build = _imported(changes["build"], f"[families.{name}] build", folder)
    space = _imported(changes["space"], f"[families.{name}] space", folder)
    fit = _imported(changes["fit"], f"[families.{name}] fit", folder) if "fit" in changes else None
    return family(build, space, name=name, fit=fit)


def _imported(where: Any, key: str, folder: Path) -> Any:
    if not isinstance(where, str) or where.count(":") != 1:
        raise StudyFileError(f'{key} must be "module:name", got {where!r}')
    module_name, name = where.split(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise StudyFileError(f"{key}: module {module_name!r} cannot be imported from {folder}: {error}") from error
    if not hasattr(module, name):
        raise StudyFileError(f"{key}: {unknown_name(name, [n for n in dir(module) if not n.startswith('_')])}")
    return getattr(module, name)


def _explain(error: Mapping[str, Any]) -> str:
    kinds = ("str", "float", "int", "constrained-int", "literal['ray']", "SplitSection")  # of a union: not in the file
    *parents, last = [part for part in error["loc"] if isinstance(part, str) and part not in kinds]
    place = f"[{'.'.join(parents)}] " if parents else ""
    if error["type"] == "extra_forbidden":
        return f"{place}{unknown_name(last, list(SECTIONS.get('.'.join(parents), _File).model_fields))}"
    if error["type"] == "missing":
        return f"{place}{last} is missing"
    return f"{place}{last}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"
