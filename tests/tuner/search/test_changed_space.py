"""A space that changes: what fits is told again, for every sampler; nothing else is lost."""

from __future__ import annotations

import optuna
import pytest

from spaces import Choice, Float, Int
from spaces.language.space import configure, flatten
from tuner.search.changed_space import turn_page
from tuner.search.ledger import Ledger
from tuner.search.samplers import SAMPLERS, make_pruner, sampler_maker
from tuner.trials.outcome import Outcome

OLD = {
    "width": Int(4, 64, log=True),
    "rate": Float(1e-3, 1e-1, log=True),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.9)}}),
    "epochs": 5,
}
WIDER = {
    "width": Int(4, 256, log=True),
    "rate": Float(1e-4, 1e-1, log=True),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.9)}, "lion": {"beta": Float(0.5, 0.99)}}),
    "epochs": Int(5, 20),
}
MOVED = {**OLD, "width": Int(16, 64, log=True), "optimizer": Choice({"adam": {}})}
NAMES = [name for name in SAMPLERS if name != "optuna.gp"]


def open_ledger(path, space, *, sampler="optuna.tpe", changes=(), maximize=False):
    ledger = Ledger(path, seed=11, maximize=maximize, pruner=make_pruner("median"))
    ledger.open("net", space, sampler_maker(sampler, space), changes=changes, starts=[])
    return ledger


def run(ledger, count):
    """Ask and tell; every fifth trial fails."""
    for _ in range(count):
        trial, _ = ledger.ask("net")
        ledger.report("net", trial.number, 0, value=trial.params["rate"])
        failed = trial.number % 5 == 4
        outcome = Outcome("failed", reason="error") if failed else Outcome("complete", value=trial.params["rate"])
        ledger.tell("net", trial.number, outcome)
    return ledger


@pytest.fixture
def path(store):
    """A ledger of twelve finished trials and one that was cut off."""
    ledger = run(open_ledger(store("l"), OLD, sampler="optuna.nsgaii"), 12)
    ledger.ask("net")
    return store("l")


@pytest.mark.parametrize("sampler", NAMES)
def test_every_sampler_goes_on_in_a_wider_space_and_may_be_interrupted(path, sampler):
    before = open_ledger(path, OLD).trials("net")
    assert turn_page(path, "net", old=OLD, new=WIDER, changes=[]) == (13, 0)
    ledger = open_ledger(path, WIDER, sampler=sampler, changes=[13])
    after = ledger.trials("net")
    assert [(t.number, t.state, t.outcome, t.turn) for t in after] == [
        (t.number, t.state, t.outcome, t.turn) for t in before
    ]
    assert [configure(WIDER, t.params) for t in after] == [configure(OLD, t.params) for t in before]
    stored = ledger.study("net").get_trials()
    assert [t.number for t in stored if t.constraints == {"failed": 1.0}] == [4, 9]
    assert {key.split(":")[0] for t in stored for key in t.system_attrs} == {"constraints"}  # no sampler's
    ledger.resume("net", 12)
    ledger.tell("net", 12, Outcome("complete", value=0.1))
    expected, _ = ledger.ask("net")
    again = open_ledger(path, WIDER, sampler=sampler, changes=[13])
    assert again.resume("net", 13)[0].params == expected.params
    again.tell("net", 13, Outcome("complete", value=0.2))
    assert len(run(again, 3).trials("net")) == 17


def test_samplers_see_what_fits_with_the_distributions_of_the_new_space(path):
    trials = open_ledger(path, OLD).trials("net")
    fits = {t.number for t in trials if t.params["width"] >= 16 and t.params["optimizer"] == "adam"}
    assert 0 < len(fits) < 13
    assert turn_page(path, "net", old=OLD, new=MOVED, changes=[]) == (len(fits), 13 - len(fits))
    ledger = open_ledger(path, MOVED, changes=[13])
    stored = ledger.study("net").get_trials()
    assert {t.number for t in stored if t.state != optuna.trial.TrialState.FAIL} == fits
    assert {t.distributions["width"].low for t in stored if t.number in fits} == {16}
    for trial, frozen in zip(trials, stored, strict=True):
        if trial.number in fits and trial.state == "failed":
            assert frozen.constraints == {"failed": 1.0}
    mine = ledger.trials("net")
    assert [t.params for t in mine] == [t.params for t in trials]
    assert {t.number for t in mine if t.outside is None} == fits
    assert all(flatten(OLD, t.outside) == t.params for t in mine if t.outside is not None)


def test_what_was_left_out_is_a_point_again_when_the_space_changes_back(path):
    before = open_ledger(path, OLD).trials("net")
    turn_page(path, "net", old=OLD, new=MOVED, changes=[])
    assert turn_page(path, "net", old=MOVED, new=OLD, changes=[13]) == (13, 0)
    after = open_ledger(path, OLD, changes=[13, 13]).trials("net")
    assert after[:12] == before[:12]


def test_a_page_that_was_cut_off_is_begun_again_and_until_then_nothing_changed(path, monkeypatch):
    before = open_ledger(path, OLD).trials("net")
    create = optuna.storages.RDBStorage.create_new_trial
    written = []

    def dies(self, study, template=None):
        written.append(template)
        if len(written) == 5:
            raise KeyboardInterrupt
        return create(self, study, template)

    monkeypatch.setattr(optuna.storages.RDBStorage, "create_new_trial", dies)
    with pytest.raises(KeyboardInterrupt):
        turn_page(path, "net", old=OLD, new=WIDER, changes=[])
    assert open_ledger(path, OLD).trials("net") == before
    assert turn_page(path, "net", old=OLD, new=WIDER, changes=[]) == (13, 0)
    assert len(open_ledger(path, WIDER, changes=[13]).trials("net")) == 13


def test_an_exhausted_space_is_none_once_it_is_wider(tmp_path):
    path, small, wider = tmp_path / "l.db", {"only": Choice(["a"])}, {"only": Choice(["a", "b"])}
    ledger = open_ledger(path, small, sampler="optuna.random")
    while not ledger.exhausted("net"):
        trial, _ = ledger.ask("net")
        same = ledger.equal(trial)
        if same is None:
            ledger.tell("net", trial.number, Outcome("complete", value=1.0))
        else:
            ledger.tell_duplicate(trial, same)
    count = len(ledger.trials("net"))
    turn_page(path, "net", old=small, new=wider, changes=[])
    assert not open_ledger(path, wider, sampler="optuna.random", changes=[count]).exhausted("net")


def test_a_constant_that_changed_makes_no_duplicate(tmp_path):
    """The parameters are the same; the configuration is another."""
    old, new = {"rate": Choice([0.5]), "epochs": 5}, {"rate": Choice([0.5]), "epochs": 9}
    run(open_ledger(tmp_path / "l.db", old), 1)
    assert turn_page(tmp_path / "l.db", "net", old=old, new=new, changes=[]) == (0, 1)
    ledger = open_ledger(tmp_path / "l.db", new, changes=[1])
    assert ledger.equal(ledger.ask("net")[0]) is None
