"""A ledger that is damaged, gone or behind is told anew, and the study goes on as if nothing had happened."""

from __future__ import annotations

import os
import re
import shutil

import pytest
from click.testing import CliRunner
from small import SMALL_XGBOOST, make_frame

import tuner
from spaces import FAMILIES, Choice, Family
from spaces.engines.engine import SKLEARN
from tuner.archive.study_folder import StudyError
from tuner.cli import main
from tuner.launch.repair import repair
from tuner.search.ledger_file import LedgerError

LINEAR = FAMILIES["linear"]


def build(config, signature):
    if config["alpha"] > 3:
        raise OSError("a file of mine is not there")
    return LINEAR.build(config, signature)


FEW = Family("a-few", lambda signature: {"alpha": Choice([0.5, 9.0, 3.0])}, build, (SKLEARN,))


def launch(folder, trials, *, ledger=None):
    """Go on with a study in which trials complete, fail, are pruned and repeat others."""
    task = tuner.Task(make_frame(), "label", split={"kind": "holdout"})
    families = {"xgboost": SMALL_XGBOOST, FEW.name: {"family": FEW}}
    return tuner.tune(
        task, families, trials=trials, workers=0, seed=3, folder=folder, tracking=None, progress=False,
        pruner="median", ledger=ledger,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study, and the same one when it went on."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    launch(folder, 10)
    after = tuner.load_study(shutil.copytree(folder, folder.with_name("after")))
    launch(after.folder, 12)
    study = tuner.load_study(folder)
    states = {trial.state for trial in study.trials} | {"duplicate" for trial in study.trials if trial.duplicate}
    assert states == {"complete", "failed", "pruned", "duplicate"}
    return study, tuner.load_study(after.folder)


def told(study):
    return {trial.name: trial for trial in study.trials}


def stored(study):
    """What samplers and pruners of a study see."""
    return {
        family: [
            (
                one.params,
                one.distributions,
                one.state,
                one.intermediate_values,
                one.constraints,
            )
            for one in study.to_optuna(family).trials
        ]
        for family in study.families
    }


HARM = {
    "cut": lambda path: os.truncate(path, 8192),
    "cut in the middle": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbage": lambda path: path.write_bytes(b"no database" * 1000),
    "empty": lambda path: os.truncate(path, 0),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize(
    "harm", ["cut", *(pytest.param(name, marks=pytest.mark.slow) for name in HARM if name != "cut")]
)
def test_what_was_sealed_is_told_into_a_new_ledger_and_nothing_differs(whole, tmp_path, harm):
    study, after = whole
    folder = shutil.copytree(study.folder, tmp_path / "study")
    HARM[harm](folder / "ledger.db")
    with pytest.raises(LedgerError, match=re.escape(f"tuner repair {folder}")):
        launch(folder, 12)
    said = CliRunner().invoke(main, ["repair", str(folder)])
    assert said.exit_code == 0, said.output
    assert f"Told anew: {len(study.trials)} trials that ended" in said.stderr
    assert (folder / "ledger.db.damaged-1").exists() == (harm != "gone")
    repaired = tuner.load_study(folder)
    assert told(repaired) == told(study)
    assert stored(repaired) == stored(study)
    assert [one.params for one in launch(folder, 12).ledger.trials("xgboost")] == [
        one.params for one in after.ledger.trials("xgboost")
    ]


@pytest.mark.slow
def test_an_older_copy_is_refused_and_told_what_it_lacks(whole, tmp_path):
    study, _ = whole
    launch(tmp_path / "study", 5)
    shutil.copy(tmp_path / "study" / "ledger.db", tmp_path / "older.db")
    launch(tmp_path / "study", 10)
    shutil.copy(tmp_path / "older.db", tmp_path / "study" / "ledger.db")
    with pytest.raises(StudyError, match=r"ends before xgboost-\d+, which has a folder: is it an older copy\?"):
        launch(tmp_path / "study", 12)
    done = repair(tmp_path / "study")
    assert 0 < len(done.told) < len(study.trials) - 4
    assert done.aside is None
    repaired = tuner.load_study(tmp_path / "study")
    assert {name: one.params for name, one in told(repaired).items()} == {
        name: one.params for name, one in told(study).items()
    }
    assert all(trial.state != "running" for trial in repaired.trials)
    assert repair(tmp_path / "study").told == []
    assert "there is nothing to tell" in CliRunner().invoke(main, ["repair", str(tmp_path / "study")]).stderr


def test_what_was_cut_off_runs_again_and_what_no_file_tells_keeps_its_result(whole, tmp_path):
    study, _ = whole
    folder = shutil.copytree(study.folder, tmp_path / "study")
    *_, cut = (one for one in study.ledger.trials("xgboost") if one.state == "complete")
    (folder / "trials" / cut.name / "1" / "result.json").unlink()
    (folder / "trials" / "xgboost-000001" / "asked.json").unlink()
    (folder / "ledger.db").write_bytes(b"")
    done = repair(folder)
    assert (done.again, done.unknown) == ([cut.name], ["xgboost-000001"])
    repaired = launch(folder, 10)
    assert told(repaired)[cut.name].value == cut.value
    unknown = told(repaired)["xgboost-000001"]
    assert unknown.value == told(study)["xgboost-000001"].value
    assert (unknown.params, unknown.outside) == ({}, {})
    assert len(repaired.leaderboard()) == len(study.trials)


@pytest.mark.slow
def test_a_repair_that_was_cut_off_is_repeated_and_until_then_no_trial_is_run(whole, tmp_path, monkeypatch):
    study, _ = whole
    folder = shutil.copytree(study.folder, tmp_path / "study")
    (folder / "ledger.db").write_bytes(b"")
    with monkeypatch.context() as patched:
        patched.setattr("tuner.launch.repair.append", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            repair(folder)
    with pytest.raises(StudyError, match=f"tuner repair {folder}"):
        launch(folder, 12)
    repair(folder)
    assert told(tuner.load_study(folder)) == told(study)


def test_a_study_of_an_earlier_version_writes_what_was_asked_when_it_goes_on(whole, tmp_path):
    study, _ = whole
    folder = shutil.copytree(study.folder, tmp_path / "study")
    asked = sorted(path.relative_to(folder) for path in folder.rglob("asked.json"))
    before = {path: (folder / path).read_text() for path in asked}
    for path in asked:
        (folder / path).unlink()
    launch(folder, 10)
    assert {path: (folder / path).read_text() for path in asked} == before
    assert len(asked) == len(study.trials)


@pytest.mark.slow
@pytest.mark.cluster
def test_a_database_that_lost_a_study_or_the_end_of_it_is_told_anew(whole, tmp_path, database):
    study, after = whole
    folder = tmp_path / "study"
    before = launch(folder, 10, ledger=database)
    for family in before.families:
        before.ledger._storage.delete_study(before.ledger._books[family].stored)
    with pytest.raises(StudyError, match=f"tuner repair {folder}"):
        launch(folder, 12)
    assert len(repair(folder).told) == len(study.trials)
    repaired = tuner.load_study(folder)
    assert {name: one.params for name, one in told(repaired).items()} == {
        name: one.params for name, one in told(study).items()
    }
    assert stored(repaired) == stored(study)
    assert [one.params for one in launch(folder, 12).ledger.trials("xgboost")] == [
        one.params for one in after.ledger.trials("xgboost")
    ]
