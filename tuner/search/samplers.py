"""Samplers and pruners by name. One line in a dict makes a new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from spaces.language.complaints import unknown_name
from spaces.language.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


MakeSampler = Callable[[int], "BaseSampler"]
# With the usual few dozen trials a family, Optuna's 10 and Hyperopt's 20 random trials would be most of the study.
N_STARTUP_TRIALS = 6


def _optuna(name: str, **settings: Any) -> Callable[[Space], MakeSampler]:
    def for_space(space: Space) -> MakeSampler:
        import optuna.samplers

        def make(seed: int) -> BaseSampler:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                sampler: BaseSampler = getattr(optuna.samplers, name)(seed=seed, **settings)
            return sampler

        return make

    return for_space


def _gp(space: Space) -> MakeSampler:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ValueError("sampler 'optuna.gp' needs PyTorch: pip install 'tuned-ensembles[gp]'") from None
    return _optuna("GPSampler", n_startup_trials=N_STARTUP_TRIALS)(space)


def _hyperopt(algorithm: Any) -> Callable[[Space], MakeSampler]:
    def for_space(space: Space) -> MakeSampler:
        from tuner.search.hyperopt_sampler import History, HyperoptSampler

        history = History(space)

        def make(seed: int) -> BaseSampler:
            return HyperoptSampler(
                space, algorithm, seed, n_startup_trials=N_STARTUP_TRIALS, history=history, per_trial=False
            )

        return make

    return for_space


def _capacity_first(space: Space) -> MakeSampler:
    from tuner.search.capacity_first import CapacityFirstSampler

    return lambda seed: CapacityFirstSampler(space, seed, n_startup_trials=N_STARTUP_TRIALS)


SAMPLERS: dict[str, Callable[[Space], MakeSampler]] = {
    "optuna.tpe": _optuna("TPESampler", n_startup_trials=N_STARTUP_TRIALS, multivariate=True, group=True),
    "optuna.random": _optuna("RandomSampler"),
    "optuna.cmaes": _optuna("CmaEsSampler", n_startup_trials=N_STARTUP_TRIALS, warn_independent_sampling=False),
    "optuna.nsgaii": _optuna("NSGAIISampler", population_size=10),
    "optuna.gp": _gp,
    "hyperopt.tpe": _hyperopt("tpe"),
    "hyperopt.anneal": _hyperopt("anneal"),
    "hyperopt.random": _hyperopt("random"),
    "capacity_first": _capacity_first,
}

THINNED = ("optuna.tpe", "hyperopt.tpe")  # samplers that are as good on a part of a long history
OWN_BEGINNING = ("capacity_first",)  # samplers that count trials from the defaults on: they take no starting points

PRUNERS: dict[str, Callable[[], BasePruner]] = {
    # Stops the worst quarter. An ensemble wants many good models, and a pruned trial is none.
    "percentile": lambda: _pruner("PercentilePruner", percentile=75.0, n_startup_trials=5, n_warmup_steps=1),
    "median": lambda: _pruner("MedianPruner", n_startup_trials=5, n_warmup_steps=1),
    "successive_halving": lambda: _pruner("SuccessiveHalvingPruner", reduction_factor=3),
    "none": lambda: _pruner("NopPruner"),
}


def sampler_maker(sampler: Any, space: Space) -> MakeSampler:
    """Return a function that makes the sampler of one trial from its seed.

    Args:
        sampler: A name, a function `seed -> BaseSampler`, or a sampler object (then proposals are not replayed
            exactly after an interruption, as an object keeps its own random state).
        space: The space that is searched.

    Raises:
        ValueError: There is no sampler of that name.
    """
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler: {unknown_name(sampler, list(SAMPLERS))}")
        return SAMPLERS[sampler](space)
    if hasattr(sampler, "sample_independent"):
        return lambda seed: sampler
    if callable(sampler):
        return sampler
    raise ValueError(f"sampler must be a name, a function of a seed, or an Optuna sampler, got {sampler!r}")


def make_pruner(pruner: Any) -> BasePruner:
    """Return the pruner of that name, or the Optuna pruner given; None means no pruning.

    Raises:
        ValueError: There is no pruner of that name.
    """
    if pruner is None:
        pruner = "none"
    if isinstance(pruner, str):
        if pruner not in PRUNERS:
            raise ValueError(f"pruner: {unknown_name(pruner, list(PRUNERS))}")
        return PRUNERS[pruner]()
    if not hasattr(pruner, "prune"):
        raise ValueError(f"pruner must be a name or an Optuna pruner, got {pruner!r}")
    return pruner


def _pruner(name: str, **settings: Any) -> BasePruner:
    import optuna.pruners

    pruner: BasePruner = getattr(optuna.pruners, name)(**settings)
    return pruner
