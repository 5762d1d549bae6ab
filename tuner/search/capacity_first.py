"""Capacity first: grow a model without regularisation until it overfits, then search what regularises that size.

Chollet, "Deep Learning with Python", 4.5: before a model can be tuned to generalise, it must be able to overfit.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from spaces.language.leaves import Float, Int, Leaf, label_of
from spaces.language.space import Params, Space, leaves

SIZES = ("units", "depth", "filters")
BRAKES = ("dropout", "recurrent_dropout", "batch_normalization", "penalty", "weight_averaging", "weight_decay")
STEPS = 5
_DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class CapacityFirstSampler(BaseSampler):
    """Proposes five sizes from the smallest to the largest, unbraked; then searches the rest with TPE.

    Growing ends early when a size is worse than a smaller one. The search then keeps that size, which overfits, or
    the largest if none does. What is no size and no brake has its default value while the model grows. A space
    without sizes is searched by TPE alone. All that is known stands in the study's trials, so an interrupted study
    goes on as if it had not been.

    Args:
        space: The family's space.
        seed: Seeds TPE.
        n_startup_trials: So many trials TPE draws at random.
    """

    def __init__(self, space: Space, seed: int, *, n_startup_trials: int) -> None:
        self._leaves = leaves(space)
        self._sizes = [name for name, leaf in self._leaves.items() if _is_size(name, leaf)]
        self._tpe = TPESampler(seed=seed, n_startup_trials=n_startup_trials, multivariate=True, group=True)
        self._now: BaseSampler = self._tpe
        self._step: int | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Decide, once for the trial, whether it grows or searches."""
        self._step, fixed = self._stage(study, trial)
        if self._step is not None:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._now = PartialFixedSampler(fixed, self._tpe) if fixed else self._tpe
        return self._now.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return what TPE proposes for parameters that occur in every trial."""
        return {} if self._step is not None else self._now.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a growing model's value of a parameter, or what TPE proposes for it alone."""
        if self._step is None:
            return self._now.sample_independent(study, trial, param_name, param_distribution)
        if param_name not in self._leaves:
            return self._tpe.sample_independent(study, trial, param_name, param_distribution)
        return self._grown(param_name, self._step)

    def _stage(self, study: Study, trial: FrozenTrial) -> tuple[int | None, Params]:
        """Return the step of growth that comes next; or None, and the sizes that are kept from then on."""
        if not self._sizes:
            return None, {}
        losses = self._growth(study)
        best = min(losses.values(), default=math.inf)
        best_at = min((step for step, loss in losses.items() if loss == best), default=0)
        worse = [step for step, loss in losses.items() if step > best_at and loss > best]
        step = trial.number - 1  # the first trial has the default values
        if not worse and step < STEPS:
            return max(step, 0), {}
        return None, {name: self._grown(name, min(worse, default=STEPS - 1)) for name in self._sizes}

    def _growth(self, study: Study) -> dict[int, float]:
        """Return the loss of every size that was tried without brakes; infinite where it failed or was pruned."""
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        found = {}
        for trial in study.get_trials(deepcopy=False, states=_DONE):
            step = trial.number - 1
            if 0 <= step < STEPS and self._is_growth(trial.params, step):
                complete = trial.state == TrialState.COMPLETE and trial.value is not None
                found[step] = sign * float(trial.value) if complete and trial.value is not None else math.inf
        return found

    def _is_growth(self, params: Mapping[str, Any], step: int) -> bool:
        known = [name for name in params if name in self._leaves]
        return bool(known) and all(params[name] == self._grown(name, step) for name in known)

    def _grown(self, name: str, step: int) -> Any:
        leaf = self._leaves[name]
        if name in self._sizes:
            assert isinstance(leaf, Int | Float)
            share = step / (STEPS - 1)
            if leaf.log:
                return leaf.snap(leaf.low * (leaf.high / leaf.low) ** share)
            return leaf.snap(leaf.low + share * (leaf.high - leaf.low))
        if any(part in BRAKES for part in name.split(".")):
            if isinstance(leaf, Int | Float):
                return leaf.low
            off = [option for option in leaf.options if option is False or option == "none"]
            return label_of(off[0] if off else leaf.middle)
        return label_of(leaf.middle)


def _is_size(name: str, leaf: Leaf) -> bool:
    return name.rpartition(".")[2] in SIZES and isinstance(leaf, Int | Float)
