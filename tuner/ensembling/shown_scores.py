"""Scores of an ensemble: a dictionary that a notebook shows as a table."""

from __future__ import annotations

from typing import Any

from spaces.html import table

_COLUMNS = ("in_sample", "cross_fitted", "cross_validated", "standard_error")


class Scores(dict[str, Any]):
    """Scores by what they are of; see `StudyEnsemble.scores`."""

    def _repr_html_(self) -> str:
        rows = [[name, *(found.get(column) for column in _COLUMNS), _words(found)] for name, found in self.items()]
        for name, found in self.get("ensemble", {}).get("metrics", {}).items():
            rows.append([f"ensemble, {name}", *(found.get(column) for column in _COLUMNS), ""])
        kept = [i for i, _ in enumerate(_COLUMNS, 1) if any(row[i] is not None for row in rows)]
        names = [_COLUMNS[i - 1].replace("_", " ") for i in kept]
        return table(["", *names, ""], [[row[0].replace("_", " "), *(row[i] for i in kept), row[-1]] for row in rows])


def _words(found: dict[str, Any]) -> str:
    """Return what else there is to say, but for the numbers."""
    trials = found.get("trials") or ([found["trial"]] if "trial" in found else [])
    said = [", ".join(trials), *(found[name] for name in ("folds", "groups", "doubt") if name in found)]
    return "; ".join(one for one in said if one)
