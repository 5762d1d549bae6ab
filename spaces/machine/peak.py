"""How much memory this process holds at most."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

_PROCESS = Path("/proc/self")


def begin_peak() -> None:
    """Forget the peak so far. Only Linux can; elsewhere the peak is that of the process's whole life."""
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")


def peak_bytes() -> int:
    """Return the most bytes that were resident since `begin_peak`."""
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s+(\d+) kB", (_PROCESS / "status").read_text(), re.MULTILINE):
            return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
