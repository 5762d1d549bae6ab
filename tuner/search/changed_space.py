"""A family's space changes within a study: its trials are told again to the samplers, where they are points of the new.

Optuna wants the distributions of a study to agree, so each space of a family has an Optuna study of its own in the
ledger, a *page*. A new page is begun under its name, and counts once `study.json` names it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces.language.space import Config, Params, Space, configure, flatten, suggest
from tuner.search.ledger import OUTCOME, OUTSIDE
from tuner.search.stores import Store, open_storage, page_name, prefix
from tuner.trials.outcome import Outcome

_OF_PRUNERS = ("constraints", "completed_rung")  # what samplers noted is of the space before


class Carried(NamedTuple):
    """How many trials are points of the new space, and how many are not."""

    kept: int
    left: int


def turn_page(store: Store, family: str, *, old: Space, new: Space, changes: Sequence[int], maximize: bool) -> Carried:
    """Begin a family's next page with all its trials.

    Args:
        store: Where the ledger lies.
        family: The family.
        old: Its space so far.
        new: Its space from now on.
        changes: How many trials there were when its space changed before.
        maximize: Whether greater values are better.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(store)
    name, before = (prefix(store) + page_name(family, len(changes) + i) for i in (1, 0))
    if name in (study.study_name for study in storage.get_all_studies()):  # it was cut off
        storage.delete_study(storage.get_study_id_from_name(name))
    direction = optuna.study.StudyDirection.MAXIMIZE if maximize else optuna.study.StudyDirection.MINIMIZE
    page = storage.create_new_study([direction], name)
    known = storage.get_all_trials(storage.get_study_id_from_name(before))
    carried = [told_again(trial, old, new) for trial in known]
    for trial in carried:
        storage.create_new_trial(page, trial)
    left = sum(OUTSIDE in trial.user_attrs for trial in carried)
    storage.remove_session()
    storage.engine.dispose()
    return Carried(len(carried) - left, left)


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
