"""What an ensemble is made of, and where it errs; all numbers are of held-out rows."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from spaces.language.complaints import unknown_name
from tuner.archive.findings import read_findings
from tuner.archive.study_folder import Archive, StudyError
from tuner.ensembling.findings import findings
from tuner.ensembling.study_ensemble import StudyEnsemble
from tuner.plots.given import shows
from tuner.plots.style import MAIN, colours, figure, text

_SHOWN = 20


@shows(Archive, StudyEnsemble)
def weights(of: Archive | StudyEnsemble) -> go.Figure:
    """Plot how much each member counts."""
    study, found = _found(of)
    members, shades = found["members"][:_SHOWN][::-1], colours([*study.families, "joint"])
    bars = go.Bar(
        x=[member["weight"] for member in members],
        y=[text(member["trial"]) for member in members],
        orientation="h",
        marker={"color": [shades.get(member["family"], MAIN) for member in members]},
        texttemplate="%{x:.2f}",
        textposition="auto",
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )
    return figure([bars], x="weight", y="", height=90 + 34 * max(len(members), 1))


@shows(Archive, StudyEnsemble)
def error_correlations(of: Archive | StudyEnsemble) -> go.Figure:
    """Plot how alike the errors of the candidates are: models that err alike add little to each other."""
    _, found = _found(of)
    names = [text(name) for name in found["candidates"]][:_SHOWN]
    matrix = [row[:_SHOWN] for row in found["correlations"][:_SHOWN]]
    few = len(names) <= 10
    heat = go.Heatmap(
        z=matrix,
        x=names,
        y=names,
        zmin=min(0.0, *(min(row) for row in matrix)),
        zmax=1.0,
        colorscale="Blues",
        texttemplate="%{z:.2f}" if few else None,
        hovertemplate="%{x}, %{y}: %{z:.3f}<extra></extra>",
    )
    made = figure([heat], x="", y="", height=170 + 30 * len(names))
    made.update_yaxes(autorange="reversed", showgrid=False)
    made.update_xaxes(showgrid=False, tickangle=-35)
    return made


@shows(Archive, StudyEnsemble)
def reliability(of: Archive | StudyEnsemble, target: str | None = None) -> go.Figure:
    """Plot how often predictions come true, against how probable they were said to be.

    Of two classes the probability of the second is shown, of more that of the most probable one.

    Args:
        of: The study or the ensemble.
        target: Which of several targets; the first one of classes when left out.

    Raises:
        ValueError: There is no such target, or it is a number.
    """
    its = _target(of, target, "reliability")
    points = its["reliability"]
    line = {"dash": "dot", "color": "#888"}
    ideal = go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfectly calibrated", line=line, hoverinfo="skip")
    seen = go.Scatter(
        x=[point["said"] for point in points],
        y=[point["seen"] for point in points],
        mode="lines+markers",
        name="ensemble",
        line={"color": MAIN},
        customdata=[point["rows"] for point in points],
        hovertemplate="said %{x:.2f}, came true %{y:.2f} of %{customdata} rows<extra></extra>",
    )
    said = f"probability of {text(its['classes'][1])}" if len(its["classes"]) == 2 else "probability of the likeliest"
    made = figure([ideal, seen], x=said, y="share that came true")
    made.update_xaxes(range=[0, 1.01])
    made.update_yaxes(range=[0, 1.03])
    return made


@shows(Archive, StudyEnsemble)
def predictions(of: Archive | StudyEnsemble, target: str | None = None) -> go.Figure:
    """Plot what is predicted against what is true: a point a row of numbers, a confusion matrix of classes.

    Args:
        of: The study or the ensemble.
        target: Which of several targets; the first one when left out.

    Raises:
        ValueError: There is no such target.
    """
    its = _target(of, target, "name")
    if "classes" in its:
        return _confusion(its)
    both = [*its["true"], *its["predicted"]]
    line = {"dash": "dot", "color": "#888"}
    ideal = go.Scatter(
        x=[min(both), max(both)], y=[min(both), max(both)], mode="lines", name="perfect", line=line, hoverinfo="skip"
    )
    marker = {"color": MAIN, "size": 6, "opacity": 0.5}
    rows = go.Scatter(x=its["predicted"], y=its["true"], mode="markers", name="a held-out row", marker=marker)
    return figure([ideal, rows], x=f"predicted {text(its['name'])}", y="true value", height=440)


@shows(Archive, StudyEnsemble)
def importances(of: Archive | StudyEnsemble) -> go.Figure:
    """Plot how much worse the score gets when a column of held-out rows is shuffled.

    Raises:
        ValueError: It was not measured when the ensemble was made.
    """
    study, found = _found(of)
    if not (found.get("importances") or {}).get("columns"):
        raise ValueError(
            f"columns were not measured: make the ensemble once more with time for it, "
            f"tuner ensemble {study.folder} --column-time 10s, or study.ensemble(column_time='10s')"
        )
    columns = found["importances"]["columns"][:_SHOWN][::-1]
    spread = [[each - one["worse"] for each in one["folds"]] for one in columns]
    bars = go.Bar(
        x=[one["worse"] for one in columns],
        y=[text(one["column"]) for one in columns],
        orientation="h",
        marker={"color": MAIN},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [max(each) for each in spread],
            "arrayminus": [-min(each) for each in spread],
            "color": "#999",
            "thickness": 1,
        },
        hovertemplate="%{y}: %{x:.4g}<extra></extra>",
    )
    worse = f"{text(found['metric'])} gets worse by"  # of a phone's width
    return figure([bars], x=worse, y="", height=110 + 26 * max(len(columns), 2))


def _confusion(its: dict[str, Any]) -> go.Figure:
    names, counts = [text(name) for name in its["classes"]], its["confusion"]
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    heat = go.Heatmap(
        z=shares,
        x=names,
        y=names,
        zmin=0,
        zmax=1,
        colorscale="Blues",
        customdata=counts,
        text=counts,
        texttemplate="%{text}" if len(names) <= 20 else None,  # of customdata Plotly shows a dash
        hovertemplate="true %{y}, predicted %{x}: %{customdata} rows, %{z:.0%}<extra></extra>",
        colorbar={"title": {"text": "share of the<br>true class"}, "tickformat": ".0%"},
    )
    made = figure([heat], x="predicted", y="true", height=220 + 30 * min(len(names), 20))
    made.update_xaxes(type="category", showgrid=False)
    made.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return made


def _found(of: Archive | StudyEnsemble) -> tuple[Archive, dict[str, Any]]:
    """Return the study, and what was found of the ensemble or of the study's last one."""
    study = of.study if isinstance(of, StudyEnsemble) else of
    stored = read_findings(study.folder)
    if isinstance(of, StudyEnsemble):
        found = findings(of)
        same = stored is not None and stored["members"] == found["members"]
        return study, found | {"importances": stored["importances"] if same and stored else None}
    if stored is None:
        raise StudyError(f"no ensemble was made of {study.folder} yet: study.ensemble(), or tuner ensemble FOLDER")
    return study, stored


def _target(of: Archive | StudyEnsemble, name: str | None, needs: str) -> dict[str, Any]:
    _, found = _found(of)
    targets = {one["name"]: one for one in found["targets"] if needs in one}
    if not targets:
        raise ValueError("reliability is of classes; the target is a number: see plots.predictions")
    if name is not None and name not in targets:
        raise ValueError(f"target: {unknown_name(name, list(targets))}")
    its: dict[str, Any] = targets[name or next(iter(targets))]
    return its
