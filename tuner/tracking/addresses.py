"""Addresses of MLflow's pages, and the view in which a study's leaderboard opens.

MLflow 3.17 opens on a page for chats. A link can name another workflow, and a view that an experiment's tag holds: how
it is sorted, and which columns it shows. MLflow does not document this; a browser test holds it.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

NOTE = "mlflow.note.content"  # the tag of a description
_KEY = "tuner"
_NAME, _CREATED, _DURATION = "attributes.`Run Name`", "runDateAndNestInfo", "duration"
_WIDE, _AGO, _NARROW, _LETTER, _MARGIN = 280, 130, 90, 7, 30  # pixels


def view_tags(
    metric: str,
    *,
    greater_is_better: bool,
    metrics: Sequence[str],
    params: Sequence[str],
    curves: Sequence[Sequence[str]] = (),
) -> dict[str, str]:
    """Return the experiment's tags that make the leaderboard, and its view of charts.

    Args:
        metric: The deciding metric, by which runs are sorted, best first.
        greater_is_better: How.
        metrics: Further columns of metrics, in this order.
        params: Columns of parameters, in this order.
        curves: Metrics that share a chart, a group each.
    """
    columns = [_column("metrics", name) for name in (metric, *metrics)] + [_column("params", name) for name in params]
    state = {
        "orderByKey": columns[0],
        "orderByAsc": not greater_is_better,
        "selectedColumns": columns,
        "columnOrder": [_NAME, _CREATED, *columns, _DURATION],  # else by the alphabet, and widths are not looked at
        "columnWidths": _widths(columns),
        "runsHiddenMode": "FIRST_10_RUNS",
        "groupBy": None,
        **_charts(curves),
    }
    now = int(time.time() * 1000)
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    view = {"name": "Leaderboard", "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    return {
        "mlflow.experiment.primaryMetric.name": metric,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(greater_is_better),
        f"mlflow.sharedViewState.{_KEY}": json.dumps(view),
    }


def _widths(columns: Sequence[str]) -> dict[str, int]:
    """Return how wide columns are in pixels, so that their names can be read where they are not too long."""
    letters = {column: len(column.partition("`")[2]) for column in columns}
    shown = {column: min(_WIDE, max(_NARROW, _LETTER * count + _MARGIN)) for column, count in letters.items()}
    return {_NAME: _WIDE, _CREATED: _AGO, _DURATION: _NARROW, **shown}


def _charts(curves: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return a section of charts; those that MLflow would make for each of these metrics are marked as deleted."""
    section = {"display": True, "isReordered": False, "deleted": False, "isGenerated": True}
    sections = [{"uuid": name, "name": name, **section} for name in ("Curves", "Model metrics", "System metrics")]
    line = {"type": "LINE", "runsCountToCompare": 10, "metricSectionId": "Curves", "isGenerated": False}
    charts = []
    for first, *others in curves:
        shown = {"selectedMetricKeys": [first, *others], "displayName": first.rpartition("/")[0], "deleted": False}
        charts.append({**line, "uuid": first, "metricKey": first, "xAxisKey": "step", **shown})
        charts += [{**line, "uuid": other, "metricKey": other, "deleted": True} for other in others]
    return {"compareRunCharts": charts, "compareRunSections": sections} if charts else {}


def leaderboard_page(server: str, experiment: str) -> str:
    """Return the address of a study's leaderboard.

    Args:
        server: The server's address.
        experiment: The experiment's id.
    """
    return f"{server}/#/experiments/{experiment}/runs?viewStateShareKey={_KEY}&workflowType=machine_learning"


def run_page(experiment: str, run: str) -> str:
    """Return the address of a run's page, within MLflow's own pages."""
    return f"#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"


def model_page(name: str, version: str) -> str:
    """Return the address of a registered model's version, within MLflow's own pages."""
    return f"#/models/{quote(name, safe='')}/versions/{version}?workflowType=machine_learning"


def experiment_note(note: str, experiment: str, run: str, *, model: tuple[str, str] | None) -> str:
    """Return what stands above the leaderboard: links to the study's run, curves and model, and how the study stands.

    Args:
        note: The description of the study's run; its first line is shown, as MLflow folds what needs more.
        experiment: The experiment's id.
        run: The id of the study's run.
        model: Name and version of the model that was published, if one was.
    """
    curves = f"{leaderboard_page('', experiment).removeprefix('/')}&compareRunsMode=CHART"
    links = [f"[Study's run]({run_page(experiment, run)})", f"[curves]({curves})"]
    if model is not None:
        links.append(f"[model {model[0]} v{model[1]}]({model_page(*model)})")
    return " · ".join([*links, note.partition("\n")[0]])


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"
