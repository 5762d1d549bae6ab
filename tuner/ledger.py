"""The ledger: one Optuna study per family in one storage, the only file that talks to Optuna storage.

`tell` is the commit point of a trial. A failed trial is stored as pruned with a violated constraint, so that samplers
rank it last instead of ignoring it (Optuna's FAIL is ignored); `trials` turns that back into our own states.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from spaces.space import Config, Params, Space, configure, defaults, flatten, suggest
from tuner.samplers import MakeSampler
from tuner.seeds import derive_seed
from tuner.trial import Outcome, State, trial_name

DUPLICATES_BEFORE_EXHAUSTED = 20
_OUTCOME = "outcome"


@dataclass(frozen=True)
class Trial:
    """One configuration and what became of it.

    Attributes:
        family: Its family.
        number: Its number within the family.
        state: `"complete"`, `"pruned"`, `"failed"` or `"running"`.
        params: Its parameters, flat.
        outcome: How it ended; None while it runs.
    """

    family: str
    number: int
    state: State
    params: Params
    outcome: Outcome | None

    @property
    def name(self) -> str:
        """The trial's name, `family-000017`."""
        return trial_name(self.family, self.number)

    @property
    def value(self) -> float | None:
        """The deciding metric, for complete trials."""
        return self.outcome.value if self.outcome and self.state == "complete" else None

    @property
    def duplicate(self) -> bool:
        """Whether it was told another trial's value instead of being run."""
        return self.outcome is not None and self.outcome.duplicate_of is not None


@dataclass
class _Live:
    """A running trial, and the last step that it or an earlier attempt reported."""

    trial: optuna.Trial
    last_step: int | None


@dataclass(frozen=True)
class _Book:
    """One family's page of the ledger, with its trials by number as they were read and have changed since."""

    study: optuna.Study
    space: Space
    make_sampler: MakeSampler
    trials: list[Trial]
    live: dict[int, _Live]


class Ledger:
    """Asks, reports and tells.

    Trials are read once, when a family is opened: the driver is the only writer, so it knows what changes. (Asking the
    storage again and again costs seconds a trial at some thousand trials.)

    Args:
        path: The SQLite file.
        seed: The study's seed.
        maximize: Whether greater values are better.
        pruner: The pruner of all families.
    """

    def __init__(self, path: Path, *, seed: int, maximize: bool, pruner: BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with _quiet():
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
        self._seed, self._maximize, self._pruner = seed, maximize, pruner
        self._books: dict[str, _Book] = {}

    def open(self, family: str, space: Space, make_sampler: MakeSampler) -> None:
        """Open a family's study, or begin it with the family's defaults as the first trial."""
        study = optuna.create_study(
            study_name=family,
            storage=self._storage,
            load_if_exists=True,
            direction="maximize" if self._maximize else "minimize",
            pruner=self._pruner,
            sampler=optuna.samplers.RandomSampler(),
        )
        frozen = study.get_trials(deepcopy=False)
        if not frozen:
            with _quiet():
                study.enqueue_trial(flatten(space, defaults(space)))
        read = [_read(family, space, trial) for trial in frozen if trial.state != TrialState.WAITING]
        self._books[family] = _Book(study, space, make_sampler, read, {})

    def ask(self, family: str) -> tuple[Trial, Config]:
        """Propose the next configuration of a family; its sampler is made anew with the trial's own seed."""
        book = self._books[family]
        with _quiet():
            book.study.sampler = book.make_sampler(derive_seed(self._seed, family, len(book.trials)))
            trial = book.study.ask()
            config = suggest(book.space, trial)
        book.live[trial.number] = _Live(trial, None)
        book.trials.append(Trial(family, trial.number, "running", flatten(book.space, config), None))
        return book.trials[-1], config

    def resume(self, family: str, number: int) -> tuple[Trial, Config]:
        """Take up a trial found running, with the same parameters; an ask that was cut off is completed.

        The sampler is seeded as it was, and draws again what it drew, so that parameters not yet written come out
        as they would have.
        """
        book = self._books[family]
        frozen = book.study.get_trials(deepcopy=False)[number]
        with _quiet():
            book.study.sampler = book.make_sampler(derive_seed(self._seed, family, number))
            trial = optuna.Trial(book.study, frozen._trial_id)
            config = suggest(book.space, _Redrawing(trial, frozen, book.study))
        book.live[number] = _Live(trial, frozen.last_step)
        book.trials[number] = Trial(family, number, "running", flatten(book.space, config), None)
        return book.trials[number], config

    def report(self, family: str, number: int, step: int, value: float) -> bool:
        """Report a value at a step and answer whether to prune.

        A new attempt of an interrupted trial neither reports nor prunes at the steps before its last one: those were
        decided. At the last one the decision may be what was cut off, so it is taken again.
        """
        live = self._books[family].live[number]
        if live.last_step is not None and step < live.last_step:
            return False
        if live.last_step is None or step > live.last_step:
            live.trial.report(value, step)
            live.last_step = step
        return live.trial.should_prune()

    def tell(self, family: str, number: int, outcome: Outcome) -> Trial:
        """Commit how a trial ended."""
        book = self._books[family]
        trial = book.live.pop(number).trial
        with _quiet():
            trial.set_user_attr(_OUTCOME, json.dumps(outcome.to_json()))
            if outcome.state == "complete":
                book.study.tell(trial, outcome.value)
            else:
                if outcome.state == "failed":
                    trial.set_constraint("failed", 1.0)
                book.study.tell(trial, state=TrialState.PRUNED)
        book.trials[number] = Trial(family, number, outcome.state, book.trials[number].params, outcome)
        return book.trials[number]

    def equal(self, trial: Trial) -> Trial | None:
        """Return a finished trial of the same parameters that was really run."""
        for other in self.trials(trial.family):
            if other.state != "running" and not other.duplicate and other.params == trial.params:
                return other
        return None

    def tell_duplicate(self, trial: Trial, of: Trial) -> Trial:
        """Commit a trial with the result of an equal one."""
        assert of.outcome is not None
        return self.tell(trial.family, trial.number, replace(of.outcome, duplicate_of=of.number, seconds=0.0))

    def exhausted(self, family: str) -> bool:
        """Return whether the last twenty proposals were all duplicates."""
        last = self.trials(family)[-DUPLICATES_BEFORE_EXHAUSTED:]
        return len(last) == DUPLICATES_BEFORE_EXHAUSTED and all(trial.duplicate for trial in last)

    def trials(self, family: str) -> list[Trial]:
        """List a family's trials by number."""
        return list(self._books[family].trials)

    def study(self, family: str) -> optuna.Study:
        """Return a family's Optuna study."""
        return self._books[family].study


def _read(family: str, space: Space, frozen: FrozenTrial) -> Trial:
    """Turn what Optuna stored into our own record; a failure is a failure again."""
    stored = frozen.user_attrs.get(_OUTCOME)
    if not frozen.state.is_finished():
        return Trial(family, frozen.number, "running", dict(frozen.params), None)
    outcome = Outcome.from_json(json.loads(stored)) if stored else Outcome("failed", error="told elsewhere")
    params = flatten(space, configure(space, frozen.params))
    return Trial(family, frozen.number, outcome.state, params, outcome)


class _Redrawing:
    """An Optuna trial whose stored parameters are drawn once more and thrown away, to advance the sampler."""

    def __init__(self, trial: optuna.Trial, frozen: FrozenTrial, study: optuna.Study) -> None:
        self._trial, self._frozen, self._study = trial, frozen, study
        self._stored: Mapping[str, Any] = dict(frozen.params)
        self._fixed = frozen.system_attrs.get("fixed_params", {})

    def __getattr__(self, method: str) -> Any:
        def ask(name: str, *arguments: Any, **settings: Any) -> Any:
            if name in self._stored and name not in self._fixed and name not in self._trial.relative_params:
                self._study.sampler.sample_independent(
                    self._study, self._frozen, name, self._frozen.distributions[name]
                )
            return getattr(self._trial, method)(name, *arguments, **settings)

        return ask


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's notices about experimental features that we use on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", "Constraints have been set")  # CMA-ES sees failed trials as pruned ones
        yield
