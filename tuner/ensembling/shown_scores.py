"""Scores of an ensemble: a dictionary that a notebook shows as a table."""

from __future__ import annotations

from typing import Any

from spaces.html import table

_COLUMNS = ("in_sample", "cross_fitted", "cross_validated", "standard_error")


class Scores(dict[str, Any]):
    """Scores by what they are of; see `StudyEnsemble.scores`. Printed and in a notebook they are a table."""

    def __str__(self) -> str:
        names, rows = self._as_table()
        lines = [["", *names, ""], *([row[0], *(_number(value) for value in row[1:-1]), row[-1]] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:-1])] for first, *rest, _ in lines)
        return "\n".join("  ".join([*cells, line[-1]]).rstrip() for cells, line in zip(padded, lines, strict=True))

    def _repr_html_(self) -> str:
        names, rows = self._as_table()
        return table(["", *(name.replace("_", " ") for name in names), ""], [[_said(row[0]), *row[1:]] for row in rows])

    def _as_table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the columns of numbers that are there, and rows: what is scored, the numbers, and what else to say."""
        rows = [[name, *(found.get(column) for column in _COLUMNS), _words(found)] for name, found in self.items()]
        for name, found in self.get("ensemble", {}).get("metrics", {}).items():
            rows.append([f"ensemble, {name}", *(found.get(column) for column in _COLUMNS), ""])
        kept = [i for i, _ in enumerate(_COLUMNS, 1) if any(row[i] is not None for row in rows)]
        return [_COLUMNS[i - 1] for i in kept], [[row[0], *(row[i] for i in kept), row[-1]] for row in rows]


def _said(name: str) -> str:
    """Return a name as people write it, but for a metric's."""
    first, *metric = name.split(", ")
    return ", ".join([first.replace("_", " "), *metric])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _words(found: dict[str, Any]) -> str:
    """Return what else there is to say, but for the numbers."""
    trials = found.get("trials") or ([found["trial"]] if "trial" in found else [])
    said = [", ".join(trials), *(found[name] for name in ("folds", "groups", "doubt") if name in found)]
    return "; ".join(one for one in said if one)
