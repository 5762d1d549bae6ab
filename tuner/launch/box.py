"""In a notebook: one box below the cell that runs a study, brought up to date in its place."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from spaces.html import text

_LINES = 8  # of trials that ended


def in_kernel() -> bool:
    """Return whether this process is the kernel of a notebook; IPython in a terminal is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Box:
    """A box below a cell: how the study stands, and its last trials.

    Args:
        total: The number of trials of the budget, or None when only time limits it.
    """

    def __init__(self, total: int | None) -> None:
        from IPython.display import HTML, display

        self._html, self._total = HTML, total
        self._ended: deque[str] = deque(maxlen=_LINES)
        self._said: tuple[str, Sequence[str], int] = "", (), 0
        self._shown = self._now()
        self._handle: Any = display(HTML(self._shown), display_id=True)

    def stands(self, when: str, lines: Sequence[str], done: int) -> None:
        """Show how long it will take, what runs and how the study stands, and how many trials are done."""
        self._said = when, lines, done
        self._update()

    def ends(self, done: int) -> None:
        """Show that nothing runs any more."""
        self.stands("ended", self._said[1][1:], done)

    def told(self, line: str) -> None:
        """Keep the line of a trial that ended; it is shown with the next message."""
        self._ended.append(line)

    def _update(self) -> None:
        if (now := self._now()) != self._shown:
            self._shown = now
            self._handle.update(self._html(now))

    def _now(self) -> str:
        when, lines, done = self._said
        bar = f'<progress max="{self._total}" value="{done}"></progress> {done}/{self._total}' if self._total else done
        head = f"<div><strong>{text(when)}</strong> {bar}</div>"
        ended = f"<pre>{text(chr(10).join(self._ended))}</pre>" if self._ended else ""
        return head + "".join(f'<div style="white-space:pre-wrap">{text(line)}</div>' for line in lines if line) + ended
