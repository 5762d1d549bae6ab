"""The study file as it was run, kept in the study's folder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

NAME = "study.toml"


def keeping(path: Path, options: Mapping[str, Any]) -> Callable[[Any, Any], None]:
    """Return a function to call after each trial, which keeps a study file in the study's folder once.

    Args:
        path: The study file.
        options: Options that stood in place of what it says.
    """
    from spaces.machine.disk import write_text
    from tuner.studyfile import raw_study_toml

    text = resolved(raw_study_toml(path, **options), path.resolve().parent)

    def keep(study: Any, trial: Any) -> None:
        kept: Path = study.folder / NAME
        if not kept.exists() or kept.read_text() != text:
            write_text(kept, text)

    return keep


def resolved(raw: Mapping[str, Any], folder: Path) -> str:
    """Return a study file that says the same from any folder, without passwords.

    Args:
        raw: What the file says.
        folder: Where it lay; paths in it become absolute.
    """
    from tuner.tracking.complaints import without_password

    data = {name: _path(value, folder) if name in ("train", "test", "vectors") else value
            for name, value in raw["data"].items()}  # fmt: skip
    families = {
        name: {key: _path(value, folder) if key == "base" else value for key, value in changes.items()}
        for name, changes in raw.get("families", {}).items()
    }
    study = {k: without_password(v) if k == "tracking" and v else v for k, v in raw["study"].items()}
    study |= {name: "none" for name in ("tracking", "pruner") if study.get(name, "") is None}
    whole = {**raw, "study": study, "data": data} | ({"families": families} if families else {})
    head = f"# As it was run from {folder}, where modules of your own are looked for.\n"
    return head + "".join(f"\n{line}\n" if line.startswith("[") else f"{line}\n" for line in _lines(whole))


def _path(value: Any, folder: Path) -> Any:
    return str((folder / value).resolve()) if isinstance(value, str) and (folder / value).exists() else value


def _lines(whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a file of sections; the sections of `families` are tables of their own."""
    for name, section in whole.items():
        if name == "families":
            for family, changes in section.items():
                yield f"[families.{_key(family)}]"
                yield from _keys(changes)
        else:
            yield f"[{name}]"
            yield from _keys(section)


def _keys(section: Mapping[str, Any]) -> Iterator[str]:
    said = {key: value for key, value in section.items() if value is not None}  # TOML has no None
    yield from (f"{_key(key)} = {_said(value)}" for key, value in said.items())


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _said(value: Any) -> str:
    """Return a value as TOML says it, in one line.

    >>> _said({"low": 0.5, "options": ["a", True]})
    '{ low = 0.5, options = ["a", true] }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_keys(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_said, value)) + "]"
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | int | float) else str(value)
