"""Files of trials that a loss of power tore, or that somebody copied: the same call goes on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import tuner
from spaces.machine.torn import Torn
from tuner.archive.asked import asked_of
from tuner.archive.findings import read_findings
from tuner.archive.study_folder import StudyError
from tuner.cli import main
from tuner.ensembling import looks
from tuner.ensembling.build import held_out_for
from tuner.search.ledger import Ledger
from tuner.tracking.client import remembered_uri
from tuner.trials.outcome import attempts


def launch(task, folder, trials):
    return tuner.tune(task, ["linear"], trials=trials, workers=0, folder=folder, tracking=None, progress=False)


def cut_off(*_):
    raise RuntimeError("cut off")


@pytest.mark.parametrize("left", [0, 300])
def test_torn_predictions_cost_their_trial_its_place_in_ensembles_and_nothing_else(task, tmp_path, caplog, left):
    before = launch(task, tmp_path / "s", 2)
    torn = before.attempt_folder(before.best) / "held_out.npz"
    torn.write_bytes(torn.read_bytes()[:left])
    study = launch(task, tmp_path / "s", 3)
    assert [trial.name for trial in study.trials][:3] == [trial.name for trial in before.trials]
    assert len(study.complete) == 4
    members = [member.trial for member in study.ensemble("greedy").members]
    assert members
    assert before.best.name not in members
    assert f"{before.best.name} is left out, as what it predicted cannot be read: {torn} is damaged" in caplog.text
    with pytest.raises(StudyError, match=f"{before.best.name} is left out"):
        study.model(before.best.name)


def test_a_copy_beside_an_attempt_is_no_attempt(task, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "tell", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            launch(task, tmp_path / "s", 1)
    trial = tmp_path / "s" / "trials" / "baseline-000000"
    for name in ("1 copy", "2.bak", "3²"):
        shutil.copytree(trial / "1", trial / name)
    assert attempts(trial) == [1]
    study = launch(task, tmp_path / "s", 1)
    assert [trial.state for trial in study.trials] == ["complete", "complete"]
    assert study.trials[0].outcome.attempt == 1


@pytest.fixture(scope="module")
def finished(task, tmp_path_factory):
    """The folder of a study that ended."""
    launch(task, folder := tmp_path_factory.mktemp("finished") / "s", 2)
    return folder


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def folder_in_its_place(path):
    path.unlink()
    path.mkdir()


HARM = {
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "bytes": lambda path: path.write_bytes(bytes(range(256))),
    "list": lambda path: path.write_text('["x"]'),
    "object": lambda path: path.write_text('{"format": 5}'),
    "null": lambda path: path.write_text("null"),
    "a folder": folder_in_its_place,
    "gone": Path.unlink,
}
BESIDE = {
    "findings.json": '{"warnings": [], "steps": [], "candidates": [], "metric": "roc_auc"}',
    "test_looks.json": '[{"when": "2026-01-01T00:00:00+0000", "what": "ensemble"}]',
    "tracking.json": '{"uri": "http://127.0.0.1:5000"}',
}
NEEDED = ("study.json", "data/task.json", "data/train_numbers.npy", "data/test_target.npy")


def harmed(finished, tmp_path, file):
    """Yield kinds of harm, each with a copy of the study in which one file has come to it."""
    for name, harm in HARM.items():
        folder = shutil.copytree(finished, tmp_path / name / "s")
        harm(folder / file)
        yield name, folder


@pytest.mark.parametrize("file", NEEDED)
def test_a_file_that_a_study_needs_is_told_by_its_name_with_the_way_out(finished, tmp_path, file):
    for name, folder in harmed(finished, tmp_path, file):
        said = run("status", folder)
        assert said.exit_code == 2, name
        (line,) = said.stderr.splitlines()
        what = "gone: " if name == "gone" else "damaged: "
        assert line.startswith(f"Error: {folder / file} is {what}")
        assert "restore it" in line or "writes it anew" in line


@pytest.mark.parametrize("file", NEEDED[1:])
def test_the_same_call_writes_data_anew_that_are_damaged(task, finished, tmp_path, file):
    for name, folder in harmed(finished, tmp_path, file):
        if name in ("half", "a folder", "gone"):
            launch(task, folder, 2)
            assert (folder / file).read_bytes() == (finished / file).read_bytes()
            assert len(tuner.load_study(folder).complete) == 3


@pytest.mark.parametrize(
    ("file", "read"),
    [("findings.json", read_findings), ("test_looks.json", looks.test_looks), ("tracking.json", remembered_uri)],
)
def test_a_file_that_says_what_was_done_is_told_by_its_name(finished, tmp_path, file, read):
    (finished / file).write_text(BESIDE[file])
    assert read(finished)
    for name, folder in harmed(finished, tmp_path, file):
        if name == "gone" or (name, file) == ("list", "test_looks.json"):
            read(folder)
        else:
            with pytest.raises(Torn, match=re.escape(f"{folder / file} is damaged: ") + ".* delete it"):
                read(folder)


def test_curves_that_are_torn_are_left_out(finished, tmp_path, caplog):
    file = "trials/linear-000000/1/curves.json"
    for name, folder in harmed(finished, tmp_path, file):
        study = tuner.load_study(folder)
        caplog.clear()
        assert [study.curves(trial) for trial in study.complete if trial.name == "linear-000000"] == [[]]
        assert (f"without curves: {folder / file} is damaged" in caplog.text) == (name != "gone")


@pytest.mark.parametrize("harm", HARM)
def test_a_result_that_was_torn_before_it_was_told_is_made_again(task, tmp_path, monkeypatch, harm):
    folder = tmp_path / "s"
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "tell", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            launch(task, folder, 1)
    HARM[harm](folder / "trials" / "baseline-000000" / "1" / "result.json")
    study = launch(task, folder, 1)
    assert [(trial.state, trial.outcome.attempt) for trial in study.trials] == [("complete", 2), ("complete", 1)]


@pytest.mark.parametrize("harm", HARM)
def test_what_was_asked_is_unknown_where_its_file_is_torn(finished, tmp_path, harm):
    folder = shutil.copytree(finished, tmp_path / "s")
    assert asked_of(folder, "linear", 0).number == 0
    HARM[harm](folder / "trials" / "linear-000000" / "asked.json")
    assert asked_of(folder, "linear", 0) is None


@pytest.mark.parametrize("file", ["held_out.npz", "fold-1/model.json", "fold-1/model.skops", "fold-1/preprocess.skops"])
@pytest.mark.parametrize("harm", ["empty", "half", "bytes", "a folder"])
def test_the_next_trial_of_a_family_takes_the_place_of_one_that_is_damaged(finished, tmp_path, caplog, file, harm):
    study = tuner.load_study(shutil.copytree(finished, tmp_path / "s"))
    best, second = (trial for trial in study.complete if trial.family == "linear")
    HARM[harm](study.attempt_folder(best) / file)
    assert [member.trial for member in held_out_for(study, "uniform").members] == [second.name]
    assert f"{best.name} is left out" in caplog.text
    assert str(study.attempt_folder(best) / file) in caplog.text
    HARM[harm](study.attempt_folder(second) / file)
    with pytest.raises(StudyError, match=f"{second.name} is left out"):
        held_out_for(study, "uniform")
