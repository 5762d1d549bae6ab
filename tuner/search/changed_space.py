"""A family's space changes within a study: its trials are told again to the samplers, where they are points of the new.

Optuna wants the distributions of a study to agree, so each space of a family has an Optuna study of its own in the
ledger, a *page*. A new page is begun under its name, and counts once `study.json` names it. Optuna does not let a trial
that ended run again, so failed trials that are tried once more need a new page too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces.language.space import Config, Params, Space, configure, flatten, suggest
from tuner.search.ledger import OUTCOME, OUTSIDE
from tuner.search.stores import Store, open_storage, page_name, prefix
from tuner.trials.outcome import Outcome

_CONSTRAINTS = "constraints"
_OF_PRUNERS = (_CONSTRAINTS, "completed_rung")  # what samplers noted is of the space before


class Carried(NamedTuple):
    """How many trials are points of the new space, and how many are not."""

    kept: int
    left: int


def turn_page(store: Store, family: str, *, old: Space, new: Space, changes: Sequence[int]) -> Carried:
    """Begin a family's next page with all its trials.

    Args:
        store: Where the ledger lies.
        family: The family.
        old: Its space so far.
        new: Its space from now on.
        changes: How many trials there were when its pages before ended.
    """
    with opened(store) as storage:
        before, after = (prefix(store) + page_name(family, len(changes) + i) for i in (0, 1))
        known = storage.get_all_trials(storage.get_study_id_from_name(before))
        carried = [told_again(trial, old, new) for trial in known]
        _write_page(storage, before, after, trials=carried)
    left = sum(OUTSIDE in trial.user_attrs for trial in carried)
    return Carried(len(carried) - left, left)


def turn_page_of_failed(store: Store, family: str, *, space: Space, changes: Sequence[int]) -> tuple[int, list[int]]:
    """Begin a family's next page with all its trials, those that failed as running; nothing is written if none did.

    Args:
        store: Where the ledger lies.
        family: The family.
        space: Its space.
        changes: How many trials there were when its pages before ended.

    Returns:
        How many trials there are, and the numbers of those that run again.
    """
    with opened(store) as storage:
        before, after = (prefix(store) + page_name(family, len(changes) + i) for i in (0, 1))
        if before not in (study.study_name for study in storage.get_all_studies()):  # the study was cut off
            return 0, []
        known = storage.get_all_trials(storage.get_study_id_from_name(before))
        failed = [trial.number for trial in known if _has_failed(trial)]
        if failed:
            trials = [told_again(_untold(one) if one.number in failed else one, space, space) for one in known]
            _write_page(storage, before, after, trials=trials)
    return len(known), failed


@contextmanager
def opened(store: Store) -> Iterator[optuna.storages.RDBStorage]:
    """Open a ledger's storage for a while."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(store)
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _write_page(storage: optuna.storages.RDBStorage, before: str, after: str, *, trials: Sequence[FrozenTrial]) -> None:
    if after in (study.study_name for study in storage.get_all_studies()):  # it was cut off
        storage.delete_study(storage.get_study_id_from_name(after))
    page = storage.create_new_study(storage.get_study_directions(storage.get_study_id_from_name(before)), after)
    for trial in trials:
        storage.create_new_trial(page, trial)


def _has_failed(trial: FrozenTrial) -> bool:
    """Return whether a trial really ran and failed, and is a point of the space."""
    if OUTCOME not in trial.user_attrs or OUTSIDE in trial.user_attrs:
        return False
    outcome = Outcome.from_json(json.loads(trial.user_attrs[OUTCOME]))
    return outcome.state == "failed" and outcome.duplicate_of is None


def _untold(trial: FrozenTrial) -> FrozenTrial:
    """Return a failed trial as one that was cut off."""
    made = copy.copy(trial)
    made.user_attrs = {key: value for key, value in trial.user_attrs.items() if key != OUTCOME}
    made.system_attrs = {k: value for k, value in trial.system_attrs.items() if not k.startswith(_CONSTRAINTS)}
    return made


def moved(params: Params, old: Space, new: Space) -> Params | None:
    """Return the parameters of the same configuration in another space, or None where it is no point of it."""
    try:
        return flatten(new, configure(old, params))
    except ValueError:
        return None


def told_again(trial: FrozenTrial, old: Space, new: Space) -> FrozenTrial:
    """Return a trial as one of the new space, or as one that samplers leave out.

    Optuna's samplers ignore what failed: under that state a trial outside keeps its number, and is ours as before.
    """
    outside = trial.user_attrs.get(OUTSIDE)
    config: Config = outside["config"] if outside else configure(old, trial.params)
    stored = trial.user_attrs.get(OUTCOME)
    outcome = Outcome.from_json(json.loads(stored)) if stored else None
    attributes = {key: value for key, value in trial.user_attrs.items() if key != OUTSIDE}
    try:
        params = flatten(new, config)
    except ValueError:
        before = outside["params"] if outside else flatten(old, config)
        attributes |= {OUTSIDE: {"config": config, "params": before}, OUTCOME: json.dumps(_ended(trial, outcome))}
        return _like(trial, TrialState.FAIL, user_attrs=attributes)
    asked = optuna.trial.FixedTrial(params)
    suggest(new, asked)
    return _like(
        trial,
        _state(trial, outcome),
        value=outcome.value if outcome and outcome.state == "complete" else None,
        params=asked.params,
        distributions=asked.distributions,
        user_attrs=attributes,
        system_attrs={key: value for key, value in trial.system_attrs.items() if key.startswith(_OF_PRUNERS)},
        intermediate_values=trial.intermediate_values,
    )


def _ended(trial: FrozenTrial, outcome: Outcome | None) -> dict[str, Any]:
    """Return how a trial outside ended; one that was cut off is not tried again."""
    if outcome is None:
        began = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        why = "it was cut off, and then the space changed: its configuration is no point of it"
        outcome = Outcome("pruned", error=why, started=began)
    return outcome.to_json()


def _state(trial: FrozenTrial, outcome: Outcome | None) -> Any:
    if outcome is None:
        return TrialState.RUNNING
    return TrialState.COMPLETE if outcome.state == "complete" else TrialState.PRUNED


def _like(trial: FrozenTrial, state: TrialState, **given: Any) -> FrozenTrial:
    made = optuna.trial.create_trial(state=state, **given)
    made.datetime_start = trial.datetime_start
    made.datetime_complete = trial.datetime_complete if state.is_finished() else None
    return made
