"""Two studies of one task are compared; others are refused with what differs."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from small import SMALL_XGBOOST, make_frame

import tuner
from tuner.archive.study_folder import StudyError
from tuner.cli import main
from tuner.ensembling.side_by_side import side_by_side


@pytest.fixture(scope="module")
def wide(task, tmp_path_factory):
    """A study of the same task, with another space of the trees and without the linear family."""
    families = {"xgboost": {**SMALL_XGBOOST, "patience": 3}}
    folder = tmp_path_factory.mktemp("runs") / "wide"
    return tuner.tune(task, families, trials=2, workers=0, folder=folder, tracking=None, progress=False)


def test_two_studies_stand_side_by_side(study, wide):
    found = side_by_side(study, wide)
    gain, error = found.gain
    assert gain == pytest.approx(wide.best.value - study.best.value), "log loss: less is better"
    assert error > 0
    assert found.standing["small"].iloc[0] == study.best.name
    assert found.standing["wide"].tolist()[4] == 3
    assert found.leaderboard["log_loss of small"].tolist() == [trial.value for trial in study.complete]
    assert found.leaderboard["wide"].dropna().tolist() == [trial.name for trial in wide.complete]
    linear = found.families.set_index("family").loc["linear"]
    assert linear["seconds of small"] > 0
    assert linear[["log_loss of wide", "seconds of wide"]].isna().all()
    assert found.spaces == ("xgboost: patience is 5 in small, 3 in wide",)


def test_a_study_beside_itself_is_no_better(study, tmp_path):
    same = tuner.load_study(shutil.copytree(study.folder, tmp_path / "small"))
    found = side_by_side(study, same)
    assert (found.gain, found.spaces) == ((0.0, 0.0), ())
    assert len(set(found.standing.columns)) == 3


def test_names_are_as_long_as_tells_studies_apart_from_each_other_and_from_columns(study, tmp_path):
    one, other = (tmp_path / place / "runs" / "rank" for place in ("first", "second"))
    found = side_by_side(*(tuner.load_study(shutil.copytree(study.folder, place)) for place in (one, other)))
    assert list(found.standing.columns) == ["", "first/runs/rank", "second/runs/rank"]
    assert list(found.leaderboard.columns[:2]) == ["rank", "first/runs/rank"]
    alone = side_by_side(study, tuner.load_study(one))
    assert alone.leaderboard.columns[1].endswith(f"/{study.name}")
    assert "runs/rank" in alone.leaderboard.columns


def test_a_standard_error_of_few_groups_is_unknown(tmp_path):
    frame = make_frame(60).assign(site=lambda rows: rows.index % 4)
    task = tuner.Task(frame, "label", group="site", split={"kind": "grouped", "folds": 2})
    quiet = {"trials": 1, "workers": 0, "tracking": None, "progress": False}
    families = {"linear": {}, "random_forest": {"n_estimators": 10}}
    both = [tuner.tune(task, {name: its}, folder=tmp_path / name, **quiet) for name, its in families.items()]
    gain, error = side_by_side(*both).gain
    assert gain == pytest.approx(both[1].best.value - both[0].best.value)
    assert np.isnan(error)
    shown = CliRunner().invoke(main, ["diff", *(str(one.folder) for one in both)])
    assert "(standard error unknown, paired over the same rows)" in shown.output


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        (160, {"metric": "accuracy"}, "the metric is 'log_loss' and 'accuracy'$"),
        (160, {"metric": "log_loss", "seed": 1}, "the seed is 0 and 1$"),
        (150, {"metric": "log_loss"}, r"the data differ \(128 \+ 32 and 120 \+ 30 rows; digests \w+ and \w+\)$"),
    ],
)
def test_studies_of_other_tasks_are_refused_with_what_differs(study, rows, asked, said):
    task = tuner.Task(make_frame(rows), "label", split={"kind": "stratified", "folds": 3}, test=0.2, **asked)
    with pytest.raises(StudyError, match=said):
        side_by_side(study, replace(study, task=task))


def test_the_command_prints_it_and_refuses_what_is_no_study(study, wide, tmp_path):
    shown = CliRunner().invoke(main, ["diff", str(study.folder), str(wide.folder)])
    assert shown.exit_code == 0, shown.output
    assert "standard error" in shown.output
    assert CliRunner().invoke(main, ["diff", str(study.folder), str(tmp_path)]).exit_code == 2
