"""A family of an extra: never tried by default, refused before anything starts where it is not installed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from extras import lacking
from small import make_frame

import tuner
from spaces.families.catalog import fitting

QUIET = {"workers": 0, "tracking": None, "progress": False}
INSTALL = r"pip install 'tuned-ensembles\[lightgbm\]'"


@pytest.fixture
def task():
    return tuner.Task(make_frame(120), "label", split={"folds": 2})


def test_what_is_installed_changes_no_study(task, tmp_path):
    assert "lightgbm" not in fitting(task.signature)
    assert "xgboost" in fitting(task.signature)


def test_asked_for_where_it_is_not_installed_nothing_starts(task, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(
        ValueError, match=rf"family 'lightgbm': lightgbm is an extra, and not installed here: {INSTALL}"
    ):
        tuner.tune(task, ["linear", "lightgbm"], trials=2, folder=tmp_path / "s", **QUIET)
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(bool(lacking("lightgbm")), reason=lacking("lightgbm"))
def test_a_bundle_says_that_it_needs_it_and_loads_where_it_is(task, tmp_path, monkeypatch):
    families = {"linear": {}, "lightgbm": {"n_estimators": 20}}
    study = tuner.tune(task, families, trials=2, folder=tmp_path / "s", **QUIET)
    ensemble = study.ensemble("uniform")
    assert {member.family for member in ensemble.ensemble.members} == {"linear", "lightgbm"}
    bundle = ensemble.save(tmp_path / "bundle")
    assert "lightgbm" in json.loads((bundle / "ensemble.json").read_text())["versions"]
    rows = make_frame(20, seed=1)
    np.testing.assert_array_equal(tuner.load(bundle).predict_proba(rows), ensemble.predict_proba(rows))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ValueError, match=INSTALL):
        tuner.load(bundle)


def test_a_bundle_without_it_does_not_need_it(task, tmp_path):
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    bundle = study.ensemble("uniform").save(tmp_path / "bundle")
    versions = json.loads((bundle / "ensemble.json").read_text())["versions"]
    assert "xgboost" in versions
    assert "lightgbm" not in versions
