"""What is asked and what is told are each one commit, and nothing of them is there without the rest."""

from __future__ import annotations

import pytest
import sqlalchemy

from spaces import Float
from tuner.search.ledger import Ledger
from tuner.search.samplers import make_pruner, sampler_maker
from tuner.trials.outcome import Outcome

SPACE = {"x": Float(0.0, 1.0)}
OUTCOMES = {
    "complete": Outcome("complete", value=0.5),
    "failed": Outcome("failed", error="oops", reason="error"),
    "pruned": Outcome("pruned", error="pruned"),
}


def open_ledger(path):
    ledger = Ledger(path, seed=11, maximize=False, pruner=make_pruner(None))
    ledger.open("net", SPACE, sampler_maker("optuna.nsgaii", SPACE))
    return ledger


@pytest.mark.parametrize("ends", OUTCOMES)
def test_a_trial_is_two_commits(store, ends):
    ledger, commits = open_ledger(store("l")), []
    ledger.ask("net")
    sqlalchemy.event.listen(ledger._storage.engine, "commit", lambda connection: commits.append(1))
    ledger.tell("net", 0, OUTCOMES[ends])
    assert len(commits) == 1
    ledger.ask("net")
    assert len(commits) == 2
    assert [trial.state for trial in open_ledger(store("l")).trials("net")] == [ends, "running"]


def test_of_a_tell_that_is_cut_off_nothing_is_there(store):
    ledger = open_ledger(store("l"))
    ledger.ask("net")
    ledger._storage.set_trial_state_values = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        ledger.tell("net", 0, Outcome("failed", error="oops", reason="error"))
    (frozen,) = open_ledger(store("l")).study("net").get_trials()
    assert "outcome" not in frozen.user_attrs
    assert not frozen.state.is_finished()
