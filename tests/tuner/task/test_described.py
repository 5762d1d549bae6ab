"""What was understood is said, in a few lines however large the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tuner
from spaces.html import facts_of, text

ROWS = 120
QUIET = {"workers": 0, "tracking": None, "progress": False}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=ROWS),
            "new": rng.random(ROWS) < 0.5,
            "town": rng.choice(["Bern", "Oslo"], ROWS),
            "label": np.where(np.arange(ROWS) % 3 == 0, "yes", "no"),
        }
    )


def test_a_task_says_rows_columns_target_metric_and_split():
    task = tuner.Task(frame(), "label", metrics=["accuracy"], test=0.25)
    assert repr(task).splitlines() == [
        "Task",
        "  rows    90 rows, 30 set aside for the test",
        "  columns 1 number (size); 1 truth value (new); 1 category column (town: 2)",
        "  target  label, two classes: 'no' 60, 'yes' 30",
        "  metric  log_loss (also accuracy)",
        "  split   stratified, 5 folds, seed 0",
    ]
    assert str(task) == repr(task)


def test_of_numbers_the_range_is_said():
    given = frame().assign(label=np.arange(ROWS) + 1.7e9 + 0.5)
    assert "label, regression, from 1700000000.5 to 1700000119.5" in repr(tuner.Task(given, "label"))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"group": "town", "split": {"folds": 2}}, "rows    120 rows, in 2 groups"),
        ({"split": "holdout"}, "split   holdout, 20% held out, seed 0"),
        ({"split": {"kind": "kfold", "folds": 3}, "seed": 7}, "split   kfold, 3 folds, seed 7"),
        ({"text": ["town"]}, "1 text (town)"),
        ({"target": ["size", "label"]}, "target  2 targets: size, regression, from"),
        ({"target": None}, "target  none: models learn the rows themselves"),
    ],
)
def test_what_changes_is_said(changes, line):
    assert line in repr(tuner.Task(frame(), **{"target": "label", **changes}))


HINTS = {
    "id": ({"id": range(ROWS)}, "'id' numbers the rows, as an id does: drop=['id'] leaves it out"),
    "key": ({"key": [f"k{i}" for i in range(ROWS)]}, "'key' has nearly a category a row, as an id has: drop=['key']"),
    "note": ({"note": [f"this is note {i % 40}" for i in range(ROWS)]}, "reads like a text: text=['note']"),
    "days first": (
        {"when": pd.date_range("2026", periods=ROWS).strftime("%d/%m/%Y")},
        "'when' was taken for a category and holds dates, '01/01/2026': data['when'] = "
        "pd.to_datetime(data['when'], format='mixed', dayfirst=True)",
    ),
    "months by name": (
        {"when": pd.date_range("2026", periods=ROWS).strftime("%b %d, %Y")},
        "'when' was taken for a category and holds dates, 'Apr 01, 2026': data['when'] = "
        "pd.to_datetime(data['when'], format='mixed')",
    ),
    "either first": (
        {"when": [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2026" for i in range(ROWS)]},
        "'when' was taken for a category and holds dates, '01/01/2026': data['when'] = "
        "pd.to_datetime(data['when'], format='mixed', dayfirst=...)",
    ),
    "date": ({"when": pd.date_range("2026", periods=ROWS)}, "'when' is a date, and the stratified split trains on"),
}


@pytest.mark.parametrize("name", HINTS)
def test_printing_a_task_says_what_may_be_meant_otherwise(name):
    columns, hint = HINTS[name]
    task = tuner.Task(frame().assign(**columns), "label")
    said = " ".join(str(task).split())
    assert f"hint: {hint}" in said or hint in said
    assert str(task).count("hint:") == 1
    assert "hint:" not in repr(task)


def test_weights_that_only_compare_rows_are_pointed_out():
    data = frame().assign(w=np.linspace(1, 3, ROWS))
    assert "hint:" not in str(tuner.Task(data, "label", sample_weight="w"))
    small = tuner.Task(data.assign(w=data["w"] / data["w"].sum()), "label", sample_weight="w")
    assert "hint: weights have the mean 0.0" in str(small)


def test_images_whose_channels_stand_first_are_pointed_out():
    pixels = np.zeros((ROWS, 3, 8, 8), np.uint8)
    target = frame()["label"]
    assert "hint: 'image' was taken for images 3 pixels high" in str(tuner.Task(pixels, target))
    assert "hint:" not in str(tuner.Task(pixels.transpose(0, 2, 3, 1), target))


@pytest.mark.parametrize("name", ["id", "date"])
def test_there_is_no_hint_where_all_is_well(name):
    columns, _ = HINTS[name]
    changes = {"drop": ["id"]} if name == "id" else {"time": "when"}
    assert "hint:" not in str(tuner.Task(frame().assign(**columns), "label", **changes))


def test_it_stays_short_however_large_the_data():
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 500))).assign(
        **{"a very long name " * 20: [f"{'long ' * 50} {i}" for i in range(400)]}, y=np.arange(400) % 40
    )
    task = tuner.Task(wide, "y", kind="multiclass")
    assert len(repr(task)) < 1200
    assert "500 numbers (0, 1, 2, 3, 4, 5, and 494 more)" in repr(task)
    assert "40 classes: 0 10, 1 10, 2 10, 3 10, 4 10, 5 10, and 34 more" in " ".join(repr(task).split())


def test_a_study_and_an_ensemble_are_short_too(tmp_path):
    task = tuner.Task(frame(), "label", split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, {"linear": {}}, trials=2, folder=tmp_path / "s", **QUIET)
    assert f"best     {study.best.name}, log_loss {study.best.value:.5g}" in repr(study)
    assert "trials   3: 3 complete" in repr(study)
    assert "label, two classes" in repr(study)
    assert len(repr(study)) < 1500
    combined = study.ensemble("uniform")
    first = repr(combined.ensemble).splitlines()[0]
    assert first == "Ensemble of 1 member by uniform, for log_loss"
    assert "predicts label (2 classes) from 3 columns" in repr(combined)
    assert all(member.trial in repr(combined) for member in combined.members)
    assert len(repr(combined)) < 600


def test_a_notebook_shows_the_facts_of_the_plain_description(tmp_path):
    odd = frame().rename(columns={"label": "<script>"})
    task = tuner.Task(odd, "<script>", split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, {"linear": {}}, trials=12, folder=tmp_path / "<b>", **QUIET)
    ensemble = study.ensemble("uniform")
    for one in (task, study, ensemble, ensemble.ensemble, study.model(study.best.name)):
        html, plain = one._repr_html_(), study.brief() if one is study else repr(one)
        assert "<script" not in html
        assert "<b>" not in html
        for name, said in facts_of(plain):
            assert name == "members" or text(said) in html
    assert text(facts_of(repr(task))[1][1]) in study._repr_html_()
    shown = study._repr_html_()
    assert shown.count("<td>complete</td>") == 10
    assert f"<td>{study.best.name}</td><td>linear</td><td>1</td>" in ensemble._repr_html_()
    ours, one = (ensemble.scores[which]["cross_fitted"] for which in ("ensemble", "comparator"))
    said = f"{study.task.score.name} {ours:.5g} cross-fitted, against {one:.5g} of one model chosen the same way"
    assert said in repr(ensemble)
