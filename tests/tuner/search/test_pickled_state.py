"""A ledger that somebody prepared runs no code."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing

import pytest

from spaces import Float
from tuner.search.ledger import Ledger
from tuner.search.ledger_file import LedgerError
from tuner.search.samplers import make_pruner, sampler_maker
from tuner.trials.outcome import Outcome

SPACE = {"rate": Float(0.0, 1.0), "keep": Float(0.0, 1.0)}


class Runs:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return (os.mkdir, (self.touched,))


def go_on(path, trials):
    ledger = Ledger(path, seed=1, maximize=False, pruner=make_pruner(None))
    ledger.open("net", SPACE, sampler_maker("optuna.cmaes", SPACE))
    for _ in range(trials):
        trial, _ = ledger.ask("net")
        ledger.tell("net", trial.number, Outcome("complete", value=sum(trial.params.values())))


@pytest.fixture
def prepared(tmp_path):
    """A ledger of CMA-ES whose last state is another pickle."""

    def make(content):
        path = tmp_path / "ledger.db"
        go_on(path, 25)
        with closing(sqlite3.connect(path)) as connection, connection:
            of = "trial_system_attributes WHERE key LIKE 'cma:optimizer:%'"
            assert connection.execute(f"SELECT count(*) FROM {of}").fetchone()[0] > 0
            connection.execute(f"DELETE FROM {of} AND key != 'cma:optimizer:0'")
            connection.execute(
                "UPDATE trial_system_attributes SET value_json = ? WHERE key = 'cma:optimizer:0'", (f'"{content}"',)
            )
        return path

    return make


def test_a_study_of_cma_es_goes_on(tmp_path):
    go_on(tmp_path / "ledger.db", 25)
    go_on(tmp_path / "ledger.db", 2)


def test_a_state_that_would_run_something_is_refused_by_name(prepared, tmp_path):
    path = prepared(pickle.dumps(Runs(str(tmp_path / "ran"))).hex())
    with pytest.raises(LedgerError, match=r"would run posix\.mkdir"):
        go_on(path, 1)
    assert not (tmp_path / "ran").exists()


def test_a_torn_state_is_refused(prepared):
    with pytest.raises(LedgerError, match="cannot be read"):
        go_on(prepared("8004"), 1)
