"""Facts, tables and nested lists as HTML; what a name holds is text. It takes its colours from the page around it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

_NAME = "text-align:left;vertical-align:top;white-space:nowrap;padding:2px 12px 2px 0"
_CELL = "text-align:left;overflow-wrap:anywhere;padding:2px 12px 2px 0"


def text(said: Any) -> str:
    """Return text as HTML shows it letter for letter.

    >>> text("a<b> & c")
    'a&lt;b&gt; &amp; c'
    """
    return html.escape(str(said))


def cell(value: Any) -> str:
    """Return a value as a table shows it; nothing where there is none."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return text(f"{value:.4g}" if isinstance(value, float) else value)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table."""
    head = "".join(f"<th>{text(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def facts_of(said: str) -> list[tuple[str, str]]:
    r"""Return names and texts of a plain description: lines of two spaces, a name of eight letters and the text.

    >>> facts_of("Task\n  rows    150 rows,\n          none of them a test row\n  metric  rmse")
    [('rows', '150 rows, none of them a test row'), ('metric', 'rmse')]
    """
    found: list[tuple[str, str]] = []
    for line in said.splitlines()[1:]:
        name, rest = line[2:10].strip(), line[10:].strip()
        found.append((name, rest) if name or not found else (found[-1][0], f"{found.pop()[1]} {rest}"))
    return found


def facts(said: str, *, without: Sequence[str] = ()) -> str:
    """Return a plain description, as `facts_of` reads it, under its first line, but for some facts."""
    rows = "".join(
        f'<tr><th style="{_NAME}">{text(name)}</th><td style="{_CELL}">{text(rest)}</td></tr>'
        for name, rest in facts_of(said)
        if name not in without
    )
    return f'<div><strong>{text(said.splitlines()[0])}</strong></div><table style="max-width:70em">{rows}</table>'


def folded(title: str, body: str) -> str:
    """Return HTML that opens on a click."""
    return f"<details><summary>{text(title)}</summary>{body}</details>"
