"""We are guests in the user's process, and the user's builder is a guest in ours: both leave things as they were."""

from __future__ import annotations

import copy
import os
import random
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from spaces.engines.engine import Engine, restored


@contextmanager
def restored_state(engines: Iterable[Engine]) -> Iterator[None]:
    """Restore the state of the process after a trial, however the trial ends.

    Kept are the working directory, the environment, warning filters, the recursion limit, the seeds of Python and
    NumPy, NumPy's reactions to floating point errors, scikit-learn's configuration, what engines keep for the whole
    process, and MLflow's active runs and autologging, which is off in the meantime.

    Args:
        engines: The trial's. They are imported first, so that what an import sets stays.
    """
    with restored(engines), warnings.catch_warnings(), _restored_process(), _restored_sklearn(), restored_mlflow():
        yield


@contextmanager
def _restored_process() -> Iterator[None]:
    folder, environment = _working_directory(), dict(os.environ)
    limit, errors = sys.getrecursionlimit(), np.geterr()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the one that users may have seeded
    try:
        yield
    finally:
        if folder is not None and _working_directory() != folder:
            os.chdir(folder)
        if environment != dict(os.environ):
            os.environ.clear()
            os.environ.update(environment)
        sys.setrecursionlimit(limit)
        np.seterr(**errors)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _restored_sklearn() -> AbstractContextManager[None]:
    """Restore scikit-learn's configuration, if somebody has imported it."""
    configuration = _loaded("sklearn._config")
    return nullcontext() if configuration is None else configuration.config_context()


def _working_directory() -> str | None:
    """Return the working directory, or None if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


@contextmanager
def restored_mlflow() -> Iterator[None]:
    """Switch autologging off, and restore it, the tracking address, the experiment and the active runs.

    MLflow is looked at only if somebody else has imported it.
    """
    logging = _loaded("mlflow.utils.autologging_utils")
    integrations = copy.deepcopy(logging.AUTOLOGGING_INTEGRATIONS) if logging else {}
    disabled = logging._AUTOLOGGING_GLOBALLY_DISABLED if logging else False
    kept = {(module, name): getattr(_loaded(module), name, None) for module, name in _MLFLOW_KEEPS}
    runs = _active_runs()
    if logging:
        logging._AUTOLOGGING_GLOBALLY_DISABLED = True
    try:
        yield
    finally:
        if logging := _loaded("mlflow.utils.autologging_utils"):
            for name, settings in logging.AUTOLOGGING_INTEGRATIONS.items():
                settings.clear()
                settings.update(integrations.get(name, {}))
            logging._AUTOLOGGING_GLOBALLY_DISABLED = disabled
        _end_runs_but(runs)
        for (module, name), value in kept.items():
            if loaded := _loaded(module):
                setattr(loaded, name, value)
        _resume(runs)


_MLFLOW_KEEPS = (
    ("mlflow.tracking._tracking_service.utils", "_tracking_uri"),
    ("mlflow.tracking.fluent", "_active_experiment_id"),
)


def _active_runs() -> list[str]:
    """Return the identifiers of MLflow's active runs, the outermost first."""
    fluent = _loaded("mlflow.tracking.fluent")
    return [run.info.run_id for run in fluent._active_run_stack.get()] if fluent else []


def _end_runs_but(runs: list[str]) -> None:
    """End the runs that a builder began."""
    while (active := _active_runs()) and active[-1] not in runs:
        sys.modules["mlflow"].end_run()


def _resume(runs: list[str]) -> None:
    """Go on with the runs that a builder ended."""
    for run in runs[len(_active_runs()) :]:
        sys.modules["mlflow"].start_run(run_id=run, nested=True)


def _loaded(module: str) -> Any:
    """Return a module if somebody has imported it; not one that another thread is importing now."""
    found = sys.modules.get(module)
    return None if getattr(getattr(found, "__spec__", None), "_initializing", False) else found
