"""The ledger: one Optuna study per family in one storage; this room alone talks to Optuna's storage.

Samplers and pruners work on a copy of each study in memory, and what they decide is written in single strokes: a
trial that was asked is there with all its parameters, or not at all. `tell` is the commit point of a trial. A failed
trial is stored as pruned with a violated constraint, so that samplers rank it last instead of ignoring it (Optuna's
FAIL is ignored); `trials` turns that back into our own states.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from spaces.language.space import Config, Params, Space, configure, defaults, flatten, suggest
from tuner.search.pickled_state import check_states
from tuner.search.samplers import MakeSampler
from tuner.search.stores import Store, open_storage, page_name, prefix, secrets_of
from tuner.search.thinning import ThinnedStorage
from tuner.search.transaction import one_transaction
from tuner.seeds import derive_seed
from tuner.trials.outcome import Outcome, State, trial_name

DUPLICATES_BEFORE_EXHAUSTED = 20
OUTCOME, OUTSIDE, TURN, FAILED = "outcome", "outside", "turn", "failed"
_ONLY = 0  # the id of the only study of a storage in memory


class Turn(NamedTuple):
    """The turn in which a trial was asked.

    Attributes:
        number: Counts the turns of a study from 0.
        why: Why it was this family's.
    """

    number: int
    why: str


@dataclass(frozen=True, repr=False)
class Trial:
    """One configuration and what became of it.

    Attributes:
        family: Its family.
        number: Its number within the family.
        state: `"complete"`, `"pruned"`, `"failed"` or `"running"`.
        params: Its parameters, flat.
        outcome: How it ended; None while it runs.
        turn: The turn in which it was asked.
        outside: Its configuration, where the space changed since and this is no point of it; samplers do not know it.
    """

    family: str
    number: int
    state: State
    params: Params
    outcome: Outcome | None
    turn: Turn
    outside: Config | None = None

    def __repr__(self) -> str:
        return f"Trial {self.name}: {self.state}, value {self.value}, {self.params}"

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
    """A running trial: in memory, its id in the storage, and the last step that it or an earlier attempt reported."""

    trial: optuna.Trial
    stored: int
    last_step: int | None


@dataclass(frozen=True)
class _Book:
    """One family's page of the ledger.

    Attributes:
        space: The family's space.
        make_sampler: Makes the sampler of one trial.
        thinned: Whether the sampler is shown a part of a long history.
        starts: The points of the first trials.
        first: The number of the first trial that was asked of this space.
        study: The copy in memory that proposes and prunes; a trial's id there is its number.
        memory: Where the copy is kept.
        stored: The id of the study in the storage.
        trials: Our own records, by number.
        live: The running trials.
        ended: How many ended in each state, and how many of them are a "duplicate".
        attributes: What samplers noted about study and trials, as far as it is stored.
    """

    space: Space
    make_sampler: MakeSampler
    thinned: bool
    starts: tuple[Params, ...]
    first: int
    study: optuna.Study
    memory: ThinnedStorage
    stored: int
    trials: list[Trial]
    live: dict[int, _Live]
    ended: Counter[str]
    attributes: dict[int | None, dict[str, Any]]

    def count(self, trial: Trial) -> None:
        """Count a trial that ended."""
        if trial.outcome is not None:
            self.ended.update([trial.state, "duplicate"] if trial.duplicate else [trial.state])


class Ledger:
    """Asks, reports and tells.

    The storage is read once, when a family is opened: the driver is the only writer, so it knows what changes. (Asking
    the storage again and again costs most of a second a trial at some thousand trials.)

    Args:
        store: Where it lies: a SQLite file, or a study's place in a database.
        seed: The study's seed.
        maximize: Whether greater values are better.
        pruner: The pruner of all families.
    """

    def __init__(self, store: Store, *, seed: int, maximize: bool, pruner: BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with quiet():
            self._storage = open_storage(store)
        self._store = store
        self._seed, self._pruner = seed, pruner
        self._direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
        self._books: dict[str, _Book] = {}

    def open(
        self,
        family: str,
        space: Space,
        make_sampler: MakeSampler,
        *,
        starts: Sequence[Params] | None = None,
        changes: Sequence[int] = (),
        thinned: bool = False,
    ) -> None:
        """Open a family's study, or begin it.

        Args:
            family: The family.
            space: Its space.
            make_sampler: Makes the sampler of one trial.
            starts: The points of the first trials of this space; the defaults when left out.
            changes: How many trials there were when the space changed.
            thinned: Whether the sampler is shown a part of a long history; see `tuner.search.thinning`.
        """
        stored = self._stored(page_name(family, len(changes)))
        study, memory = _copy_in_memory(self._storage, stored, self._direction, pruner=self._pruner)
        frozen = study.get_trials(deepcopy=False)
        attributes: dict[int | None, dict[str, Any]] = {trial.number: dict(trial.system_attrs) for trial in frozen}
        attributes[None] = dict(memory.get_study_system_attrs(_ONLY))
        trials = [_read(family, space, trial) for trial in frozen]
        points = tuple([flatten(space, defaults(space))] if starts is None else starts)
        first = changes[-1] if changes else 0
        self._books[family] = _Book(
            space, make_sampler, thinned, points, first, study, memory, stored, trials, {}, Counter(), attributes
        )
        for trial in trials:
            self._books[family].count(trial)

    def ask(self, family: str, why: str = "") -> tuple[Trial, Config]:
        """Propose the next configuration of a family: a starting point, or what its sampler says.

        The sampler is made anew with the trial's own seed.

        Args:
            family: The family.
            why: Why it is its turn; stored with the trial.
        """
        book = self._books[family]
        seed = derive_seed(self._seed, family, len(book.trials))
        shown = (
            book.memory.thinned(maximize=self._direction == "maximize", seed=seed) if book.thinned else nullcontext()
        )
        with quiet(), shown:
            book.study.sampler = book.make_sampler(seed)
            for start in book.starts[len(book.trials) - book.first :][:1]:
                book.study.enqueue_trial(start)
            trial = book.study.ask()
            config = suggest(book.space, trial)
        turn = Turn(sum(len(book.trials) for book in self._books.values()), why)
        trial.set_user_attr(TURN, list(turn))
        frozen = book.memory.get_trial(trial.number)
        with one_transaction(self._storage):
            stored = self._storage.create_new_trial(book.stored, frozen)
            book.attributes[trial.number] = dict(frozen.system_attrs)
            self._store_notes(book, None)
        book.live[trial.number] = _Live(trial, stored, None)
        book.trials.append(Trial(family, trial.number, "running", flatten(book.space, config), None, turn))
        return book.trials[-1], config

    def resume(self, family: str, number: int) -> tuple[Trial, Config]:
        """Take up a trial found running, with the same parameters."""
        book = self._books[family]
        frozen = book.memory.get_trial(number)
        with quiet():
            book.study.sampler = book.make_sampler(derive_seed(self._seed, family, number))
            trial = optuna.Trial(book.study, number)
        stored = self._storage.get_trial_id_from_study_id_trial_number(book.stored, number)
        book.live[number] = _Live(trial, stored, frozen.last_step)
        return book.trials[number], configure(book.space, frozen.params)

    def report(self, family: str, number: int, step: int, *, value: float) -> bool:
        """Report a value at a step and answer whether to prune.

        A new attempt of an interrupted trial neither reports nor prunes at the steps before its last one: those were
        decided. At the last one the decision may be what was cut off, so it is taken again.
        """
        book = self._books[family]
        live = book.live[number]
        if live.last_step is not None and step < live.last_step:
            return False
        if live.last_step is None or step > live.last_step:
            self._storage.set_trial_intermediate_value(live.stored, step, value)
            live.trial.report(value, step)
            live.last_step = step
        prune = live.trial.should_prune()
        self._store_notes(book, number)
        return prune

    def tell(self, family: str, number: int, outcome: Outcome) -> Trial:
        """Commit how a trial ended."""
        book = self._books[family]
        live = book.live[number]
        with quiet():
            if outcome.state == "complete":
                book.study.tell(live.trial, outcome.value)
            else:
                if outcome.state == "failed":
                    live.trial.set_constraint(FAILED, 1.0)
                book.study.tell(live.trial, state=TrialState.PRUNED)
        frozen = book.memory.get_trial(number)
        with one_transaction(self._storage):
            self._store_notes(book, number)
            self._store_notes(book, None)
            self._storage.set_trial_user_attr(live.stored, OUTCOME, json.dumps(outcome.to_json()))
            self._storage.set_trial_state_values(live.stored, frozen.state, frozen.values)
        del book.live[number]
        book.trials[number] = replace(book.trials[number], state=outcome.state, outcome=outcome)
        book.count(book.trials[number])
        return book.trials[number]

    def equal(self, trial: Trial) -> Trial | None:
        """Return a finished trial of the same parameters that was really run."""
        for other in self.trials(trial.family):
            known = other.state != "running" and not other.duplicate and other.outside is None
            if known and other.params == trial.params:
                return other
        return None

    def tell_duplicate(self, trial: Trial, of: Trial) -> Trial:
        """Commit a trial with the result of an equal one."""
        assert of.outcome is not None
        return self.tell(trial.family, trial.number, replace(of.outcome, duplicate_of=of.number, seconds=0.0, gain=0.0))

    def exhausted(self, family: str) -> bool:
        """Return whether the last twenty proposals of this space were all duplicates."""
        last = self.trials(family)[self._books[family].first :][-DUPLICATES_BEFORE_EXHAUSTED:]
        return len(last) == DUPLICATES_BEFORE_EXHAUSTED and all(trial.duplicate for trial in last)

    def ended(self, family: str, state: State) -> int:
        """Return how many trials of a family ended so, duplicates among them."""
        return self._books[family].ended[state]

    def done(self, family: str) -> int:
        """Return how many trials of a family ended, duplicates left out."""
        ended = self._books[family].ended
        return ended.total() - 2 * ended["duplicate"]  # each is counted by its state, too

    def trials(self, family: str) -> list[Trial]:
        """List a family's trials by number."""
        return list(self._books[family].trials)

    def study(self, family: str) -> optuna.Study:
        """Return a family's Optuna study, as it is stored."""
        name = self._storage.get_study_name_from_id(self._books[family].stored)
        return optuna.load_study(study_name=name, storage=self._storage, pruner=self._pruner)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables of the environment that may hold its password."""
        return secrets_of(self._store)

    def holds(self, family: str) -> bool:
        """Return whether a family's study was begun."""
        return self._name(family) in optuna.get_all_study_names(self._storage)

    def delete(self) -> None:
        """Delete a study that has just begun."""
        for book in self._books.values():
            self._storage.delete_study(book.stored)
        if isinstance(self._store, Path):
            self._store.unlink()

    def _name(self, family: str) -> str:
        """Return the name of a family's study in the storage."""
        return prefix(self._store) + family

    def _stored(self, family: str) -> int:
        """Return the id of a family's study. Where there is none, a writer begins one; a reader writes nothing."""
        try:
            return self._storage.get_study_id_from_name(self._name(family))
        except KeyError:
            optuna.create_study(study_name=self._name(family), storage=self._storage, direction=self._direction)
            return self._storage.get_study_id_from_name(self._name(family))

    def _store_notes(self, book: _Book, number: int | None) -> None:
        """Store what samplers and pruners noted about a trial (or, without a number, about the study) since."""
        noted = (
            book.memory.get_study_system_attrs(_ONLY) if number is None else book.memory.get_trial(number).system_attrs
        )
        known = book.attributes[number]
        for key, value in noted.items():
            if key in known and known[key] == value:
                continue
            if number is None:
                self._storage.set_study_system_attr(book.stored, key, value)
            else:
                self._storage.set_trial_system_attr(book.live[number].stored, key, value)
            known[key] = value


def _copy_in_memory(
    storage: optuna.storages.BaseStorage, stored: int, direction: Literal["maximize", "minimize"], *, pruner: BasePruner
) -> tuple[optuna.Study, ThinnedStorage]:
    """Return a study like the stored one, alone in a storage in memory, where a trial's id is its number."""
    memory = ThinnedStorage()
    sampler = optuna.samplers.RandomSampler()
    study = optuna.create_study(storage=memory, direction=direction, pruner=pruner, sampler=sampler)
    for key, value in storage.get_study_system_attrs(stored).items():
        memory.set_study_system_attr(_ONLY, key, value)
    trials = storage.get_all_trials(stored, deepcopy=False)
    check_states(trial.system_attrs for trial in trials)
    for trial in trials:
        memory.create_new_trial(_ONLY, trial)
    return study, memory


def _read(family: str, space: Space, frozen: FrozenTrial) -> Trial:
    """Turn what Optuna stored into our own record; a failure is a failure again."""
    stored = frozen.user_attrs.get(OUTCOME)
    outside = frozen.user_attrs.get(OUTSIDE)
    params = outside["params"] if outside else flatten(space, configure(space, frozen.params))
    turn = Turn(*frozen.user_attrs[TURN])
    if not frozen.state.is_finished():
        return Trial(family, frozen.number, "running", params, None, turn)
    outcome = Outcome.from_json(json.loads(stored)) if stored else Outcome("failed", error="told elsewhere")
    return Trial(family, frozen.number, outcome.state, params, outcome, turn, outside["config"] if outside else None)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's notices about experimental features that we use on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", "Constraints have been set")  # CMA-ES sees failed trials as pruned ones
        yield
