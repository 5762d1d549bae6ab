"""Whether samplers that are shown a part of a long history find points as good as those that see all of it.

The same seeds are run both ways: samplers as studies make them, on two functions whose least value is known. Regret is
the least value found minus that. `difference` is thinned minus whole, averaged over seeds, with its standard error;
below two of these it is called level. `seconds` are CPU seconds of one run's proposals.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import optuna

from benchmarks.results import save
from spaces.language.leaves import Choice, Float, Int
from spaces.language.space import Config, Space, suggest
from tuner.archive.report import print_table
from tuner.search.samplers import THINNED, sampler_maker
from tuner.search.thinning import ThinnedStorage
from tuner.seeds import derive_seed

TRIALS, SEEDS = 1_000, 6
_COLUMNS = ("sampler", "function", "whole", "thinned", "difference", "standard error", "seconds whole", "thinned")

_VALLEY: Space = {f"x{i}": Float(-2.0, 2.0) for i in range(4)}
_NETWORK: Space = {
    "rate": Float(1e-5, 1e-1, log=True),
    "units": Int(8, 1024, log=True),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.99)}}),
}


def _valley(config: Config) -> float:
    """Return Rosenbrock's function: 0 at ones, at the end of a bent valley."""
    x = np.array([config[f"x{i}"] for i in range(4)])
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def _network(config: Config) -> float:
    """Return a loss as of networks: the best rate depends on the width and the optimizer; 0 at the best."""
    ((optimizer, settings),) = config["optimizer"].items()
    best = -2.0 - 0.5 * math.log10(config["units"] / 64) + (optimizer == "sgd")
    slope = (settings["momentum"] - 0.9) ** 2 if settings else 0.05
    return (math.log10(config["rate"]) - best) ** 2 + math.log10(config["units"] / 300) ** 2 / 4 + slope


FUNCTIONS: dict[str, tuple[Space, Callable[[Config], float]]] = {
    "valley": (_VALLEY, _valley),
    "network": (_NETWORK, _network),
}


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep the regret of both ways; it is not repeated."""
    trials, seeds = (30, 2) if quick else (TRIALS, SEEDS)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = []
    for sampler in THINNED:
        for name in FUNCTIONS:
            found = np.array(
                [[_regret(sampler, name, trials, seed=s, thinned=t) for t in (False, True)] for s in range(seeds)]
            )
            regret, seconds = found[..., 0], found[..., 1].mean(axis=0)
            by = regret[:, 1] - regret[:, 0]
            rows.append([sampler, name, *regret.mean(axis=0), by.mean(), by.std(ddof=1) / math.sqrt(seeds), *seconds])
            print(*rows[-1], flush=True)
    print_table(
        f"Regret after {trials:,} trials, {seeds} seeds", _COLUMNS, [[_cell(one) for one in row] for row in rows]
    )
    if not quick:
        save("thinning", {"trials": trials, "seeds": seeds, "columns": _COLUMNS, "rows": rows})


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.4f}"


def _regret(sampler: str, name: str, trials: int, *, seed: int, thinned: bool) -> tuple[float, float]:
    """Return the least value that was found, and the CPU seconds of all proposals."""
    space, function = FUNCTIONS[name]
    make, storage = sampler_maker(sampler, space), ThinnedStorage()
    study = optuna.create_study(storage=storage)
    seconds = 0.0
    for number in range(trials):
        began, own = time.process_time(), derive_seed(seed, name, number)
        with storage.thinned(maximize=False, seed=own) if thinned else nullcontext():
            study.sampler = make(own)
            trial = study.ask()
            config = suggest(space, trial)
        seconds += time.process_time() - began
        study.tell(trial, function(config))
    return study.best_value, seconds
