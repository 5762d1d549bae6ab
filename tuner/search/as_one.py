"""The trials of all families as one Optuna study, in which the family is a parameter, for Optuna's own plots."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.search.ledger import Ledger, quiet


def as_one_study(ledger: Ledger, families: Sequence[str], *, maximize: bool) -> optuna.Study:
    """Return the finished trials of all families in one Optuna study, in memory.

    The family is a parameter of each trial; the others are called `family.name`.
    """
    study = optuna.create_study(study_name="all", direction="maximize" if maximize else "minimize")
    choices = optuna.distributions.CategoricalDistribution(tuple(families))
    with quiet():
        for family in families:
            for one in ledger.study(family).trials:
                if one.state.is_finished():
                    study.add_trial(_of_family(one, family, choices))
    return study


def _of_family(one: FrozenTrial, family: str, choices: optuna.distributions.CategoricalDistribution) -> FrozenTrial:
    """Return a copy of a trial with its family as a parameter, and its own parameters under the family's name."""
    made = optuna.trial.create_trial(
        state=one.state,
        value=one.value if one.state == TrialState.COMPLETE else None,
        params={"family": family, **{f"{family}.{name}": value for name, value in one.params.items()}},
        distributions={"family": choices, **{f"{family}.{name}": of for name, of in one.distributions.items()}},
        user_attrs=one.user_attrs,
        intermediate_values=one.intermediate_values,
    )
    made.datetime_start, made.datetime_complete = one.datetime_start, one.datetime_complete
    return made
