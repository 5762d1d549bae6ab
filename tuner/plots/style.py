"""How all plots look: colours that are told apart on light and on dark, and names that are never read as markup."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

_COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#b07aa1",
    "#76b7b2",
    "#d4a72c",
    "#ff9da7",
    "#9c755f",
    "#8c8c8c",
)
MAIN = _COLOURS[0]
_GRID = "rgba(128,128,128,0.25)"
_LONGEST = 40


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, the same for the same list."""
    return {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}


def text(name: object) -> str:
    """Return a name as Plotly shows it letter for letter.

    >>> text("a<b>")
    'a&lt;b&gt;'
    """
    said = str(name)
    return html.escape(said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…", quote=False)


def figure(traces: Sequence[go.Trace], *, x: str, y: str, height: int = 380) -> go.Figure:
    """Return a figure of our looks.

    Args:
        traces: What it shows.
        x: The title of the horizontal axis.
        y: The title of the vertical axis.
        height: Pixels.
    """
    made = go.Figure(list(traces))
    made.update_layout(
        template="none",
        height=height,
        margin={"l": 70, "r": 20, "t": 20, "b": 55},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#777"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"font": {"size": 13}},
        colorway=list(_COLOURS),
    )
    axis = {"gridcolor": _GRID, "zerolinecolor": _GRID, "linecolor": _GRID, "automargin": True}
    made.update_xaxes(title=x, **axis)
    made.update_yaxes(title=y, **axis)
    return made
