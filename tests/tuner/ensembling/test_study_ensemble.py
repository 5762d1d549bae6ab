"""What a study ends in: an ensemble by every method, its scores, its test rows."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import tuner
from ensembles.methods import METHODS, STACKS
from tuner.ensembling.build import compare
from tuner.ensembling.pool import read_held_out

QUIET = {"workers": 0, "tracking": None, "progress": False}


@pytest.mark.parametrize("method", ["auto", *METHODS, *STACKS])
def test_every_method_ends_in_an_ensemble(study, automatic, frame, method):
    combined = automatic if method == "auto" else study.ensemble(method)
    if method != "log_linear":
        assert sum(member.weight for member in combined.members) == pytest.approx(1)
    probabilities = combined.predict_proba(frame)
    assert probabilities.shape == (len(frame), 2)
    assert np.array_equal(combined.predict(frame), np.array(["no", "yes"])[probabilities.argmax(axis=1)])
    scores = combined.scores
    if method in ("nelder_mead", "convex", "log_linear"):  # they minimise the loss on the rows given
        assert scores["ensemble"]["in_sample"] <= scores["ensemble"]["cross_fitted"] + 1e-9
    assert scores["difference"]["standard_error"] >= 0


def test_sets_of_labels_grow_with_the_coverage(study, frame):
    combined = study.ensemble("uniform")
    few, many = (combined.predict_set(frame, coverage) for coverage in (0.5, 0.95))
    assert few.shape == (len(frame), 2)
    assert (few <= many).all()
    assert few.any(axis=1).all()
    with pytest.raises(ValueError, match="there is predict_set"):
        combined.predict_interval(frame)


def test_diversity_describes_the_members(study):
    combined = study.ensemble("uniform")
    found = combined.diversity()
    assert set(found.without_family) == {member.family for member in combined.members}
    assert found.diversity > 0
    assert found.ensemble_loss == pytest.approx(combined.scores["ensemble"]["in_sample"], rel=0.02)


def test_auto_explains_what_it_took_and_why(automatic):
    combined, table = automatic, automatic.explain()
    assert list(table.columns) == [
        "method",
        "log_loss (cross-fitted)",
        "held before",
        "better by",
        "standard error",
        "taken",
    ]
    assert list(table["method"])[:2] == ["family_average", "best_single"]
    last_taken = table[table["taken"] == "yes"].iloc[-1]
    assert combined.ensemble.method == f"auto: {last_taken['method']}"
    assert combined.scores["ensemble"]["cross_fitted"] == last_taken["log_loss (cross-fitted)"]
    later = table.iloc[1:]
    np.testing.assert_allclose(later["held before"] - later["log_loss (cross-fitted)"], later["better by"], atol=1e-12)
    assert ((later["better by"] > later["standard error"]) == (later["taken"] == "yes")).all()


def test_a_method_that_cannot_minimise_the_metric_is_refused(tmp_path, frame):
    task = tuner.Task(frame, "label", metric="roc_auc", split={"kind": "kfold", "folds": 3})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "auc", **QUIET)
    with pytest.raises(ValueError, match="'convex' cannot minimise roc_auc: use nelder_mead or auto"):
        study.ensemble("convex")
    assert study.ensemble().explain()["method"].tolist() == [
        "family_average",
        "best_single",
        "regularized",
        "nelder_mead",
    ]


def test_the_ensemble_beats_chance_by_far(automatic, frame):
    labels = frame["label"].to_numpy()
    assert np.mean(automatic.predict(frame) == labels) > 0.7


def test_test_rows_are_counted_and_reported_in_the_promised_shape(study):
    combined = study.ensemble("uniform")
    before = combined.report()["test_looks"]
    report = combined.test()
    assert report["test_looks"] == before + 1
    assert set(report) == {"method", "metric", "members", "scores", "test_looks"}
    assert set(report["members"][0]) == {"trial", "family", "weight"}
    assert set(report["scores"]) == {"ensemble", "best_single", "comparator", "difference"}
    assert set(report["scores"]["ensemble"]) == {"in_sample", "cross_fitted", "metrics", "test"}
    assert set(report["scores"]["best_single"]) == {"trial", "cross_validated", "test"}
    assert set(report["scores"]["difference"]) >= {"cross_fitted", "standard_error"}
    assert list(report["scores"]["ensemble"]["test"]) == ["log_loss", "roc_auc", "accuracy"]
    json.dumps(report)
    table = compare(study, ["uniform"], test=True)
    assert table["model"].iloc[0] == "baseline-000000"
    assert combined.report()["test_looks"] == before + 2


def test_without_test_rows_the_call_says_so(frame, tmp_path):
    task = tuner.Task(frame, "label", split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    with pytest.raises(ValueError, match="no test rows"):
        study.ensemble("uniform").test()


def test_regression_ends_in_an_ensemble_too(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    task = tuner.Task(x, x[:, 0] * 2 + np.sin(3 * x[:, 1]) + 100, test=0.2, split={"kind": "kfold", "folds": 2})
    study = tuner.tune(task, {"linear": {}, "xgboost": SMALL_XGBOOST}, trials=4, folder=tmp_path / "s", **QUIET)
    combined = study.ensemble("greedy")
    assert combined.predict(x).shape == (150,)
    with pytest.raises(ValueError, match="predicts a number"):
        combined.predict_proba(x)
    ends = combined.predict_interval(x, 0.8)
    np.testing.assert_allclose(ends.mean(axis=1), combined.predict(x))
    assert (ends[:, 0] < ends[:, 1]).all()
    again = tuner.load(combined.save(tmp_path / "saved"))
    np.testing.assert_allclose(again.predict_interval(x, 0.8), ends, rtol=1e-6)
    with pytest.raises(ValueError, match="there is predict_interval"):
        combined.predict_set(x)
    tested = combined.test()["scores"]["ensemble"]["test"]["rmse"]
    baseline = next(trial.value for trial in study.complete if trial.family == "baseline")
    assert tested < 0.6 * baseline


def test_time_order_is_kept_to_the_end(tmp_path):
    """Rows come shuffled; what a target is above its `x` tells when it was."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=120), "x": rng.normal(size=120)})
    frame["y"] = frame["x"] + 0.01 * np.arange(120)
    task = tuner.Task(
        frame.sample(frac=1, random_state=0), "y", time="when", drop=["when"], split={"folds": 3}, test=0.2
    )
    when, tested = (rows.target - rows.table.numbers[:, 0] for rows in (task.rows, task.test))
    assert (np.diff(when) > 0).all()
    assert when.max() < tested.min()
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    held = read_held_out(study, study.complete)
    when = held.target - held.features[:, 0]
    assert held.parts
    for fit, scored in held.parts:
        assert when[fit].max() < when[scored].min()


def test_an_ensemble_that_is_worse_than_one_model_says_so(automatic):
    def said(worse, error):
        difference = {"cross_fitted": worse, "standard_error": error}
        scores = {**automatic.ensemble.scores, "difference": difference}
        return replace(automatic, ensemble=replace(automatic.ensemble, scores=scores)).warnings()

    assert not any("worse than one model" in one for one in said(-0.02, 0.01) + said(0.01, 0.02))
    assert not any("worse than one model" in one for one in said(0.02, float("nan")))
    (warning,) = [one for one in said(0.02, 0.01) if "worse than one model" in one]
    assert "by 0.02 log_loss (standard error 0.01)" in warning
    assert f"--trial {automatic.best.name}" in warning
