"""The ledger keeps its promises for every sampler."""

import os
import re
import sqlite3
import threading

import optuna
import pytest

from spaces import Choice, Float, Int
from spaces.language.space import defaults, flatten
from tuner.search.ledger import DUPLICATES_BEFORE_EXHAUSTED, Ledger, Trial, Turn
from tuner.search.ledger_file import LedgerError, begin_anew, is_whole
from tuner.search.samplers import SAMPLERS, make_pruner, sampler_maker
from tuner.trials.outcome import Outcome

SPACE = {
    "width": Int(4, 256, log=True),
    "rate": Float(1e-4, 1e-1, log=True),
    "keep": Float(0.0, 1.0, step=0.25),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.9), "nesterov": Choice([False, True])}}),
}


def open_ledger(path, sampler, *, space=None, pruner=None, maximize=False):
    ledger = Ledger(path, seed=11, maximize=maximize, pruner=make_pruner(pruner))
    ledger.open("net", space or SPACE, sampler_maker(sampler, space or SPACE))
    return ledger


def test_a_family_begins_with_its_starts_also_when_it_is_opened_again(store):
    starts = [flatten(SPACE, defaults(SPACE)) | {"width": width} for width in (5, 9, 17)]
    asked = []
    for _ in range(4):
        ledger = Ledger(store("l"), seed=11, maximize=False, pruner=make_pruner(None))
        ledger.open("net", SPACE, sampler_maker("optuna.random", SPACE), starts=starts)
        asked.append(ledger.ask("net")[0].params)
        finish(ledger, ledger.trials("net")[-1])
    assert asked[:3] == starts
    assert asked[3] not in starts


def value_of(params):
    return params["rate"] * 10 + abs(params["width"] - 64) / 64 + (params["optimizer"] == "sgd") * 0.1


def finish(ledger, trial):
    """Tell a value that depends on the parameters; every fifth trial fails."""
    if trial.number % 5 == 4:
        return ledger.tell("net", trial.number, Outcome("failed", error="oops", reason="error"))
    return ledger.tell("net", trial.number, Outcome("complete", value=value_of(trial.params)))


def names():
    have_torch = True
    try:
        import torch  # noqa: F401
    except ImportError:
        have_torch = False
    return [name for name in SAMPLERS if have_torch or name != "optuna.gp"]


@pytest.mark.parametrize("sampler", names())
def test_a_ledger_opened_again_before_every_trial_proposes_the_same(store, sampler):
    once = open_ledger(store("once"), sampler)
    straight = []
    for _ in range(10):
        trial, _ = once.ask("net")
        straight.append(trial.params)
        finish(once, trial)
    again = []
    ledger = open_ledger(store("again"), sampler)
    for _ in range(10):
        trial, _ = ledger.ask("net")
        ledger = open_ledger(store("again"), sampler)
        resumed, config = ledger.resume("net", trial.number)
        assert resumed.params == trial.params == flatten(SPACE, config)
        again.append(resumed.params)
        finish(ledger, resumed)
    assert again == straight
    assert len({str(params) for params in straight}) > 7


@pytest.mark.parametrize("sampler", names())
def test_an_ask_that_was_cut_off_left_nothing_and_is_made_again(store, sampler):
    """A trial is written with all its parameters at once: before that, it never was."""
    whole, torn = (open_ledger(store(name), sampler) for name in ("whole", "torn"))
    for ledger in (whole, torn):
        for _ in range(8):
            finish(ledger, ledger.ask("net")[0])
    expected, _ = whole.ask("net")
    torn._storage.create_new_trial = lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        torn.ask("net")
    reopened = open_ledger(store("torn"), sampler)
    assert len(reopened.trials("net")) == 8
    assert reopened.ask("net")[0].params == expected.params


@pytest.mark.slow
def test_another_program_may_hold_the_file_for_a_while(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.db", "optuna.random")
    holder = sqlite3.connect(tmp_path / "ledger.db", check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    threading.Timer(12, holder.rollback).start()
    finish(ledger, ledger.ask("net")[0])
    with ledger._storage.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 120_000, "milliseconds"
    assert len(open_ledger(tmp_path / "ledger.db", "optuna.random").trials("net")) == 1


FAULTS = {
    "cut": (lambda path: os.truncate(path, 8192), "is damaged"),
    "garbage": (lambda path: path.write_bytes(b"no database" * 1000), "is damaged"),
    "empty": (lambda path: os.truncate(path, 0), "is damaged"),
    "gone": (lambda path: path.rename(path.with_name("elsewhere.db")), "is gone: was the folder deleted or moved?"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_ledger_that_is_harmed_says_so_in_a_sentence(tmp_path, fault):
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path, "optuna.random")
    ledger.ask("net")
    harm, says = FAULTS[fault]
    harm(path)
    with pytest.raises(LedgerError, match=re.escape(f"{path} {says}")):
        _ = [finish(ledger, ledger.ask("net")[0]) for _ in range(20)]
    if fault != "gone":
        with pytest.raises(LedgerError, match="is damaged"):
            open_ledger(path, "optuna.random")


def test_a_ledger_that_was_cut_off_as_it_began_is_begun_anew(tmp_path, monkeypatch):
    def cut_off(place):
        place.write_bytes(b"SQLite format 3")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tuner.search.ledger_file._begin", cut_off)
        with pytest.raises(KeyboardInterrupt):
            open_ledger(tmp_path / "ledger.db", "optuna.random")
    (tmp_path / f"ledger.{'0' * 32}.part.db").write_bytes(b"SQL")  # of one that was killed
    finish(ledger := open_ledger(tmp_path / "ledger.db", "optuna.random"), ledger.ask("net")[0])
    assert len(open_ledger(tmp_path / "ledger.db", "optuna.random").trials("net")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ledger.db.lock", "ledger.db"]


def test_a_journal_of_the_damaged_file_is_put_aside_with_it(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database" * 1000)
    assert not is_whole(path)
    (tmp_path / "ledger.db-journal").write_bytes(b"of another")
    assert begin_anew(path) == tmp_path / "ledger.db.damaged-1"
    assert (tmp_path / "ledger.db.damaged-1-journal").read_bytes() == b"of another"
    assert not (tmp_path / "ledger.db-journal").exists()
    assert is_whole(path)
    path.unlink()
    assert not is_whole(path)
    assert begin_anew(path) is None


def test_a_ledger_that_another_program_holds_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    open_ledger(tmp_path / "ledger.db", "optuna.random")
    monkeypatch.setattr("tuner.search.ledger_file._WAITS_SECONDS", 0.1)
    holder = sqlite3.connect(tmp_path / "ledger.db")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="is locked by another program"):
        is_whole(tmp_path / "ledger.db")
    holder.close()


@pytest.mark.parametrize("pruner", ["median", "successive_halving"])
def test_what_is_stored_is_what_samplers_and_pruners_saw(store, pruner):
    """The copy in memory and the storage tell the same story, attributes included."""
    ledger = open_ledger(store("l"), "optuna.nsgaii", pruner=pruner)
    for _ in range(14):
        trial, _ = ledger.ask("net")
        if any(ledger.report("net", trial.number, step, value=value_of(trial.params)) for step in range(4)):
            ledger.tell("net", trial.number, Outcome("pruned", error="pruned"))
        else:
            finish(ledger, trial)
    ledger.ask("net")
    book, stored = ledger._books["net"], ledger.study("net")
    seen = book.study.get_trials()
    for mine, other in zip(seen, stored.get_trials(), strict=True):
        assert (mine.number, mine.state, mine.values, mine.params) == (
            other.number, other.state, other.values, other.params,
        )  # fmt: skip
        assert mine.distributions == other.distributions
        assert mine.intermediate_values == other.intermediate_values
        assert mine.system_attrs == other.system_attrs
    assert book.memory.get_study_system_attrs(0) == ledger._storage.get_study_system_attrs(book.stored)


def test_the_first_trial_is_the_untuned_model(store):
    _, config = open_ledger(store("l"), "optuna.tpe").ask("net")
    assert config == defaults(SPACE)


def test_failures_are_data_for_the_samplers_and_failures_for_us(store):
    ledger = open_ledger(store("l"), "optuna.tpe")
    trial, _ = ledger.ask("net")
    told = ledger.tell("net", trial.number, Outcome("failed", error="out of memory", reason="memory"))
    (frozen,) = ledger.study("net").get_trials()
    assert frozen.state == optuna.trial.TrialState.PRUNED
    assert frozen.constraints == {"failed": 1.0}
    assert told.state == "failed"
    assert told.outcome.reason == "memory"
    reopened = open_ledger(store("l"), "optuna.tpe")
    assert reopened.trials("net") == [told]


def test_a_new_attempt_does_not_report_steps_again_but_decides_the_last_again(store):
    ledger = open_ledger(store("l"), "optuna.random", pruner=optuna.pruners.ThresholdPruner(upper=1.0))
    trial, _ = ledger.ask("net")
    assert not ledger.report("net", trial.number, 0, value=0.5)
    assert ledger.report("net", trial.number, 1, value=5.0)
    again = open_ledger(store("l"), "optuna.random", pruner=optuna.pruners.ThresholdPruner(upper=1.0))
    again.resume("net", trial.number)
    assert not again.report("net", trial.number, 0, value=9.0)
    assert again.report("net", trial.number, 1, value=9.0)
    assert again.study("net").get_trials()[0].intermediate_values == {0: 0.5, 1: 5.0}


def test_equal_trials_are_found_and_told_once(store):
    space = {"only": Choice(["a", "b"])}
    ledger = open_ledger(store("l"), "optuna.random", space=space)
    run, duplicates = 0, 0
    while not ledger.exhausted("net"):
        trial, _ = ledger.ask("net")
        same = ledger.equal(trial)
        if same is None:
            ledger.tell("net", trial.number, Outcome("complete", value=float(trial.number)))
            run += 1
        else:
            told = ledger.tell_duplicate(trial, same)
            assert told.value == same.value
            assert told.outcome.duplicate_of == same.number
            duplicates += 1
    assert run == 2
    assert duplicates >= DUPLICATES_BEFORE_EXHAUSTED
    for one in (ledger, open_ledger(store("l"), "optuna.random", space=space)):
        assert one.done("net") == run
        assert one.ended("net", "complete") == run + duplicates


def test_ended_trials_are_counted_by_their_state_and_those_that_run_are_none(store):
    ledger = open_ledger(store("l"), "optuna.random")
    for _ in range(6):
        finish(ledger, ledger.ask("net")[0])
    ledger.ask("net")
    for one in (ledger, open_ledger(store("l"), "optuna.random")):
        assert one.done("net") == 6
        assert [one.ended("net", state) for state in ("complete", "failed", "pruned")] == [5, 1, 0]


def test_what_was_not_run_is_no_equal_of_later_trials(store):
    """The trial that a duplicate copies may be forgotten, as by a retry; the copy does not stand for it."""
    ledger = open_ledger(store("l"), "optuna.random", space={"only": Choice(["a", "b"])})
    copy, _ = ledger.ask("net")
    ledger.tell("net", copy.number, Outcome("complete", value=0.5, duplicate_of=copy.number + 7))
    asked, _ = ledger.ask("net")
    while asked.params != copy.params:
        asked, _ = ledger.ask("net")
    assert ledger.equal(asked) is None
    ledger.tell("net", asked.number, Outcome("complete", value=0.25))
    again, _ = ledger.ask("net")
    while again.params != copy.params:
        again, _ = ledger.ask("net")
    assert ledger.equal(again).number == asked.number


def test_failed_trials_do_not_lead_the_sampler_on(store):
    """Where half of the space fails, TPE spends less than half of its later trials there."""
    space = {"x": Float(0.0, 1.0)}
    ledger = open_ledger(store("l"), "optuna.tpe", space=space)
    for _ in range(40):
        trial, _ = ledger.ask("net")
        bad = trial.params["x"] > 0.5
        outcome = Outcome("failed", reason="error") if bad else Outcome("complete", value=1 - trial.params["x"])
        ledger.tell("net", trial.number, outcome)
    late = [trial.params["x"] > 0.5 for trial in ledger.trials("net")[20:]]
    assert sum(late) < len(late) / 2


def test_unknown_samplers_and_pruners_name_the_right_ones():
    with pytest.raises(ValueError, match=r"did you mean 'optuna.tpe'"):
        sampler_maker("optuna.tpee", SPACE)
    with pytest.raises(ValueError, match="did you mean 'median'"):
        make_pruner("medium")


def test_a_trial_is_one_line():
    outcome = Outcome("complete", value=0.0, seconds=1.0)
    said = repr(Trial("linear", 3, "complete", {"alpha": 1.0}, outcome, Turn(0, "first")))
    assert said == "Trial linear-000003: complete, value 0.0, {'alpha': 1.0}"
