"""What is said of a study: what was not tried, why a trial ended, and what the last seconds brought."""

from pathlib import Path

import pytest

from tuner.archive.records import Records
from tuner.archive.report import ensemble_line, leaderboard, summary
from tuner.archive.spending import gains
from tuner.search.ledger import Trial, Turn
from tuner.trials.outcome import Outcome


def ended(family, number, state="complete", *, gain=0.0, error=None, started=0.0):
    value, folds = (0.5, (0.5,)) if state == "complete" else (None, ())
    outcome = Outcome(state, value, folds, {}, seconds=10.0, started=started, attempt=1, error=error, gain=gain)
    return Trial(family, number, state, {}, outcome, Turn(number, "first"))


class Told(Records):
    """Trials that stand in a list, in place of a ledger."""

    metric, sign, trials = "loss", 1, ()

    def curves(self, trial):
        return []


def told(*trials, families=("baseline", "linear", "dense", "xgboost")):
    found = Told(Path("runs/told"), None, families)
    object.__setattr__(found, "trials", list(trials))
    return found


def test_families_without_a_trial_are_named_once_another_has_one():
    first = ended("baseline", 0)
    assert "not tried" not in summary(told(first))
    assert ", not tried: dense, xgboost" in summary(told(first, ended("linear", 0)))
    assert "not tried" not in summary(told(first, ended("linear", 0), families=("baseline", "linear")))


def test_the_leaderboard_says_why_a_trial_was_pruned():
    why = "its time was over after 1 of 5 folds"
    board = leaderboard(told(ended("linear", 0), ended("dense", 0, "pruned", error=why)))
    assert board["reason"].fillna("").tolist() == ["", why]


@pytest.mark.parametrize(("gain", "says"), [(0.02, "2.0%"), (1e-5, "less than 0.1%"), (0.0, "nothing")])
def test_a_gain_is_never_said_to_be_zero(gain, says):
    trials = [ended("linear", 0, gain=0.5), *(ended("dense", i, started=10.0 * i) for i in (1, 2))]
    last = ended("linear", 1, gain=gain, started=30.0)
    assert gains([*trials, last]).endswith(f"the last third of the time took {says} off its loss")


@pytest.mark.parametrize(
    ("sign", "difference", "error", "said"),
    [
        (1, -0.02, 0.01, "0.02 ± 0.01 better than one model"),
        (-1, -0.02, 0.01, "0.02 ± 0.01 worse than one model"),
        (-1, 0.02, None, "0.02 better than one model"),
        (1, 0.0, 0.0, "as good as one model"),
    ],
)
def test_what_an_ensemble_gains_is_said_by_the_metric_s_direction(sign, difference, error, said):
    scores = {"ensemble": {"cross_fitted": 0.5}, "difference": {"cross_fitted": difference, "standard_error": error}}
    assert ensemble_line(sign, scores, 3) == f"ensemble of 3 models 0.5, {said}"
