"""How tools stand beside each other on tables: loss, seconds, rank, and which tables are lost beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.tables import Divided

MARGIN, ERRORS, LEVEL = 1.1, 2.0, 0.5
"""A table is lost by a loss above `MARGIN` times the best, and by more than `ERRORS` paired standard errors; mean ranks
that differ by less than `LEVEL` are level."""
_LEAST = 1e-7  # a probability counts as at least that, as where a tool does not know a class
Row = Mapping[str, Any]
Losses = NDArray[np.float64]


def losses_of(table: Divided, predicted: NDArray[np.float64], columns: Sequence[str]) -> Losses:
    """Return the loss of each test row: minus log of the probability, or the squared error over the target's variance.

    Args:
        table: The table.
        predicted: Probabilities `(rows, columns)`, or numbers `(rows,)`.
        columns: The label of each column.
    """
    if not table.classes:
        found = (predicted.ravel() - table.answers) ** 2 / table.train["target"].var()
        return np.asarray(found, np.float64)
    at = {label: i for i, label in enumerate(columns)}
    shares = np.clip(predicted, 0.0, None) / predicted.sum(axis=1, keepdims=True)
    own = np.array([shares[i, at[label]] if label in at else 0.0 for i, label in enumerate(table.answers)])
    return -np.log(np.clip(own, _LEAST, 1.0))


def loss_of(table: Divided, losses: Losses) -> float:
    """Return the log loss, or the root of the mean squared error as a share of the target's deviation."""
    return float(losses.mean() if table.classes else math.sqrt(losses.mean()))


def behind(losses: Losses, best: Losses) -> float:
    """Return how many paired standard errors a tool's mean loss is above the best's."""
    apart = losses - best
    error = apart.std(ddof=1) / math.sqrt(len(apart))
    return float(apart.mean() / error) if error else 0.0


def standing(rows: Sequence[Row], losses: Path) -> pd.DataFrame:
    """Return the rows of one budget with rank, ratio to the best, standard errors behind it, and whether it is lost.

    Args:
        rows: A row a table and tool.
        losses: The folder with `name_of(row)`.npz for each row that did not fail.
    """
    parts = [_ranked(part, losses) for _, part in pd.DataFrame(rows).groupby("set", sort=False)]
    return pd.concat(parts, ignore_index=True)


def name_of(row: Row) -> str:
    """Return the name of a row's files."""
    return f"{row['set']}-{row['tool']}-{row['limit']:g}"


def printed(found: pd.DataFrame) -> str:
    """Return what `standing` found as Markdown tables."""
    tools = sorted(found["tool"].unique(), key=lambda tool: found.loc[found["tool"] == tool, "rank"].mean())
    lines = [f"| table | {' | '.join(tools)} | lost by |", f"|{'---|' * (len(tools) + 2)}"]
    for name, part in found.groupby("set", sort=False):
        cells = [_cell(part[part["tool"] == tool]) for tool in tools]
        lost = ", ".join(part.loc[part["lost"], "tool"])
        lines.append(f"| {name} | {' | '.join(cells)} | {lost} |")
    full = found.groupby("set").filter(lambda part: part["tool"].nunique() == len(tools))
    means = [f"{full.loc[full['tool'] == tool, 'rank'].mean():.2f}" for tool in tools]
    lines.append(f"| **mean rank** ({full['set'].nunique()} tables) | {' | '.join(means)} | |")
    return "\n".join(lines)


def gains(short: pd.DataFrame, long: pd.DataFrame) -> dict[str, float]:
    """Return by which share each tool's loss falls from the short to the long budget, a mean over common tables."""
    both = short.merge(long, on=["set", "tool"], suffixes=("", "_long"))
    ratios = np.log(both["loss_long"] / both["loss"])
    return {str(tool): 1 - math.exp(part.mean()) for tool, part in ratios.groupby(both["tool"])}


def _ranked(part: pd.DataFrame, losses: Path) -> pd.DataFrame:
    part = part.assign(rank=part["loss"].fillna(math.inf).rank())
    best = part.loc[part["loss"].idxmin()] if part["loss"].notna().any() else part.iloc[0]
    errors = [_errors_behind(row, best, losses) for row in part.to_dict("records")]
    ratio = part["loss"].fillna(math.inf) / best["loss"]
    return part.assign(ratio=ratio, errors=errors, lost=(ratio > MARGIN) & (np.array(errors) > ERRORS))


def _errors_behind(row: Row, best: Any, losses: Path) -> float:
    if math.isnan(row["loss"]):
        return math.inf
    ours, theirs = (_read(losses / f"{name_of(one)}.npz") for one in (row, best))
    return behind(ours, theirs)


def _read(path: Path) -> Losses:
    with np.load(path) as stored:
        return np.asarray(stored["losses"], np.float64)


def _cell(part: pd.DataFrame) -> str:
    if part.empty:
        return "—"
    row = part.iloc[0]
    if math.isnan(row["loss"]):
        return f"failed ({row['seconds']:.0f} s)"
    said = f"{row['loss']:.4f}, {row['seconds']:.0f} s"
    return f"**{said}**" if row["ratio"] == 1 else f"{said}, +{100 * (row['ratio'] - 1):.1f} % ({row['errors']:.1f} se)"
