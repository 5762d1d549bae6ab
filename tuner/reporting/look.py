"""The page's frame: its style, light and dark, and the script that brings plots to the same colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spaces.html import text

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6675; --line: #dde1e8; --paper: #ffffff; --card: #f6f7f9;
  --main: #3b6ea5; --good: #2f7d4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --soft: #9aa3b2; --line: #343b47; --paper: #15181d;
  --card: #1e2229; --main: #7fb0e6; --good: #6cc491; } }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink);
  background: var(--paper); }
.page { display: grid; grid-template-columns: 190px minmax(0, 860px); gap: 48px; max-width: 1160px; margin: 0 auto;
  padding: 36px 28px 80px; justify-content: center; }
nav { position: sticky; top: 36px; align-self: start; font-size: 14px; }
nav a { display: block; padding: 4px 0 4px 12px; border-left: 2px solid var(--line); color: var(--soft);
  text-decoration: none; }
nav a:hover { color: var(--main); border-color: var(--main); }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 52px 0 8px; padding-top: 18px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 28px 0 4px; }
p { margin: 8px 0; max-width: 68ch; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0; }
.tile { background: var(--card); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 23px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; } .tile.main b { color: var(--good); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 10px 0; }
th { text-align: right; font-weight: 600; color: var(--soft); } td { text-align: right; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
code, pre { font: 13.5px ui-monospace, SFMono-Regular, Menlo, monospace; background: var(--card); border-radius: 6px; }
code { padding: 1px 5px; } pre { padding: 12px 14px; overflow-x: auto; }
li { margin: 5px 0; max-width: 68ch; } ol, ul { padding-left: 22px; }
@media (max-width: 860px) { .page { display: block; padding: 20px 16px 60px; } nav { position: static; columns: 2;
  margin-bottom: 26px; } }
@media print { nav { display: none; } .page { display: block; } }
"""

_SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)");
function recolour() {
  const ink = getComputedStyle(document.body).getPropertyValue("--ink").trim();
  for (const plot of document.querySelectorAll(".js-plotly-plot")) Plotly.relayout(plot, {"font.color": ink});
}
addEventListener("load", recolour);
dark.addEventListener("change", recolour);
"""


def page(title: str, header: str, sections: Sequence[tuple[str, str]]) -> str:
    """Return a page that stands alone.

    Args:
        title: Its title, as plain text.
        header: HTML above the first section.
        sections: Of each its heading and its HTML; those without any are left out.
    """
    from plotly.offline import get_plotlyjs

    there = [(f"part-{i}", heading, body) for i, (heading, body) in enumerate(sections) if body]
    links = "".join(f'<a href="#{key}">{text(heading)}</a>' for key, heading, _ in there)
    parts = "".join(f'<section><h2 id="{key}">{text(heading)}</h2>{body}</section>' for key, heading, body in there)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body><div class=page><nav>{links}</nav>"
        f"<main><h1>{text(title)}</h1>{header}{parts}</main></div><script>{_SCRIPT}</script></body></html>"
    )


def plot(figure: Any) -> str:
    """Return a plot, which needs the page's script."""
    found: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True, "displayModeBar": False},
    )
    return found


def paragraph(said: str, *, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{kind}">{text(said)}</p>' if kind else f"<p>{text(said)}</p>"
