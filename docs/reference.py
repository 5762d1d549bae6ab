"""Tables of the reference pages, written from the code when the site is built, so that they cannot fall behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from ensembles.methods import METHODS, STACKS
from tuner.scoring.metrics import METRICS
from tuner.search.samplers import PRUNERS, SAMPLERS
from tuner.studyfile import SECTIONS


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put each table where a page has a comment with its name, such as `<!-- table: metrics -->`."""
    return re.sub(r"<!-- table: ([\w.]+) -->", lambda found: TABLES[found[1]](), markdown)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _said(annotation: Any) -> str:
    """Say a type as TOML knows it."""
    if annotation is type(None):
        return "nothing"
    if get_origin(annotation) is Annotated:
        return _said(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if (inner := get_args(annotation)) and "Union" in str(get_origin(annotation)):
        return " or ".join(_said(one) for one in inner if one is not type(None))
    if get_origin(annotation) is list:
        return f"list of {_said(inner[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any value"}
    return names.get(annotation, "table")


def _in_toml(value: Any) -> str:
    """Write a default as TOML; what is empty or nothing is left out."""
    if value in (None, (), [], {}) or isinstance(value, BaseModel):
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{json.dumps(value)}`"


def _section(name: str) -> str:
    rows = []
    for key, field in SECTIONS[name].model_fields.items():
        default = "required" if field.is_required() else _in_toml(field.get_default(call_default_factory=True))
        rows.append([f"`{key}`", _said(field.annotation), default, field.description or ""])
    return _table(["key", "value", "default", "what it is"], rows)


def _metrics() -> str:
    rows = [
        [
            f"`{name}`",
            "higher" if metric.greater_is_better else "lower",
            f"{metric.needs}, within a group" if metric.by_group else metric.needs,
            ", ".join(metric.kinds),
        ]
        for name, metric in METRICS.items()
    ]
    return _table(["metric", "better", "reads", "targets"], rows)


def _names(found: Any) -> Callable[[], str]:
    return lambda: ", ".join(f"`{name}`" for name in found)


TABLES: dict[str, Callable[[], str]] = {
    "metrics": _metrics,
    "samplers": _names(SAMPLERS),
    "pruners": _names(PRUNERS),
    "methods": _names([*METHODS, *STACKS, "joint", "auto"]),
    **{f"section.{name}": lambda name=name: _section(name) for name in SECTIONS},  # type: ignore[misc]
}
