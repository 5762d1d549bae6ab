"""The report is one page that loads no models, needs no network, and shows names letter for letter."""

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd

import tuner
from tuner.reporting.report import report


def test_a_fresh_process_makes_it_without_tensorflow(study, automatic, tmp_path):
    program = (
        "import sys, tuner; assert 'plotly' not in sys.modules;"
        f"tuner.load_study({str(study.folder)!r}).report({str(tmp_path / 'page.html')!r});"
        "assert 'plotly' in sys.modules; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    page = (tmp_path / "page.html").read_text()
    for heading in ("The data", "The best trials", "The ensemble", "Where it errs", "Which columns matter"):
        assert f">{heading}</h2>" in page
    assert study.best.name in page
    assert "<script src" not in page
    assert "<link" not in page


def test_names_are_shown_letter_for_letter(study, automatic):
    target = dataclasses.replace(study.task.target, name="<script>alert(1)</script>")
    before = study.task.target
    study.task._set(target=target)
    try:
        page = report(study)
    finally:
        study.task._set(target=before)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_study_of_several_targets_has_a_report_though_its_metric_has_no_curve(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60)})
    frame["y"], frame["k"] = frame["x"] + rng.normal(size=60), np.where(frame["x"] > 0, "a", "b")
    task = tuner.Task(frame, ["y", "k"], metric={"y": "mae", "k": "log_loss"}, split={"folds": 2})
    study = tuner.tune(
        task, {"xgboost": {"n_estimators": 5}}, trials=1, folder=tmp_path / "s", workers=0, tracking=None
    )
    study.ensemble()
    page = report(study)
    assert "The ensemble of 1 model is as good as one model chosen the same way." in page
    assert "better than one model" not in page
    assert "weighted_loss" in page
    assert "How trials learned" in page
