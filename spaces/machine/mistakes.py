"""A user's mistake says how to mend it; in a notebook it is shown as its message and his own lines, without ours."""

from __future__ import annotations

import functools
import inspect
import linecache
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, ParamSpec, TypeVar

from spaces.machine.habits import no_argument

_P = ParamSpec("_P")
_R = TypeVar("_R")
_OURS = ("spaces", "ensembles", "tuner")


def briefly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function, whose complaints about arguments IPython shows without our lines.

    An argument that does not exist is named with the nearest that does, or with what stands here for another tool's
    word.

    What we raise in so many words is a complaint; what a library or a user's own code raises keeps every line. Python's
    own tracebacks, and a debugger's, stay as they are.
    """

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except (TypeError, ValueError) as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:  # of the call itself
                name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
                error.args = (no_argument(str(error), name, inspect.signature(function).parameters) or str(error),)
            if "IPython" in sys.modules and _is_ours(error) and (error.__cause__ is None or _is_ours(error.__cause__)):
                error._render_traceback_ = functools.partial(_brief, error)  # type: ignore[union-attr]
            raise

    return called


def _is_ours(error: BaseException) -> bool:
    """Return whether we raised it in so many words, or were called with arguments that do not exist."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or not _of_ours(at.tb_frame):
        return False
    line = linecache.getline(at.tb_frame.f_code.co_filename, at.tb_lineno).strip()
    return line.startswith("raise ") or at.tb_frame.f_globals["__name__"] == __name__


def _brief(error: BaseException) -> Any:
    error.__cause__, error.__suppress_context__ = None, True
    shell = sys.modules["IPython"].get_ipython()
    return shell.InteractiveTB.structured_traceback(type(error), error, _theirs(error.__traceback__), tb_offset=1)


def _theirs(at: TracebackType | None) -> TracebackType | None:
    """Return a traceback that ends where we were called."""
    if at is None or _of_ours(at.tb_frame):
        return None
    return TracebackType(_theirs(at.tb_next), at.tb_frame, at.tb_lasti, at.tb_lineno)


def _of_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _OURS
