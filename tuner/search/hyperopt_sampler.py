"""Hyperopt as an Optuna sampler: one ledger, resume, importances and dashboards for both.

`HyperoptSampler` asks `hyperopt.tpe.suggest` (or annealing, or random search) for a whole configuration before each
trial, and answers Optuna's questions from it. It also works alone, in `optuna.create_study(sampler=...)`, with an
objective that asks by `spaces.suggest(space, trial)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import hyperopt
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from spaces.language.leaves import Choice, Float, Int, Leaf
from spaces.language.space import Descend, Params, Space, flatten, leaves, resolve, walk

Algorithm = Literal["tpe", "anneal", "random"]
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class History:
    """A space compiled for Hyperopt, and an Optuna study's finished trials as its documents, converted once each."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.domain = hyperopt.base.Domain(lambda config: 0.0, to_hyperopt(space))
        self._documents: dict[int, dict[str, Any]] = {}

    def of(self, study: Study) -> hyperopt.Trials:
        """Return the finished trials; pruned and failed ones count as failures, which TPE learns from."""
        sign = -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        finished = [one for one in study.get_trials(deepcopy=False, states=_FINISHED) if one.params]
        for trial in finished:
            if trial.number not in self._documents:
                self._documents[trial.number] = self._document(trial, sign)
        return hyperopt.trials_from_docs([self._documents[trial.number] for trial in finished], validate=False)

    def _document(self, trial: FrozenTrial, sign: float) -> dict[str, Any]:
        names = leaves(self.space)
        values = {
            name: [encode(leaf, trial.params[name])] if name in trial.params else [] for name, leaf in names.items()
        }
        result: dict[str, Any] = {"status": hyperopt.STATUS_FAIL}
        if trial.state == TrialState.COMPLETE and not any(value > 0 for value in trial.constraints.values()):
            result = {"status": hyperopt.STATUS_OK, "loss": sign * float(trial.value or 0.0)}
        return {
            "tid": trial.number,
            "spec": None,
            "result": result,
            "misc": {
                "tid": trial.number,
                "cmd": ("domain_attachment", "FMinIter_Domain"),
                "workdir": None,
                "idxs": {name: [trial.number] if value else [] for name, value in values.items()},
                "vals": values,
            },
            "state": hyperopt.JOB_STATE_DONE,
            "owner": None,
            "book_time": None,
            "refresh_time": None,
            "exp_key": None,
            "version": 0,
        }


class HyperoptSampler(BaseSampler):
    """Proposes what Hyperopt's algorithm proposes for the same history and seed.

    Args:
        space: The space that the objective asks.
        algorithm: `"tpe"`, `"anneal"` or `"random"`.
        seed: Seeds the proposal of each trial, together with the trial's number unless `per_trial` is False.
        n_startup_trials: TPE proposes at random until so many trials succeeded.
        history: Compiled space and converted trials, to be shared by samplers that are made anew for each trial.
        per_trial: Whether the trial's number is mixed into the seed.
    """

    def __init__(
        self,
        space: Space,
        algorithm: Algorithm = "tpe",
        seed: int = 0,
        *,
        n_startup_trials: int = 20,
        history: History | None = None,
        per_trial: bool = True,
    ) -> None:
        self._space, self._seed, self._per_trial = space, seed, per_trial
        self._history = history or History(space)
        self._suggest = _algorithm(algorithm, n_startup_trials)
        self._proposals: dict[int, Params] = {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Ask Hyperopt for the whole configuration."""
        history = self._history.of(study)
        seed = (self._seed + trial.number) % 2**31 if self._per_trial else self._seed
        documents = self._suggest(history, trial.number, domain=self._history.domain, seed=seed)
        self._proposals[trial.number] = decode(self._space, documents[0]["misc"]["vals"])

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Forget the proposal."""
        self._proposals.pop(trial.number, None)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: the configuration is known already."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing: the configuration is known already."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the proposal's value.

        Raises:
            ValueError: The objective asks for a parameter that the space does not have.
        """
        proposal = self._proposals[trial.number]
        if param_name not in proposal:
            raise ValueError(f"parameter {param_name!r} is not in the sampler's space: {', '.join(proposal)}")
        return proposal[param_name]


def to_hyperopt(space: Space) -> Any:
    """Compile a space for Hyperopt, each leaf labelled with its dotted name.

    Whole numbers and steps become quantised ranges half a step wider on both sides, so that the ends are as likely
    as the rest; `decode` brings the answers back inside the bounds. (Hyperopt's `quniform(1, 10, 4)` yields 0 and
    never 10, and its values come back as floats.)
    """

    def visit(name: str, leaf: Leaf, descend: Descend) -> Any:
        if isinstance(leaf, Choice):
            return hyperopt.hp.choice(
                name, [descend(option) if leaf.conditional else i for i, option in enumerate(leaf.options)]
            )
        if isinstance(leaf, Int) and leaf.log:
            return hyperopt.hp.qloguniform(name, math.log(leaf.low - 0.5), math.log(leaf.high + 0.5), 1)
        if leaf.log:
            return hyperopt.hp.loguniform(name, math.log(leaf.low), math.log(leaf.high))
        if leaf.step is None:
            return hyperopt.hp.uniform(name, leaf.low, leaf.high)
        steps = round((leaf.high - leaf.low) / leaf.step)
        return hyperopt.hp.quniform(name, -0.5, steps + 0.5, 1)

    return walk(space, visit)


def decode(space: Space, values: Mapping[str, list[Any]]) -> Params:
    """Turn Hyperopt's answer into flat params: native Python values inside the bounds."""

    def pick(name: str, leaf: Leaf) -> Any:
        value = float(values[name][0])
        if isinstance(leaf, Choice):
            return tuple(leaf.options)[int(value)]
        if leaf.log or leaf.step is None:
            return leaf.snap(value)
        return leaf.snap(leaf.low + round(value) * leaf.step)

    return flatten(space, resolve(space, pick))


def encode(leaf: Leaf, label: Any) -> float | int:
    """Turn a parameter into the value Hyperopt would have drawn for it."""
    value = leaf.unlabel(label)
    if isinstance(leaf, Choice):
        return list(leaf.labels).index(label)
    if isinstance(leaf, Float | Int) and (leaf.log or leaf.step is None):
        return float(value)
    return float(round((value - leaf.low) / (leaf.step or 1)))


def _algorithm(name: Algorithm, n_startup_trials: int) -> Callable[..., list[dict[str, Any]]]:
    """Return what proposes a trial from a history.

    Of a thinned history TPE takes as many trials for good ones as of the whole: a quarter of the root of their number.
    """

    def tpe(history: hyperopt.Trials, number: int, *, domain: Any, seed: int) -> list[dict[str, Any]]:
        gamma = 0.25 * math.sqrt(max(1.0, number / max(1, len(history))))
        found: list[dict[str, Any]] = hyperopt.tpe.suggest(
            [number], domain, history, seed, n_startup_jobs=n_startup_trials, gamma=gamma, verbose=False
        )
        return found

    if name == "tpe":
        return tpe
    known: dict[str, Callable[..., list[dict[str, Any]]]] = {
        "anneal": hyperopt.anneal.suggest,
        "random": hyperopt.rand.suggest,
    }
    if name not in known:
        raise ValueError(f"Hyperopt's algorithm must be one of 'tpe', 'anneal', 'random', got {name!r}")
    return lambda history, number, *, domain, seed: known[name]([number], domain, history, seed)
