"""Complaints about names that do not exist."""

from __future__ import annotations

import difflib


def unknown_name(name: str, known: list[str]) -> str:
    """Word the complaint about a name that does not exist, with the nearest that does."""
    near = [one for one in known if one.casefold() == name.casefold()]
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return f"unknown name {name!r}{hint} (right names: {', '.join(known)})"
