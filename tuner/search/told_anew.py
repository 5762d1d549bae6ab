"""Trials that the ledger does not hold are told anew, of what their files say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from spaces.language.space import Config, Params, Space
from tuner.search.changed_space import opened, told_again
from tuner.search.ledger import FAILED, OUTCOME, OUTSIDE, TURN, Turn
from tuner.search.stores import Store, page_name, prefix
from tuner.trials.outcome import Outcome


@dataclass(frozen=True)
class Retold:
    """A trial as its files tell it.

    Attributes:
        config: Its configuration.
        params: Its parameters, flat, as its space was then.
        turn: The turn in which it was asked.
        outcome: How it ended, with what it reported; None where it is to run again.
    """

    config: Config
    params: Params
    turn: Turn
    outcome: Outcome | None


def append(store: Store, family: str, trials: Sequence[Retold], *, space: Space, pages: int) -> None:
    """Tell trials behind those that a family's page holds.

    Args:
        store: Where the ledger lies.
        family: The family, whose page was begun.
        trials: The trials, by number.
        space: Its space.
        pages: How often the space changed.
    """
    with opened(store) as storage:
        page = storage.get_study_id_from_name(prefix(store) + page_name(family, pages))
        for trial in trials:
            storage.create_new_trial(page, told_again(_frozen(trial), space, space))


def _frozen(trial: Retold) -> FrozenTrial:
    """Return a trial of Optuna's that says of itself what its configuration was."""
    outcome = trial.outcome
    attributes = {TURN: list(trial.turn), OUTSIDE: {"config": trial.config, "params": trial.params}}
    if outcome is not None:
        attributes[OUTCOME] = json.dumps(replace(outcome, reports=()).to_json())
    made = optuna.trial.create_trial(
        state=TrialState.PRUNED if outcome else TrialState.RUNNING,
        user_attrs=attributes,
        intermediate_values=dict(outcome.reports) if outcome else {},
        constraints={FAILED: 1.0} if outcome and outcome.state == "failed" else None,
    )
    made.datetime_start = datetime.fromtimestamp(outcome.started) if outcome else datetime.now()
    made.datetime_complete = datetime.fromtimestamp(outcome.started + outcome.seconds) if outcome else None
    return made
