"""Which names an ensemble's method may have."""

from __future__ import annotations

from ensembles.combiners.combiner import Candidate
from ensembles.methods import METHODS, STACKS
from spaces.language.complaints import unknown_name

KNOWN: dict[str, Candidate] = {**METHODS, **STACKS}


def check_method_name(method: str) -> None:
    """Refuse a name that is no ensemble method's, before anything is read.

    Raises:
        ValueError: There is none; the message says the nearest.
    """
    names = ["auto", "joint", *KNOWN]
    if method not in names:
        raise ValueError(f"ensemble method: {unknown_name(method, names)}")
