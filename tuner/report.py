"""Tables and notes about a study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tuner.ledger import Trial
from tuner.study import Study

_SHOWN = 15


def stored_curves(study: Study, trial: Trial) -> list[dict[str, list[float]]]:
    """Return a trial's curves, one mapping a fold; nothing for trials that did not finish."""
    if trial.outcome is None or trial.duplicate:
        return []
    path = study.attempt_folder(trial) / "curves.json"
    if not path.exists():
        return []
    curves: list[dict[str, list[float]]] = json.loads(path.read_text())
    return curves


def markdown_note(study: Study) -> str:
    """Return the study's description for MLflow: the leaderboard and one line about how it went."""
    board = compact(study.leaderboard(), study.task.score.name).head(_SHOWN)
    header = "| " + " | ".join(board.columns) + " |"
    rule = "|" + " --- |" * board.shape[1]
    rows = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in board.itertuples(index=False)]
    return "\n".join([f"**{study.name}**: {study.summary()}", "", header, rule, *rows])


def compact(board: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the columns of a leaderboard that fit a terminal."""
    if board.empty:
        return board
    extra = [
        name
        for name in board.columns
        if name not in ("trial", "family", "state", metric, "std", "seconds", "reason")
        and not name.startswith(("params.", "train_"))
    ]
    columns = ["trial", "state", metric, "std", *extra, "seconds", "reason"]
    return board[[name for name in columns if name in board.columns]]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, stderr: bool = False) -> None:
    """Print a table to the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
