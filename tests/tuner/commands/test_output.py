"""Tables fit the terminal, and messages that nobody can read end nothing."""

import subprocess
import sys

import pytest

from tuner.archive.report import print_table
from tuner.commands.output import show_report

COLUMNS = ["trial", "log_loss", "std", "scored on", "reason"]
ROWS = [["dense-000003", 0.123456, 0.01, "the rows that fitted the weights", "unreasonable"]]


@pytest.mark.parametrize("width", [30, 45, 60, 80, 120])
def test_words_are_never_cut(width, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich knows
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("a table", COLUMNS, ROWS)
    table, _, lacking = capsys.readouterr().out.partition("No room for")
    assert "…" not in table
    assert "dense-000003" in table
    assert max(len(line) for line in table.splitlines() if "\x1b" not in line and "┃" not in line) <= width
    lines = [line.rstrip() for line in table.splitlines()[1:] if line.strip()]
    assert lines[0].endswith("┓")  # the edge is there
    for name in ("std", "reason"):
        assert (name in table) != (name in lacking)


def test_a_title_that_is_longer_than_its_table_stands_in_one_line(capsys):
    print_table("400 predictions, of which each is a number", ["n"], [[1]])
    assert capsys.readouterr().out.splitlines()[0].rstrip() == "400 predictions, of which each is a number"


def test_a_pipe_gets_every_column(capsys):
    print_table("a table", COLUMNS, [["x" * 150, *ROWS[0][1:]]])
    printed = capsys.readouterr().out
    assert "x" * 150 in printed
    assert "unreasonable" in printed


@pytest.mark.parametrize("counted", [{}, {"folds": "3 of 4 folds scored"}, {"groups": "5 of 9 groups scored"}])
def test_a_score_of_fewer_folds_or_groups_says_so_beside_the_best_trials(counted, capsys):
    scores = {
        "ensemble": {"in_sample": 0.5, "cross_fitted": 0.6, **counted},
        "best_single": {"trial": "linear-000000", "cross_validated": 0.55},
        "comparator": {"cross_fitted": 0.7, "trials": ["linear-000000"], "why": "chosen"},
        "difference": {"cross_fitted": -0.1, "standard_error": float("nan")},
    }
    members = [{"trial": "linear-000000", "family": "linear", "weight": 1.0}]
    show_report(
        {"method": "uniform", "metric": "rmse", "members": members, "scores": scores, "test_looks": 0}, form="table"
    )
    printed = capsys.readouterr().out
    (said,) = counted.values() or [""]
    assert ", ".join(filter(None, ["cross-fitted", said])) + " │" in printed
    assert "standard error unknown" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/full")
def test_a_message_on_a_full_disk_ends_nothing():
    code = "from tuner.commands.common import say; say('hello'); print('went on', flush=True)"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "went on\n"
