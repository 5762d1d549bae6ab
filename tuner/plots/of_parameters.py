"""Which parameters matter, and which values the good trials have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from spaces.families.catalog import BASELINE
from spaces.language.complaints import unknown_name
from tuner.archive.records import Records
from tuner.plots.given import shows
from tuner.plots.style import MAIN, figure, text
from tuner.search.ledger import Trial

_FEWEST, _SHOWN, _AXES, _TREES = 4, 12, 8, 100
_ENOUGH = 8  # trials, for leaves of two


@shows(Records)
def parameter_importances(study: Records, family: str | None = None) -> go.Figure:
    """Plot how much of the scores' variance a forest explains by each parameter; all together are one.

    Failed and pruned trials are left out. A parameter that a trial does not have is a value of its own.

    Args:
        study: The study.
        family: One of its families; that of the best trial when left out.

    Raises:
        ValueError: There is no such family, or too few of its trials succeeded.
    """
    trials = _at_least(_FEWEST, _trials(study, family), "parameter_importances")
    shares = _shares(trials)[:_SHOWN][::-1]
    bars = go.Bar(
        x=[share for _, share in shares],
        y=[text(name) for name, _ in shares],
        orientation="h",
        marker={"color": MAIN},
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )
    made = figure([bars], x="share of the variance that a forest explains", y="", height=110 + 26 * max(len(shares), 2))
    made.update_xaxes(tickformat=".0%")
    return made


@shows(Records)
def parallel_coordinates(study: Records, family: str | None = None) -> go.Figure:
    """Plot the parameters and the score of a family's trials, a line a trial; failed and pruned ones are left out.

    Args:
        study: The study.
        family: One of its families; that of the best trial when left out.

    Raises:
        ValueError: There is no such family, or too few of its trials succeeded.
    """
    trials = _at_least(2, _trials(study, family), "parallel_coordinates")
    metric, sign = study.metric, study.sign
    values = np.array([float(trial.value or 0.0) for trial in trials])
    names = [name for name, _ in _shares(trials)] or _varied(trials)
    axes = [_axis(name, [trial.params.get(name) for trial in trials]) for name in names[:_AXES]]
    axes.append({"label": text(metric), "values": values})
    worst = float(np.quantile(sign * values, 0.9)) if len(values) else 0.0
    shade = np.minimum(sign * values, worst)
    line = {"color": shade, "colorscale": "Viridis", "reversescale": True}
    made = figure([go.Parcoords(dimensions=axes, line=line, labelangle=-15)], x="", y="", height=420)
    made.update_layout(margin={"l": 70, "r": 60, "t": 90, "b": 30})
    return made


def _trials(study: Records, family: str | None) -> list[Trial]:
    models = [name for name in study.families if name != BASELINE]
    if family is not None and family not in models:
        raise ValueError(f"family: {unknown_name(family, models)}")
    best = next((trial.family for trial in study.complete if len(trial.params) > 1), None)
    return [trial for trial in study.complete if trial.family == (family or best)]


def _at_least(count: int, trials: list[Trial], plot: str) -> list[Trial]:
    if len(trials) < count:
        there = f"{trials[0].family} has {len(trials)}" if trials else "there is none"
        raise ValueError(f"{plot} needs {count} complete trials of a family with parameters, and {there}")
    return trials


def _varied(trials: list[Trial]) -> list[str]:
    """Return the parameters that are not the same everywhere."""
    known = dict.fromkeys(name for trial in trials for name in trial.params)
    return [name for name in known if len({repr(trial.params.get(name)) for trial in trials}) > 1]


def _shares(trials: list[Trial]) -> list[tuple[str, float]]:
    """Return each parameter's share of what a forest explains, the largest first; nothing of fewer than four trials."""
    names = _varied(trials)
    if len(trials) < _FEWEST or not names:
        return []
    from sklearn.ensemble import RandomForestRegressor

    table = np.column_stack([_ordered([trial.params.get(name) for trial in trials])[0] for name in names])
    ranks = pd.Series([trial.value for trial in trials]).rank().to_numpy()  # one outlier is not all there is to explain
    least = 2 if len(trials) >= _ENOUGH else 1  # of four trials, few samples could be split otherwise
    forest = RandomForestRegressor(_TREES, min_samples_leaf=least, max_features=1 / 3, random_state=0)
    found = forest.fit(table, ranks).feature_importances_
    return sorted(zip(names, found.tolist(), strict=True), key=lambda one: -one[1])


def _ordered(values: list[Any]) -> tuple[np.ndarray, list[str]]:
    """Return values as numbers, and the names of those that are none: their numbers are places in this list."""
    given = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        least = min(given, default=0)
        below = least - 1 if least <= 0 else least / 2
        return np.array([below if value is None else value for value in values], dtype=float), []
    names = sorted({str(value) for value in values})
    return np.array([names.index(str(value)) for value in values], dtype=float), names


def _axis(name: str, values: list[Any]) -> dict[str, Any]:
    numbers, names = _ordered(values)
    label = text(name.rpartition(".")[2] if len(name) > 18 else name)
    if names:
        return {
            "label": label,
            "values": numbers,
            "tickvals": list(range(len(names))),
            "ticktext": list(map(text, names)),
        }
    if numbers.min() > 0 and numbers.max() / numbers.min() > 30:
        low, high = int(np.floor(np.log10(numbers.min()))), int(np.ceil(np.log10(numbers.max())))
        ticks = list(range(low, high + 1))
        return {
            "label": label,
            "values": np.log10(numbers),
            "tickvals": ticks,
            "ticktext": [f"{10.0**tick:g}" for tick in ticks],
        }
    return {"label": label, "values": numbers}
