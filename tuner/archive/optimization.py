"""A search over somebody's own function: what was found, and what a person asks of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from spaces.language.space import Config, Params, Space, configure
from tuner.archive.records import Records
from tuner.archive.report import leaderboard
from tuner.search.ledger import Trial

if TYPE_CHECKING:
    import optuna

OBJECTIVE = "objective"


@dataclass(frozen=True, eq=False, repr=False)
class Optimization(Records):
    """What `tuner.optimize` found; `tuner.plots` show it as they show a study.

    Attributes:
        space: The space that was searched.
        direction: `"minimize"` or `"maximize"`.
        called: What a value is called.
        handed_over: Turns a config into what the objective is called with.
    """

    space: Space
    direction: str
    called: str
    handed_over: Callable[[Config], Any]

    def __repr__(self) -> str:
        return self.brief()

    @property
    def metric(self) -> str:
        """What a trial's value is called."""
        return self.called

    @property
    def sign(self) -> int:
        """1 where less is better, else -1."""
        return 1 if self.direction == "minimize" else -1

    @property
    def best_value(self) -> float:
        """The best value.

        Raises:
            ValueError: No trial succeeded.
        """
        value = self._best.value
        assert value is not None
        return value

    @property
    def best_params(self) -> Params:
        """The parameters of the best trial, flat."""
        return dict(self._best.params)

    @property
    def best_config(self) -> Any:
        """What the objective was called with in the best trial."""
        return self.config(self._best)

    def config(self, trial: Trial) -> Any:
        """Return what the objective was called with."""
        return self.handed_over(configure(self.space, trial.params))

    def leaderboard(self) -> pd.DataFrame:
        """Return one row a trial, best first: value, seconds, parameters."""
        return leaderboard(self).drop(columns=["family", "std", "gain", "why", "turn"], errors="ignore")

    def to_optuna(self) -> optuna.Study:
        """Return the Optuna study, for Optuna's own plots and dashboards."""
        return self.ledger.study(OBJECTIVE)

    def to_hyperopt(self) -> Any:
        """Return the finished trials as `hyperopt.Trials`."""
        from tuner.search.hyperopt_sampler import History

        return History(self.space).of(self.to_optuna())

    def curves(self, trial: Trial) -> list[Any]:
        """Return nothing: a function has no curves."""
        return []

    @property
    def _best(self) -> Trial:
        if self.best is None:
            raise ValueError(f"no trial succeeded yet: {len(self.trials)} were begun, see leaderboard()")
        return self.best
