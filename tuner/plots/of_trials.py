"""How a study went: its trials in time, their curves, and where the seconds went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from spaces.engines.curves import Curve, Curves, loss_of, mean_of
from spaces.language.complaints import unknown_name
from tuner.archive.records import Records
from tuner.archive.spending import spending
from tuner.plots.given import shows
from tuner.plots.style import MAIN, colours, figure, text
from tuner.search.ledger import Trial

_SYMBOLS = {"pruned": "line-ns-open", "failed": "x-thin-open"}
_BEYOND = 1.5
_POINTS = 300  # of a curve: boosting takes thousands of rounds
_TICKS = [digit * 10**zeros for zeros in range(7) for digit in (1, 2, 5)]


@shows(Records)
def history(study: Records) -> go.Figure:
    """Plot each trial's score by when it ended, and the best score so far.

    Trials of the same parameters are left out. Pruned and failed ones have no score: they stand below the others.
    Scores far worse than most stand at the border, with their number where the mouse is.
    """
    ended = [trial for trial in study.trials if trial.outcome and not trial.duplicate]
    began = min((trial.outcome.started for trial in ended if trial.outcome), default=0.0)
    scored = [trial for trial in ended if trial.value is not None]
    values = np.array([float(trial.value or 0.0) for trial in scored])
    sign, metric, shades = study.sign, study.metric, colours(study.families)
    border = _border(sign * values)
    traces = []
    for family in dict.fromkeys(trial.family for trial in scored):
        its = [trial for trial in scored if trial.family == family]
        shown = [sign * min(sign * float(trial.value or 0.0), border) for trial in its]
        traces.append(
            go.Scatter(
                x=[_seconds(trial, began) for trial in its],
                y=shown,
                mode="markers",
                name=text(family),
                marker={"color": shades[family], "size": 8},
                hovertext=[f"{text(trial.name)}<br>{text(metric)} {trial.value:.5g}" for trial in its],
                hoverinfo="text",
            )
        )
    if scored:
        best = sign * np.minimum.accumulate(sign * values)
        line = {"shape": "hv", "color": "#888", "width": 2}
        clipped = sign * np.minimum(sign * best, border)
        when = [_seconds(trial, began) for trial in scored]
        traces.append(go.Scatter(x=when, y=clipped, mode="lines", name="best so far", line=line))
    traces += _without_score(ended, began, sign * border)
    return figure(traces, x="seconds since the first trial began", y=text(metric))


def _border(losses: np.ndarray) -> float:
    """Return the loss beyond which a trial is far worse than most."""
    if not len(losses):
        return 0.0
    low, middle, high = np.quantile(losses, [0, 0.5, 0.75])
    return float(min(losses.max(), high + _BEYOND * max(high - low, middle - low)))


def _without_score(ended: Iterable[Trial], began: float, level: float) -> list[go.Scatter]:
    found = []
    for state, symbol in _SYMBOLS.items():
        its = [trial for trial in ended if trial.state == state]
        if its:
            found.append(
                go.Scatter(
                    x=[_seconds(trial, began) for trial in its],
                    y=[level] * len(its),
                    mode="markers",
                    name=state,
                    marker={"symbol": symbol, "size": 10, "color": "#999"},
                    hovertext=[f"{text(trial.name)}: {state}" for trial in its],
                    hoverinfo="text",
                )
            )
    return found


def _seconds(trial: Trial, began: float) -> float:
    assert trial.outcome is not None
    return round(trial.outcome.started + trial.outcome.seconds - began, 3)


@shows(Records)
def families(study: Records) -> go.Figure:
    """Plot the seconds that each family took, and how many trials they were."""
    table = spending(study)
    shades = colours(study.families)
    if table.empty:
        return figure([], x="seconds of training", y="")
    table = table.iloc[::-1]
    bars = go.Bar(
        x=table["seconds"],
        y=[text(name) for name in table["family"]],
        orientation="h",
        marker={"color": [shades[name] for name in table["family"]]},
        text=[f"{count} trial{'s' if count != 1 else ''}" for count in table["trials"]],
        textposition="auto",
        hovertemplate="%{y}: %{x:.3g} s<extra></extra>",
    )
    return figure([bars], x="seconds of training", y="", height=90 + 38 * len(table))


@shows(Records)
def learning_curves(study: Records, best: int = 5, metric: str | None = None) -> go.Figure:
    """Plot how the best trials that have curves learned, the mean over folds: inner rows in full, training dotted.

    Where a curve begins far from all others, the plot shows where the others are.

    Args:
        study: The study.
        best: How many trials.
        metric: One of the task's metrics; each trial's own loss when left out.

    Raises:
        ValueError: There are curves, but none of that metric; or no trial is to be shown.
    """
    if best < 1:
        raise ValueError(f"best must be at least 1, got {best}")
    each = [(trial, folds) for trial in study.complete if _chosen(folds := study.curves(trial), "train", metric)][:best]
    if metric is not None and not each:
        names = {curve.name for trial in study.complete for fold in study.curves(trial) for curve in fold}
        if names and metric not in names:
            raise ValueError(f"metric: {unknown_name(metric, sorted(names))}")
    shades = colours([trial.name for trial, _ in each])
    traces: list[go.Scatter] = []
    for trial, folds in each:
        for part, dash in (("validation", "solid"), ("train", "dot")):
            curve = _chosen(folds, part, metric)
            if curve is None:
                continue
            values = mean_of([fold[curve] for fold in folds if fold.get(curve)])
            known = _thinned([step for step, value in enumerate(values) if not math.isnan(value)])
            traces.append(
                go.Scatter(
                    x=[step + 1 for step in known],
                    y=[values[step] for step in known],
                    mode="lines" if len(known) > 1 else "markers",
                    name=text(trial.name),
                    legendgroup=trial.name,
                    showlegend=part == "validation" or _chosen(folds, "validation", metric) is None,
                    line={"dash": dash, "color": shades.get(trial.name, MAIN)},
                    hovertemplate=f"{text(trial.name)}, {part}: %{{y:.4g}}<extra></extra>",
                )
            )
    made = figure(traces, x="epoch or boosting round", y=text(metric or "loss"))
    made.update_xaxes(type="log", tickvals=_TICKS, ticktext=[f"{tick:,}" for tick in _TICKS])  # Plotly: 2 for 20
    if traces:
        made.update_yaxes(range=_where_most_are([np.array(trace.y, dtype=float) for trace in traces]))
    return made


def _thinned(steps: Sequence[int]) -> list[int]:
    """Return at most some hundred steps, about evenly on a logarithmic axis, the first and the last among them."""
    if len(steps) <= _POINTS:
        return list(steps)
    return [steps[i] for i in np.unique(np.geomspace(1, len(steps), _POINTS).round().astype(int) - 1)]


def _where_most_are(curves: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return least and most of an axis: where most points lie, and all ends."""
    points, ends = np.concatenate(curves), [curve[-1] for curve in curves]
    low, high = np.quantile(points, [0.25, 0.75])
    beyond = _BEYOND * (high - low)
    least = min(*ends, max(points.min(), low - beyond))
    most = max(*ends, min(points.max(), high + beyond))
    room = 0.05 * (most - least) or 1.0
    return float(least - room), float(most + room)


def _chosen(folds: Sequence[Curves], part: str, metric: str | None) -> Curve | None:
    """Return the curve of a metric, or of the loss, on some rows."""
    if metric is None:
        targets = dict.fromkeys(curve.target for fold in folds for curve in fold)
        return next(filter(None, (loss_of(folds, part, target) for target in targets)), None)
    known = (curve for fold in folds for curve in fold if fold[curve])
    return next((curve for curve in known if (curve.name, curve.part, curve.target) == (metric, part, "")), None)
