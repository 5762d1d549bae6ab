"""Study files and tables under random change: a message and exit code 2, or a plan; never a traceback."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import make_frame

from tuner.cli import main

STUDY = """
[study]
name = "small"
sampler = "hyperopt.tpe"
seed = 3
workers = 0
[data]
train = "train.csv"
target = "label"
metric = "log_loss"
metrics = ["accuracy"]
test = 0.2
split = { kind = "stratified", folds = 3 }
[budget]
trials = 4
time = "20m"
[families.linear]
alpha = { low = 0.1, high = 10.0 }
[families.xgboost]
n_estimators = 30
[ensemble]
method = "greedy"
"""
VALUES = ['""', "[]", "{}", "true", "-1", "0", "1e309", "nan", "9" * 30, '"../x"', "1979-05-27", '"\\u0000"', '"é"']
PIECES = ['"', "[", "]", "{", "=", ",", ",,", "\n", "\n\n", "\0", "é", "-", "nan", "1e309", "x" * 3000, *VALUES]
TABLE = make_frame(60).to_csv(index=False)


@st.composite
def changed(draw, text):
    """A text in which some pieces are put in, cut out or doubled, and values stand for others."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["insert", "cut", "value", "double"])):
            case "insert":
                text = text[:at] + draw(st.sampled_from(PIECES)) + text[at:]
            case "cut":
                text = text[:at] + text[at + draw(st.integers(1, 200)) :]
            case "value":
                head, _, tail = text[at:].partition("= ")
                text = text[:at] + head + "= " + draw(st.sampled_from(VALUES)) + "\n" + tail.partition("\n")[2]
            case "double":
                text = text[:at] + text[at : at + 60] + text[at:]
    return text


def answers(place, monkeypatch, *, study, table):
    """Assert that a dry run says what it would do, or why not."""
    monkeypatch.chdir(place)
    (place / "study.toml").write_text(study, errors="surrogatepass")
    (place / "train.csv").write_text(table, errors="surrogatepass")
    shown = CliRunner().invoke(main, ["run", "--dry-run", "study.toml"])
    assert shown.exception is None or isinstance(shown.exception, SystemExit), repr(shown.exception)
    assert shown.exit_code in (0, 2)
    assert shown.exit_code == 0 or shown.stderr.strip()


SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@settings(SHARED, max_examples=30)
@given(study=changed(STUDY))
def test_a_changed_study_file_is_a_plan_or_a_message(tmp_path, monkeypatch, study):
    answers(tmp_path, monkeypatch, study=study, table=TABLE)


@pytest.mark.filterwarnings("ignore:column .* has no name:UserWarning")  # which a terminal shows
@settings(SHARED, max_examples=30)
@given(table=changed(TABLE))
def test_a_changed_table_is_a_plan_or_a_message(tmp_path, monkeypatch, table):
    answers(tmp_path, monkeypatch, study=STUDY, table=table)


@pytest.mark.slow
@settings(SHARED, max_examples=300)
@given(study=changed(STUDY))
def test_three_hundred_changed_study_files(tmp_path, monkeypatch, study):
    answers(tmp_path, monkeypatch, study=study, table=TABLE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:column .* has no name:UserWarning")  # which a terminal shows
@settings(SHARED, max_examples=100)
@given(table=changed(TABLE))
def test_a_hundred_changed_tables(tmp_path, monkeypatch, table):
    answers(tmp_path, monkeypatch, study=STUDY, table=table)
