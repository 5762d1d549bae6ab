"""A user's mistake says how to mend it; in a notebook it is shown as its message and his own lines, without ours."""

from __future__ import annotations

import functools
import inspect
import itertools
import linecache
import sys
import sysconfig
from collections.abc import Callable
from pathlib import PurePath
from types import FrameType, FunctionType, TracebackType
from typing import Any, ParamSpec, TypeVar

from spaces.machine.habits import no_argument

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_OURS = ("spaces", "ensembles", "tuner")
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))


def briefly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return the function, whose complaints about arguments IPython shows without our lines.

    An argument that does not exist is named with the nearest that does, or with what stands here for another tool's
    word.

    What we raise in so many words is a complaint, and so is what scikit-learn's checks say of what an estimator was
    given. What a user's own function raises, which we called, keeps his lines and those below. What a library raises
    of what we did keeps every line. Python's own tracebacks, and a debugger's, stay as they are.
    """

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            at = error.__traceback__
            if isinstance(error, TypeError) and at is not None and at.tb_next is None:  # of the call itself
                name = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
                error.args = (no_argument(str(error), name, inspect.signature(function).parameters) or str(error),)
            if "IPython" in sys.modules and _is_complaint(error):
                error._render_traceback_ = functools.partial(_brief, error)  # type: ignore[attr-defined]
            raise

    return called


def all_briefly(owner: type[_T]) -> type[_T]:
    """Make each public method of a class complain briefly, and what it says of attributes that it lacks."""
    for name, value in list(vars(owner).items()):
        if isinstance(value, FunctionType) and (name == "__getattr__" or not name.startswith("_")):
            setattr(owner, name, briefly(value))
    return owner


def users_line(error: BaseException) -> str:
    """Say which line of a user's own raised an error, or called what did, as ` (models.py, line 7: 1 / 0)`."""
    for at in reversed(_frames(error.__traceback__)):
        if _of_users(at.tb_frame):
            file = at.tb_frame.f_code.co_filename
            line = linecache.getline(file, at.tb_lineno).strip()
            place = f"{PurePath(file).name}, line {at.tb_lineno}"
            return f" ({place}: {line})" if line else f" (line {at.tb_lineno} of {at.tb_frame.f_code.co_name})"
    return ""


def _is_complaint(error: BaseException) -> bool:
    """Return whether our own lines tell nothing: we say what is wrong, or what a user handed over raised it."""
    cause = error.__cause__
    return (_is_ours(error) and (cause is None or _is_ours(cause))) or _is_users(_frames(error.__traceback__))


def _is_ours(error: BaseException) -> bool:
    """Return whether we raised it in so many words, or were called with arguments that do not exist."""
    frames = _frames(error.__traceback__)
    if not frames:
        return False
    last = frames[-1].tb_frame
    if _of_checks(frames):
        return True
    if not _of_ours(last):
        return False
    line = linecache.getline(last.f_code.co_filename, frames[-1].tb_lineno).strip()
    return line.startswith("raise ") or last.f_globals["__name__"] == __name__


def _of_checks(frames: list[TracebackType]) -> bool:
    """Return whether scikit-learn's checks of what an estimator of ours was given complain."""
    ours = [i for i, at in enumerate(frames) if _of_ours(at.tb_frame)]
    names = [_module(at.tb_frame) for at in frames[ours[-1] :]] if ours else [""]
    return (
        len(names) > 1
        and names[0].startswith("tuner.estimators")
        and all(name.startswith("sklearn.utils") for name in names[1:])
    )


def _is_users(frames: list[TracebackType]) -> bool:
    """Return whether we called a user's function, and it or what it called raised the error."""
    ours = [i for i, at in enumerate(frames) if _of_ours(at.tb_frame)]
    return bool(ours) and any(_of_users(at.tb_frame) for at in frames[ours[-1] :])


def _brief(error: BaseException) -> Any:
    error.__cause__, error.__suppress_context__ = None, True
    shell = sys.modules["IPython"].get_ipython()
    shown = _joined(_theirs(_frames(error.__traceback__)))
    return shell.InteractiveTB.structured_traceback(type(error), error, shown, tb_offset=1)


def _theirs(frames: list[TracebackType]) -> list[TracebackType]:
    """Return a traceback's lines up to where we were called, and those from where we called a user's function."""
    before = list(itertools.takewhile(lambda at: not _of_ours(at.tb_frame), frames))
    inner = itertools.dropwhile(lambda at: not _of_users(at.tb_frame), frames[len(before) :])
    return before + [at for at in inner if not _of_ours(at.tb_frame)]


def _frames(at: TracebackType | None) -> list[TracebackType]:
    frames = []
    while at is not None:
        frames.append(at)
        at = at.tb_next
    return frames


def _joined(frames: list[TracebackType]) -> TracebackType | None:
    joined = None
    for at in reversed(frames):
        joined = TracebackType(joined, at.tb_frame, at.tb_lasti, at.tb_lineno)
    return joined


def _of_ours(frame: FrameType) -> bool:
    return _module(frame).partition(".")[0] in _OURS


def _of_users(frame: FrameType) -> bool:
    """Return whether a line is neither ours nor a library's."""
    file = frame.f_code.co_filename
    return not (_of_ours(frame) or file.startswith(("<frozen", *_LIBRARIES)))


def _module(frame: FrameType) -> str:
    spec = frame.f_globals.get("__spec__")  # of `python -m module` the name is "__main__"
    return str(spec.name if spec else frame.f_globals.get("__name__"))
