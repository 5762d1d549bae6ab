"""Drivers that die where they are told: `python drivers.py` reads a line of JSON for each, and says how it ended.

The libraries are imported once, and each driver is a fork, as tests of kills need hundreds of them.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import commit_points
import optuna
from small import make_frame

import tuner
from spaces import FAMILIES, Choice, Family, Float, defaults
from spaces.engines.engine import SKLEARN, begin

LINEAR = FAMILIES["linear"]


def families() -> dict[str, Any]:
    """Families that report, fail and repeat themselves; made here, as workers do not have this module."""

    class Watched:
        stops_early = True

        def __init__(self, model: Any, worse: float) -> None:
            self._model, self._worse = model, worse

        def fit(self, folds: Any, watch: Any) -> Any:
            for fold in folds:
                for fitted in self._model.fit([fold], watch):
                    look = self._look_at(fitted, fold.inner.table)
                    for step in range(8):
                        watch(step, 8, {}, look)
                    yield fitted

        def _look_at(self, fitted: Any, inner: Any) -> Any:
            return lambda table=None: self._blurred(fitted.predict(inner if table is None else table))

        def _blurred(self, predictions: Any) -> Any:
            return (1 - self._worse) * predictions + self._worse / 2

    def build(config: Any, signature: Any) -> Any:
        if config["alpha"] > 100:
            raise LookupError("as I was told")
        settings = {**defaults(LINEAR.space(signature)), "alpha": config["alpha"]}
        return Watched(LINEAR.build(settings, signature), config["worse"])

    space = {"alpha": Float(0.01, 100.0, log=True, default=1.0), "worse": Float(0.0, 1.0, default=0.1)}
    few = {"alpha": Choice([0.5, 200.0, 2.0]), "worse": 0.0}
    return {
        "mine": {"family": Family("mine", lambda signature: space, build, (SKLEARN,))},
        "few": {"family": Family("few", lambda signature: few, build, (SKLEARN,))},
    }


def drive(given: dict[str, Any]) -> None:
    """Go on with a study."""
    task = tuner.Task(make_frame(80), "label", split={"kind": "kfold", "folds": 2})
    tuner.tune(
        task,
        families(),
        trials=given["trials"],
        workers=given.get("workers", 1),
        folder=given["folder"],
        tracking=given.get("tracking"),
        ledger=given.get("ledger"),
        ray=given.get("ray"),
        turns="trials",
        pruner=optuna.pruners.ThresholdPruner(upper=0.5),
        sampler=lambda seed: optuna.samplers.TPESampler(seed=seed, n_startup_trials=3),
        seed=9,
        progress=False,
    )


def forked(act: Callable[[], None], log: Path) -> int:
    """Run something in a fork, and return its exit code, negative where a signal ended it."""
    if (pid := os.fork()) == 0:
        try:
            with log.open("ab") as said:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
            act()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Serve drivers until nobody asks."""
    begin([SKLEARN], 1)
    assert tuner.Task
    assert tuner.tune  # imported before the first fork
    for line in sys.stdin:
        given = json.loads(line)
        if given.get("tracking"):
            import mlflow  # once, for all that follow

            assert mlflow

        def act(given: dict[str, Any] = given) -> None:
            os.environ.update(given["environment"])
            if given.get("plan"):
                os.environ[commit_points.PLAN] = given["plan"]
                commit_points.install("driver")
            drive(given)

        sys.stdout.write(f"{forked(act, Path(given['said']))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
