"""What was found of a study's last ensemble, kept in one file: a report reads it and loads no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spaces.machine.disk import write_text
from spaces.machine.torn import read_record

_FINDINGS = "findings.json"
_HOLDS = {"warnings": list, "steps": list, "candidates": list, "metric": str}


def write_findings(folder: Path, found: dict[str, Any]) -> None:
    """Keep what was found in a study's folder."""
    write_text(folder / _FINDINGS, json.dumps(found))


def read_findings(folder: Path) -> dict[str, Any] | None:
    """Return what was found of a study's last ensemble, or None where none was made.

    Raises:
        Torn: The file is damaged.
    """
    path = folder / _FINDINGS
    if not path.exists():
        return None
    return read_record(path, _HOLDS, instead=f"tuner ensemble {folder} writes it anew, or delete it")
