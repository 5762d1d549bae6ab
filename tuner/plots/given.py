"""What plots are given: a study, or an ensemble of one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from spaces.machine.mistakes import briefly
from tuner.archive.records import Records
from tuner.ensembling.predictor import Predictor

_F = TypeVar("_F", bound=Callable[..., Any])


def shows(*kinds: type) -> Callable[[_F], _F]:
    """Return what makes a plot complain, without our lines, of anything else than these kinds of objects."""

    def decorated(function: _F) -> _F:
        called = briefly(function)

        @briefly
        @functools.wraps(function)
        def drawn(*args: Any, **kwargs: Any) -> Any:
            for one in (*args, *kwargs.values())[:1]:
                _check(function.__name__, one, kinds)
            return called(*args, **kwargs)

        return cast(_F, drawn)

    return decorated


def _check(plot: str, given: Any, kinds: tuple[type, ...]) -> None:
    if isinstance(given, kinds):
        return
    wanted = "a study" if Records in kinds else "a study or its ensemble"
    hint = "a study is what tuner.tune returns, tuner.load_study(folder) opens, or an estimator keeps as study_"
    if isinstance(given, str | Path):
        hint = f"tuner.load_study({str(given)!r}) opens one"
    elif isinstance(given, Predictor):
        hint = f"its study is one, plots.{plot}(it.study)"
    raise ValueError(f"{plot} shows {wanted}, got {type(given).__name__}: {hint}")
