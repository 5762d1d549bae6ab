"""A long history is thinned for samplers, and the same each time."""

from __future__ import annotations

import shutil

import optuna
import pytest
from optuna.trial import TrialState

from spaces import Choice, Float
from tuner.search.ledger import Ledger
from tuner.search.samplers import THINNED, make_pruner, sampler_maker
from tuner.search.thinning import BEST_SHOWN, MOST_SHOWN, ThinnedStorage, shown_of

SPACE = {"rate": Float(0.0, 1.0), "kind": Choice({"a": {}, "b": {"more": Float(0.0, 1.0)}})}


def finished(count: int) -> list[optuna.trial.FrozenTrial]:
    """Trials of which the later ones are better; every fifth was pruned."""
    distribution = {
        "rate": optuna.distributions.FloatDistribution(0, 1),
        "kind": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    return [
        optuna.trial.create_trial(
            state=TrialState.PRUNED if number % 5 == 0 else TrialState.COMPLETE,
            value=1 - number / count,
            params={"rate": number / count, "kind": "a"},
            distributions=distribution,
            user_attrs={"turn": [number, ""]},
        )
        for number in range(count)
    ]


def stored(count: int) -> optuna.Study:
    study = optuna.create_study(storage=ThinnedStorage())
    study.add_trials(finished(count))
    return study


def test_the_best_are_shown_and_others_by_the_seed_alone() -> None:
    trials = stored(1000).get_trials(deepcopy=False)
    shown = shown_of(trials, maximize=False, seed=3)
    best = {one.number for one in trials[-40:] if one.state == TrialState.COMPLETE}
    assert len(shown) == MOST_SHOWN
    assert len(best & shown) >= BEST_SHOWN
    assert shown == shown_of(trials, maximize=False, seed=3) != shown_of(trials, maximize=False, seed=4)
    assert len({number for number in shown if number < 500}) > 150
    worst = shown_of(trials, maximize=True, seed=3)
    assert {1, 2, 3, 4, 6} <= worst
    assert shown_of(trials[:MOST_SHOWN], maximize=False, seed=3) is None


def test_only_finished_trials_are_left_out_and_only_for_a_while() -> None:
    study = stored(600)
    running = study.ask().number
    with study._storage.thinned(maximize=False, seed=0):
        seen = study.get_trials(deepcopy=False)
        begun = study.ask()
        begun.suggest_float("rate", 0.0, 1.0)
        later = study.get_trials(deepcopy=False)
        copied = study._storage.get_all_trials(0, states=(TrialState.RUNNING,))
    assert len(seen) == MOST_SHOWN + 1
    assert seen[-1].number == running
    assert later[:-1] == seen
    assert later[-1].params == {"rate": begun.params["rate"]}
    assert [one.number for one in copied] == [running, begun.number]
    assert copied[-1] is not later[-1]
    study.tell(begun, state=TrialState.PRUNED)
    assert len(study.get_trials(deepcopy=False)) == 602


@pytest.mark.parametrize("sampler", THINNED)
def test_a_long_study_that_is_opened_again_proposes_the_same(tmp_path, sampler, monkeypatch) -> None:
    monkeypatch.setattr("tuner.search.thinning.MOST_SHOWN", 30)
    monkeypatch.setattr("tuner.search.thinning.BEST_SHOWN", 5)
    opened(tmp_path / "ledger.db", sampler).study("net").add_trials(finished(60))
    asked = []
    for place, thinned in (("first", True), ("again", True), ("whole", False)):
        shutil.copy(tmp_path / "ledger.db", tmp_path / place)
        ledger = opened(tmp_path / place, sampler, thinned=thinned)
        asked.append([ledger.ask("net")[0].params for _ in range(4)])
    assert asked[0] == asked[1] != asked[2]


def opened(path, sampler, *, thinned=True) -> Ledger:
    ledger = Ledger(path, seed=11, maximize=False, pruner=make_pruner(None))
    ledger.open("net", SPACE, sampler_maker(sampler, SPACE), thinned=thinned)
    return ledger
