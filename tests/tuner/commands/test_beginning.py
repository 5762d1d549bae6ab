"""The first minute: a study file from a table, and what the computer has."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner
from small import make_frame

from tuner.cli import main
from tuner.studyfile import read_study_toml


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "my rows.csv"
    make_frame(60).to_csv(path, index=False)
    return path


def test_init_writes_a_file_that_runs(table):
    made = run("init", table, "-o", table.parent / "study.toml")
    assert made.exit_code == 0, made.output
    file = read_study_toml(table.parent / "study.toml")
    assert (file.name, file.data["target"], file.data["train"]) == ("my-rows", "label", "my rows.csv")
    assert "The last column is taken as the target, label: --target NAME says otherwise." in made.output
    text = (table.parent / "study.toml").read_text()
    assert text.startswith("# Run it: tuner run study.toml.")
    assert "number    x" in text
    assert "# [families.xgboost]" in text
    shown = run("run", table.parent / "study.toml", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "10 min" in shown.output
    assert sorted(path.name for path in table.parent.iterdir()) == ["my rows.csv", "study.toml"]


def test_init_takes_the_target_that_is_named_and_overwrites_nothing(table):
    first = run("init", table, "--target", "colour")
    assert first.exit_code == 0, first.output
    assert "last column" not in first.output
    assert 'target = "colour"' in (table.parent / "my rows.toml").read_text()
    again = run("init", table)
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    wrong = run("init", table, "--target", "color", "-o", table.parent / "x.toml")
    assert wrong.exit_code == 2
    assert "colour" in wrong.output


def test_names_with_quotes_are_text(tmp_path):
    pd.DataFrame({'a "b"': range(40), 'y\\"': [0.5 * k * k for k in range(40)]}).to_csv(tmp_path / "q.csv", index=False)
    assert run("init", tmp_path / "q.csv").exit_code == 0
    assert read_study_toml(tmp_path / "q.toml").data["target"] == 'y\\"'


def test_a_dry_run_names_own_code_and_does_not_import_it(table):
    (table.parent / "mine.py").write_text("raise RuntimeError('imported')")
    study = table.parent / "study.toml"
    study.write_text(
        '[study]\nname = "s"\n'
        '[data]\ntrain = "my rows.csv"\ntarget = "label"\n[families.mine]\nfamily = "mine:FAMILY"\n'
    )
    shown = run("run", study, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "mine:FAMILY (not imported now)" in shown.output


def test_doctor_says_versions_and_places():
    found = run("doctor")
    assert found.exit_code == 0
    for what in ("Python", "keras", "cores", "disk here", "cache"):
        assert what in found.output


def test_init_says_of_texts_that_they_are_texts_and_of_a_guessed_target_that_it_is_guessed(tmp_path):
    lines = [f"{i % 2},a sentence of some words with number {i} in it" for i in range(60)]
    (tmp_path / "sms.csv").write_text("\n".join(["label,text", *lines]) + "\n")
    made = run("init", tmp_path / "sms.csv", "--target", "label")
    assert made.exit_code == 0, made.output
    assert read_study_toml(tmp_path / "sms.toml").data["text"] == ["text"]
    guessed = run("init", tmp_path / "sms.csv", "-o", tmp_path / "other.toml")
    assert guessed.exit_code == 2
    assert "The last column is taken as the target, text: --target NAME says otherwise." in guessed.output


def hourly(rows=200, written="%Y-%m-%d %H:%M:%S"):
    times = pd.date_range("2026-01-20", periods=rows, freq="h").strftime(written)
    return pd.DataFrame({"when": times, "wind": range(rows), "load": [0.5 * k % 7 for k in range(rows)]})


@pytest.mark.parametrize("written", ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M"])
def test_init_shows_how_a_forecast_is_said_where_there_is_a_time_column(tmp_path, written):
    hourly(written=written).to_csv(tmp_path / "load.csv", index=False)
    made = run("init", tmp_path / "load.csv", "--target", "load")
    assert made.exit_code == 0, made.output
    assert f"To forecast what comes next: {tmp_path / 'load.toml'} has the lines for it" in made.output
    path = tmp_path / "load.toml"
    assert "series" not in read_study_toml(path).data
    text = path.read_text()
    assert "# series = { window = 20, horizon = 1 }" in text
    path.write_text(text.replace("# series", "series").replace('# time = "when"', 'time = "when"'))
    shown = run("run", path, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "load+1, regression" in shown.output
    assert "series_baseline" in shown.output


@pytest.mark.parametrize(
    ("frame", "target"),
    [(pd.concat([hourly(), hourly()]), "load"), (hourly().assign(load=["up", "down"] * 100), "load")],
    ids=["two series in one table", "classes"],
)
def test_init_speaks_of_no_forecast_where_rows_are_no_series_of_numbers(tmp_path, frame, target):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    made = run("init", tmp_path / "rows.csv", "--target", target)
    assert made.exit_code == 0, made.output
    assert "series" not in (tmp_path / "rows.toml").read_text().partition("# Every family")[0]


def test_a_folder_in_place_of_a_table_is_refused(tmp_path):
    refused = run("init", tmp_path)
    assert refused.exit_code == 2
    assert f"{tmp_path} is a folder: name a table in it" in refused.output


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_without_the_code_that_gave_it(tmp_path):
    make_frame(60).to_csv(tmp_path / "rows.csv")
    made = run("init", tmp_path / "rows.csv", "--target", "label")
    assert made.output.startswith("Warning: column 'Unnamed: 0' has no name")
    assert ".py" not in made.output


def test_the_list_of_commands_cuts_no_sentence():
    shown = run("--help")
    assert "..." not in shown.output.partition("Commands:")[2]
    assert "after a look at it." in shown.output
