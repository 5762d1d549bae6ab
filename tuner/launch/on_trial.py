"""Functions of the user's that are called after each trial, in the process that drives the study."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any

from tuner.search.ledger import Trial

OnTrial = Callable[[Any, Trial], Any]


def checked(on_trial: OnTrial | Sequence[OnTrial] | None) -> tuple[OnTrial, ...]:
    """Return the functions, one or several.

    Raises:
        ValueError: One of them cannot be called with a study and a trial.
    """
    given = () if on_trial is None else tuple(on_trial) if isinstance(on_trial, Sequence) else (on_trial,)
    for one in given:
        wanted = "on_trial must be a function of the study and the trial, def on_trial(study, trial), or a list of them"
        if not callable(one):
            raise ValueError(f"{wanted}; got {one!r}")
        try:
            inspect.signature(one).bind(None, None)
        except TypeError as error:
            raise ValueError(f"{wanted}; {_name(one)} {error}") from None
    return given


def call(functions: Sequence[OnTrial], study: Any, trial: Trial) -> None:
    """Call each function; one that raises is told in the log, with its traceback, and nothing else changes."""
    for one in functions:
        try:
            one(study, trial)
        except Exception:  # the trial is in the ledger already, and the study goes on
            logging.getLogger("tuner").exception(
                "on_trial: %s raised after %s; the study goes on", _name(one), trial.name
            )


def _name(function: OnTrial) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
