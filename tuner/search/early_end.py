"""Which configurations end before all folds are trained: a pure function of a family's trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.search.ledger import Trial
from tuner.search.turns import GAIN
from tuner.trials.outcome import Outcome

_FEWEST_TRIALS = 3
_PATIENCE, _A_FAMILY, _ROWS_A_TRIAL = 50, 10, 1_000


def is_beaten(value: float, trials: Sequence[Trial], *, folds: int, sign: int, baseline: Outcome | None = None) -> bool:
    """Return whether a trial's mean so far is as far behind the best trial of its family as that one's worst fold.

    It is behind by what lies between the two on the same folds; the best trial's worst fold lies behind its own mean.
    With all folds this is the forgiving rule of Bergman, Purucker, Hutter ("Don't Waste Your Time: Early Stopping
    Cross-Validation", 2024), which holds every mean against the worst fold: where the first fold is the hardest, nearly
    all trials would end with it. Only inner rows are compared. Trials that do not look at inner rows, and families with
    fewer than three complete trials, end nothing early. What is worse than each fold of the baseline is ended once one
    is complete.

    Args:
        value: The mean of the deciding metric on inner rows, over the folds so far.
        trials: The family's trials.
        folds: How many folds that are, the first ones.
        sign: 1 when lower is better, -1 when greater is.
        baseline: How the baseline ended, if it is known.
    """
    known = [trial for trial in trials if trial.value is not None and not trial.duplicate and trial.outcome]
    usual = baseline.scored if baseline else []
    useless = bool(usual) and all(sign * value > sign * one for one in usual)
    if len(known) < (1 if useless else _FEWEST_TRIALS):
        return False
    watched = [trial for trial in known if trial.outcome and trial.outcome.inner_values]
    best = min(watched, key=lambda trial: sign * (trial.value or 0.0), default=None)
    if best is None or best.outcome is None:
        return False
    inner = sign * np.array(best.outcome.inner_values)
    return bool(sign * value - inner[:folds].mean() >= inner.max() - inner.mean())


def as_told(outcome: Outcome, baseline: float | None, *, sign: int) -> Outcome:
    """Return what the ledger is told of a trial: pruned, where the clock stopped it no better than the baseline.

    What it reported is in the ledger already. A network that is stopped within its first epoch has learned nothing yet:
    its value says nothing of its configuration, and it is no member. A trial that ended by itself counts, however bad
    it is.

    Args:
        outcome: How it ended by its own account.
        baseline: The value of the baseline.
        sign: 1 when lower is better, -1 when greater is.
    """
    told = replace(outcome, reports=())
    stopped = any(one is not None for one in outcome.stopped)
    if outcome.state != "complete" or outcome.value is None or baseline is None or not stopped:
        return told
    if sign * outcome.value < sign * baseline:
        return told
    said = f"the clock stopped it at {outcome.value:.5g}, no better than the baseline's {baseline:.5g}"
    return replace(told, state="pruned", value=None, error=said)


def stands_still(gains: Sequence[float], *, rows: int, families: int) -> int:
    """Return for how many trials the ensemble of all trials gained nothing, where these are enough to end; or 0.

    Enough are 50 trials, or ten for each family, and one more for each thousand rows: with more rows, smaller gains are
    no chance. Together they must not have taken a thousandth off the loss.

    Args:
        gains: By which share of itself each trial made the loss fall, in the order in which they ended.
        rows: The rows of the task.
        families: How many families are searched.
    """
    patience = max(_PATIENCE, _A_FAMILY * families) + rows // _ROWS_A_TRIAL
    return patience if len(gains) >= patience and sum(gains[-patience:]) < GAIN else 0
