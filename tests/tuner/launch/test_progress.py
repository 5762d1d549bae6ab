"""Names, paths and messages are text, whatever stands in them; and where nobody reads, a study goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import small
from click.testing import CliRunner
from rich.progress import Progress
from small import make_frame

import tuner
from tuner.cli import main
from tuner.launch.driver_log import NAME, DriverLog
from tuner.launch.progress import Display, Standing, _Count
from tuner.search.ledger import Trial
from tuner.studyfile import StudyFileError, checked
from tuner.trials.outcome import Outcome

ODD = "50% [b]?#"


def task():
    return tuner.Task(make_frame(90), "label", split={"kind": "stratified", "folds": 2})


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / ODD / "a [study]"
    study = tuner.tune(task(), ["linear"], trials=1, folder=folder, workers=0, progress=False)
    study.ensemble("uniform").save(folder / "ensemble")
    assert (folder / "ledger.db").is_file()
    assert (tmp_path / ODD / "mlflow.db").is_file()
    shown = CliRunner().invoke(main, ["leaderboard", str(folder)])
    assert "a [study]" in shown.output
    assert "linear-000000" in shown.output
    assert len(tuner.load_study(folder).complete) == 2


@pytest.mark.parametrize("message", ["no file [/data/rows.csv]", "[red]", "100%", "\x1b[31m"])
def test_a_message_is_printed_as_it_is(message, capfd):
    shown = Display(3, "rmse [/]", silent=False)
    outcome = Outcome("failed", None, (), {}, seconds=1.0, started=0.0, attempt=1, error=message, reason="error")
    shown.start(0)
    shown.epoch("[/x]", 0, 2)
    shown.stands(Standing(["[/x]"], [], None, 60.0))
    shown.told(Trial("mine", 0, "failed", {}, outcome, None), 1, None)
    shown.say(message)
    shown.stop()
    printed = capfd.readouterr().err
    assert printed.count(message.replace("\x1b", "")) == 2


def test_a_duplicate_names_the_trial_that_it_equals(capfd):
    outcome = Outcome("complete", 0.5, (0.5,), {}, seconds=0.0, started=0.0, attempt=1, duplicate_of=3)
    shown = Display(9, "log_loss", silent=False)
    shown.start(0)
    shown.told(Trial("linear", 7, "complete", {}, outcome, None), 4, None)
    shown.stop()
    assert "the same as linear-000003, not run again" in capfd.readouterr().err


def test_of_duplicates_in_a_row_the_first_one_of_each_family_is_printed_and_all_are_logged(capfd, tmp_path):
    same = Outcome("complete", 0.5, (0.5,), {}, seconds=0.0, started=0.0, attempt=1, duplicate_of=3)
    new = Outcome("complete", 0.5, (0.5,), {}, seconds=1.0, started=0.0, attempt=1)
    ended = [("linear", same), ("linear", same), ("dense", same), ("linear", same), ("dense", new), ("linear", same)]
    with DriverLog(tmp_path) as log:
        shown = Display(9, "log_loss", silent=False, log=log)
        shown.start(0)
        for number, (family, outcome) in enumerate(ended):
            shown.told(Trial(family, number, "complete", {}, outcome, None), 4, None)
        shown.stop()
    logged = (tmp_path / NAME).read_text().splitlines()
    printed = capfd.readouterr().err
    names = ["linear-000000", "linear-000001", "dense-000002", "linear-000003", "dense-000004", "linear-000005"]
    assert [name in printed for name in names] == [True, False, True, True, True, True]
    assert [name in line for name, line in zip(names, logged, strict=True)] == [True] * 6


def test_lines_of_short_and_long_names_stand_in_columns(capfd):
    shown = Display(9, "log_loss", silent=False)
    shown.start(0)
    for family in ("linear", "hist_gradient_boosting"):
        outcome = Outcome("complete", 0.5, (0.5,), {}, seconds=1.0, started=0.0, attempt=1)
        shown.told(Trial(family, 0, "complete", {}, outcome, None), 1, None)
    shown.stop()
    first, second = capfd.readouterr().err.splitlines()
    assert first.index("log_loss") == second.index("log_loss")


@pytest.mark.parametrize(("total", "shown"), [(None, ["0 trials", "1 trial", "7 trials"]), (9, ["0/9", "1/9", "7/9"])])
def test_the_bar_counts_trials_also_where_only_time_limits_them(total, shown):
    bar = Progress()
    bar.add_task("", total=total)
    (task,) = bar.tasks
    for done, text in zip((0, 1, 7), shown, strict=True):
        task.completed = done
        assert _Count().render(task).plain == text


@pytest.mark.parametrize("name", [".", "...", "mlflow.db", "mlartifacts"])
def test_names_that_stand_for_something_else_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be a study's"):
        tuner.tune(task(), ["linear"], trials=1, folder=name, workers=0, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "..", ".hidden", "a/b", ""])
def test_so_are_they_in_a_study_file(name):
    with pytest.raises(StudyFileError, match="name"):
        checked({"study": {"name": name}, "data": {"train": "x.csv"}})


STUDY = """
import sys
sys.path.insert(0, sys.argv[1])
import tuner
from small import make_frame
task = tuner.Task(make_frame(90), "label", split={"kind": "stratified", "folds": 2})
study = tuner.tune(task, ["linear"], trials=3, folder="study", workers=0, tracking=None)
print(len(study.complete))
"""


@pytest.mark.parametrize("reader", ["2>/dev/full", "2>&1 >out | head -c 1 >/dev/null"])
def test_where_nobody_reads_the_study_goes_on(reader, tmp_path):
    (tmp_path / "run.py").write_text(STUDY)
    here = str(Path(small.__file__).parent)
    command = f"'{sys.executable}' run.py '{here}' " + (f">out {reader}" if ">out" not in reader else reader)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False)
    assert (tmp_path / "out").read_text().strip() == "4"


def test_the_lines_say_how_a_study_stands(monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich knows
    monkeypatch.setenv("COLUMNS", "100")
    shown = Display(40, "log_loss", silent=False)
    trials = [
        Trial("dense", number, state, {}, Outcome(state, 0.25, seconds=1.0), None)
        for number, state in enumerate(["complete", "complete", "pruned", "failed"])
    ]
    shown.start(0)
    shown.epoch("dense-000004", 1, 11)
    shown.stands(Standing(["dense-000004", "xgboost-000000"], trials, trials[0], 240.0))
    shown.stop()
    printed = capfd.readouterr().err
    assert "dense-000004 fold 2 epoch 12, xgboost-000000" in printed
    assert "2 done, 2 running, 1 pruned, 1 failed  best log_loss 0.25 by dense-000000" in printed
    assert "about 4 min left" in printed
