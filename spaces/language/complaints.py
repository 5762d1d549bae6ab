"""Complaints about names that do not exist."""

from __future__ import annotations

import difflib

_MOST = 40  # names that are worth reading


def unknown_name(name: str, known: list[str]) -> str:
    """Word the complaint about a name that does not exist, with the nearest that does."""
    near = [one for one in known if one.casefold() == name.casefold()]
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    near = near or [one for one in known if name and one.endswith(f".{name}")]
    hint = f", did you mean {near[0]!r}?" if near else ""
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return f"unknown name {name!r}{hint} (right names: {', '.join(known[:_MOST])}{more})"
