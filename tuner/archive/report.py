"""Tables and notes about a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rich.cells import cell_len

from spaces.families.catalog import BASELINE
from tuner.archive.records import Records
from tuner.archive.spending import gains
from tuner.search.ledger import Trial

_SHOWN = 10


def markdown_note(study: Records, pages: Mapping[str, str], ensemble: str) -> str:
    """Return the study's description for MLflow: how it stands, how to predict, the leaderboard, how to go on.

    Args:
        study: The study.
        pages: Addresses of trials' pages, by name.
        ensemble: What is said of the last ensemble, as by `ensemble_line`; "" where there is none.
    """
    best, metric = study.best, study.metric
    found = "no trial yet" if best is None else f"best {metric} {_cell(best.value)} by {best.name}"
    combine = ensemble or f"combine with `tuner ensemble {study.folder}`"
    use = f"predict with `tuner predict {study.folder}/ensemble INPUT.csv`"
    board = compact(leaderboard(study), metric).head(_SHOWN)
    rows = [[_cell(value) for value in row] for row in board.itertuples(index=False)]
    linked = [[f"[{name}]({pages[name]})" if name in pages else name, *rest] for name, *rest in rows]
    table = [board.columns.tolist(), ["---"] * board.shape[1], *linked]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    more = f"All trials: `tuner leaderboard {study.folder}`. To go on: the same call or command again."
    return "\n\n".join([f"{found}; {combine}\n{use}", summary(study), "\n".join(lines), more])


def ensemble_line(sign: int, scores: Mapping[str, Any], members: int) -> str:
    """Say how good an ensemble is and what it gains, in as few words as MLflow shows of a description.

    Args:
        sign: 1 where less is better, else -1.
        scores: The ensemble's `scores`.
        members: How many models it has.
    """
    gain, error = -sign * scores["difference"]["cross_fitted"], scores["difference"]["standard_error"]
    sure = f" ± {error:.2g}" if error is not None and np.isfinite(error) else ""
    models = f"{members} model{'' if members == 1 else 's'}"
    than = (
        f"{abs(gain):.2g}{sure} {'better' if gain > 0 else 'worse'} than one model" if gain else "as good as one model"
    )
    return f"ensemble of {models} {_cell(scores['ensemble']['cross_fitted'])}, {than}"


def cross_fitted(scores: Mapping[str, Any]) -> str:
    """Say that an ensemble's score is cross-fitted, and of how many folds or groups where it is not of all.

    >>> cross_fitted({"ensemble": {"folds": "3 of 4 folds scored"}})
    'cross-fitted, 3 of 4 folds scored'
    """
    return ", ".join(
        ["cross-fitted", *(scores["ensemble"][of] for of in ("folds", "groups") if of in scores["ensemble"])]
    )


def leaderboard(study: Records) -> pd.DataFrame:
    """Return one row a trial, best first: scores on held-out rows, their spread over folds, time, parameters."""
    rows = []
    ranked = study.complete
    shown = {trial.name for trial in ranked}
    rest = [trial for trial in study.trials if trial.name not in shown]
    for trial in ranked + rest:
        outcome = trial.outcome
        row: dict[str, Any] = {"trial": trial.name, "family": trial.family, "state": trial.state}
        row[study.metric] = trial.value
        if outcome is not None:
            row["std"] = float(np.std(outcome.scored)) if outcome.scored else None
            row |= {k: v for k, v in outcome.scores.get("held_out", {}).items() if k != study.metric}
            row |= {f"train_{k}": v for k, v in outcome.scores.get("train", {}).items()}
            row |= {"seconds": outcome.seconds, "gain": outcome.gain, "reason": _reason(trial)}
        row |= {"turn": trial.turn.number, "why": trial.turn.why}
        row |= {f"params.{name}": value for name, value in trial.params.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _reason(trial: Trial) -> str | None:
    """Return why a trial failed, in a word, or why it was pruned."""
    assert trial.outcome is not None
    return trial.outcome.error if trial.state == "pruned" else trial.outcome.reason


def summary(study: Records, limit: str | None = None) -> str:
    """Say in one line what limited the study, whether it still improved, and what failed."""
    run = [trial for trial in study.trials if not trial.duplicate and trial.family != BASELINE and trial.outcome]
    failed = [trial for trial in run if trial.state == "failed"]
    parts = [limit or f"{len(run)} trials", _trend(run, study.sign)]
    if failed:
        reasons = sorted({str(trial.outcome.reason) for trial in failed if trial.outcome})
        parts.append(f"{len(failed)} of {len(run)} failed: {', '.join(reasons)}")
    parts += [_folds_left_out(study), _untried(study), gains(study.trials)]
    first, *more = [part for part in parts if part]
    return "; ".join([f"{first}, {more[0]}" if more else first, *more[1:]])


def _untried(study: Records) -> str:
    """Name the families that had no turn, once another one had."""
    tried = {trial.family for trial in study.trials}
    untried = [family for family in study.families if family not in tried]
    return f"not tried: {', '.join(untried)}" if tried - {BASELINE} and untried else ""


def _folds_left_out(study: Records) -> str:
    """Say how many folds scored, where the deciding metric is undefined in some."""
    outcomes = [trial.outcome for trial in study.complete if trial.outcome]
    if not outcomes or len(outcomes[0].scored) == len(outcomes[0].fold_values):
        return ""
    return f"{len(outcomes[0].scored)} of {len(outcomes[0].fold_values)} folds scored"


def compact(board: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the columns of a leaderboard that fit a terminal."""
    if board.empty:
        return board
    extra = [
        name
        for name in board.columns
        if name not in ("trial", "family", "state", metric, "std", "seconds", "reason", "gain", "turn", "why")
        and not name.startswith(("params.", "train_"))
    ]
    columns = ["trial", "state", metric, "std", *extra, "seconds", "reason"]
    return board[[name for name in columns if name in board.columns]]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table to the terminal; words are never cut: the last columns are left out where they find no room."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    cells = [[column, *(_cell(row[i]) for row in rows)] for i, column in enumerate(columns)]
    if not console.is_terminal:
        console.width = max(160, _width([max(map(cell_len, column)) for column in cells]))
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in cells]
    shown = _that_fit(least, console.width)
    widths = _narrowed([max(map(cell_len, column)) for column in cells[:shown]], least, console.width)
    table = Table()
    for i in range(shown):
        table.add_column(Text(columns[i]), justify="left" if i == 0 else "right", width=widths[i])
    for row in zip(*(column[1:] for column in cells[:shown]), strict=True):
        table.add_row(*map(Text, row))
    console.print(Text(title, style="italic"))  # a title of rich's is broken where the table is narrow
    console.print(table)
    if shown < len(columns):
        console.print(Text(f"No room for {', '.join(columns[shown:])}: widen the terminal, or --format csv"))


def _width(columns: Sequence[int]) -> int:
    """Return the width of a table of columns so wide, with its lines."""
    return sum(columns) + 3 * len(columns) + 1


def _that_fit(least: Sequence[int], width: int) -> int:
    """Return how many of the first columns fit; the first one always is shown.

    >>> _that_fit([10, 10, 10], 30)
    2
    """
    return max((n for n in range(2, len(least) + 1) if _width(least[:n]) <= width), default=min(1, len(least)))


def _narrowed(widths: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns in a table so wide; those give way first that have the most to give.

    >>> _narrowed([10, 30], [10, 5], 30)
    [10, 13]
    """
    found = list(widths)
    while _width(found) > width:
        most = max(range(len(found)), key=lambda i: found[i] - least[i])
        if found[most] <= least[most]:
            break
        found[most] -= 1
    return found


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _trend(run: Sequence[Trial], sign: int) -> str:
    """Say whether the best trial was among the last fifth of them."""
    values = [sign * trial.value for trial in run if trial.value is not None]
    if len(values) < 5:
        return ""
    best_at = int(np.argmin(values))
    late = len(values) - 1 - best_at
    is_late = late <= max(1, len(values) // 5)
    return "the best trial is one of the last" if is_late else f"no better in the last {late} trials"
