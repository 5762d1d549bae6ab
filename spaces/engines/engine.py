"""An engine: all that the house knows of a library that trains models.

Nobody asks which library it is. A worker process asks what to import and how to begin; the store asks how fitted models
are loaded; a user's family asks what trains its builder; a trial asks what to restore behind it; a bundle asks which
versions to note. How many models predict at once is asked of their networks (`spaces.engines.contract.Network.fuse`),
and which classes a file may hold is for the engine's own `load` to say.

Everything is named as `"module:name"`, so that this file imports no library, and engines travel to worker processes.

A user's own engine is handed over with a family. It is called by where it stands, `"module:name"`, since that name is
stored with its models. It is never looked for: to load such a model, a process must have imported the module. Else a
folder from a stranger could say what is to be imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from spaces.language.complaints import unknown_name


class EngineError(ValueError):
    """An engine that is not there, or is not what it says."""


@dataclass(frozen=True)
class Engine:
    """A library that trains models.

    Attributes:
        name: What its fitted models are stored under; of a user's own engine `"module:name"`, where it stands.
        fitted: The class of fitted models, whose `load(folder, settings, store)` reads what their `save` wrote.
        modules: What a worker imports before its first trial, so that no trial pays for it.
        model: Makes a model of a user's builder, `(build, config, signature)`; nothing where users cannot bring one.
        loop: Takes models that a user's own loop trained (see `spaces/engines/own_loop.py`); nothing where none may be.
        own: The class of such models, where it is a user's.
        begin: Called with a number of threads in a fresh process, before anything is computed: threads, determinism.
        restored: A context that restores at its end what the library keeps for the whole process.
        environment: What must stand in the environment of a process before it starts.
        packages: Distributions whose versions a bundle notes.
        extra: The extra of ours that installs it; nothing where it always comes with us.
        cost: A rule of thumb for the seconds of a training, relative to other engines.
        weighs_rows: Whether its models count rows by `Rows.weight`; families that do not are refused where rows have
            weights.

    >>> ENGINES["xgboost"].modules
    ('xgboost',)
    """

    name: str
    fitted: str
    modules: tuple[str, ...] = ()
    model: str = ""
    loop: str = ""
    own: str = ""
    begin: str = ""
    restored: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    extra: str = ""
    cost: float = 5.0
    weighs_rows: bool = False


KERAS = Engine(
    "keras",
    "spaces.engines.keras.fitted:KerasFitted",
    modules=("keras",),
    model="spaces.engines.keras.model:KerasModel",
    loop="spaces.engines.keras.loop:KERAS_LOOP",
    begin="spaces.engines.keras.device:use_threads",
    restored="spaces.engines.keras.global_state:restored_keras",
    environment={"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    packages=("keras", "tensorflow"),
    weighs_rows=True,
)
XGBOOST = Engine(
    "xgboost",
    "spaces.engines.xgboost:XGBoostFitted",
    modules=("xgboost",),
    packages=("xgboost",),
    cost=2.0,
    weighs_rows=True,
)
SKLEARN = Engine(
    "sklearn",
    "spaces.engines.sklearn:EstimatorFitted",
    modules=("sklearn.compose", "sklearn.dummy", "sklearn.impute", "sklearn.metrics", "skops.io"),
    packages=("scikit-learn", "skops"),
    cost=1.0,
    weighs_rows=True,
)
LIGHTGBM = Engine(
    "lightgbm",
    "spaces.engines.lightgbm:LightGBMFitted",
    modules=("lightgbm",),
    packages=("lightgbm",),
    extra="lightgbm",
    cost=2.0,
    weighs_rows=True,
)
ENGINES = {engine.name: engine for engine in (KERAS, XGBOOST, SKLEARN, LIGHTGBM)}


def at(where: str) -> Any:
    """Return what `"module:name"` names; the module is imported."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def engine_named(name: str) -> Engine:
    """Return the engine that a stored model is of.

    Raises:
        EngineError: There is none, or it is a user's own whose module is not imported; nothing is imported here.
    """
    if name in ENGINES:
        return ENGINES[name]
    module, _, attribute = name.partition(":")
    if not attribute:
        raise EngineError(f"engine: {unknown_name(name, list(ENGINES))}")
    if module not in sys.modules:
        raise EngineError(
            f"the engine {name} does not come with us, and {module} is not imported here: import it if you trust it, "
            f"or hand the engine over, as in tuner.load(folder, engines=[{name!r}])"
        )
    found = getattr(sys.modules[module], attribute, None)
    if not isinstance(found, Engine) or found.name != name:
        raise EngineError(f"{name} must be an Engine of that name, got {found!r}")
    return found


def check_installed(engines: Iterable[Engine]) -> None:
    """Import the libraries of engines that are extras: one may be there and not load, as without OpenMP.

    Raises:
        EngineError: One of them is not installed, or does not load; the message says what to do.
    """
    for engine in engines:
        for module in engine.modules if engine.extra else ():
            try:
                import_module(module)
            except ModuleNotFoundError as error:
                if error.name != module:
                    raise EngineError(f"{module} is installed, and lacks a module here: {error}") from error
                raise EngineError(
                    f"{module} is an extra, and not installed here: pip install 'tuned-ensembles[{engine.extra}]'"
                ) from error
            except (ImportError, OSError) as error:
                raise EngineError(f"{module} is installed, and cannot be loaded here: {error}") from error


def hand_over(engines: Iterable[str | Engine]) -> None:
    """Import the modules of a user's own engines, so that models of theirs can be loaded.

    Raises:
        EngineError: One of them is not there, or is not called by where it stands.
    """
    for one in engines:
        name = one.name if isinstance(one, Engine) else one
        module = name.partition(":")[0]
        if module == "__main__":
            raise EngineError(f"the engine {name} must stand in a module, since other processes are to load its models")
        if name not in ENGINES:
            try:
                import_module(module)
            except ImportError as error:
                raise EngineError(
                    f"the engine {name} must be called by where it stands, module:name: {error}"
                ) from error
        engine_named(name)


def begin(engines: Iterable[Engine], threads: int) -> None:
    """Make a fresh process ready for models of some engines, with so many threads each."""
    chosen = list({engine.name: engine for engine in engines}.values())
    hand_over(chosen)
    for engine in chosen:
        for module in engine.modules:
            import_module(module)
    for engine in chosen:
        if engine.begin:
            at(engine.begin)(threads)


def environment_of(engines: Iterable[Engine]) -> dict[str, str]:
    """Return what must stand in the environment of a process before models of some engines are trained there."""
    return {name: value for engine in engines for name, value in engine.environment.items()}


@contextmanager
def restored(engines: Iterable[Engine]) -> Iterator[None]:
    """Restore at the end what libraries keep for the whole process.

    Args:
        engines: The trial's. They are imported first, so that what an import sets stays. Of the other engines that come
            with us, those that are imported already are restored too: a builder may use any library.
    """
    chosen = {engine.name: engine for engine in engines}
    for engine in chosen.values():
        for module in engine.modules:
            import_module(module)
    loaded = {name: engine for name, engine in ENGINES.items() if all(one in sys.modules for one in engine.modules)}
    with ExitStack() as stack:
        for engine in (loaded | chosen).values():
            if engine.restored:
                stack.enter_context(at(engine.restored)())
        yield
