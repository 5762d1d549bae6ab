"""The joint model of several targets, and of steps of sequences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small import SMALL_XGBOOST

import ensembles
import tuner
from spaces.families.joint.one_target import of_target
from spaces.store import load_fitted
from tuner.ensembling.joint import train_joint

QUIET = {"workers": 0, "tracking": None, "progress": False, "seed": 0}


def table(rows: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["price"] = 1000 + 100 * (frame["a"] + rng.normal(scale=0.1, size=rows))
    frame["colour"] = np.array(["blue", "green", "red"])[np.clip(np.round(frame["b"] + 1), 0, 2).astype(int)]
    frame["old"] = (frame["c"] > 0).astype(int)
    return frame


def sentences(count: int = 40) -> pd.DataFrame:
    """Words of which one is a name where another stands before it."""
    rng = np.random.default_rng(5)
    words = rng.choice(["saw", "the", "rose", "mister"], (count, 6))
    before = np.hstack([np.full((count, 1), ""), words[:, :-1]])
    labels = np.where(before == "mister", "name", "other")
    columns = {"sentence": np.repeat(np.arange(count), 6), "word": words.ravel(), "label": labels.ravel()}
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    task = tuner.Task(table(), ["price", "colour", "old"], split={"kind": "kfold", "folds": 2})
    dense = {"epochs": 3, "units": 16, "depth": 1, "scaling": "standard"}
    folder = tmp_path_factory.mktemp("joint") / "several"
    return tuner.tune(task, {"xgboost": SMALL_XGBOOST, "dense": dense}, trials=2, folder=folder, **QUIET)


@pytest.fixture(scope="module")
def of_steps(tmp_path_factory):
    task = tuner.Task(sentences(), "label", sequence="sentence", split={"kind": "grouped", "folds": 2})
    recurrent = {"epochs": 4, "layers": ["recurrent"], "layers.recurrent.units": 16, "layers.recurrent.depth": 1}
    folder = tmp_path_factory.mktemp("joint") / "steps"
    return tuner.tune(task, {"xgboost": SMALL_XGBOOST, "sequence_labels": recurrent}, trials=2, folder=folder, **QUIET)


def test_one_target_of_a_network_is_its_head(several):
    target, table_of_rows = several.task.target, several.task.rows.table
    for family in ("dense", "xgboost"):
        (trial,) = [one for one in several.complete if one.family == family]
        fitted = load_fitted(several.attempt_folder(trial) / "fold-0")
        whole = fitted.predict(table_of_rows)
        for place, columns in enumerate(target.columns):
            alone = of_target(fitted, target, place).predict(table_of_rows)
            np.testing.assert_allclose(alone, whole[:, columns], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("which", ["several", "of_steps"])
def test_it_is_an_ensemble_of_its_own_and_is_saved(which, request, tmp_path):
    study = request.getfixturevalue(which)
    combined = study.ensemble("joint")
    (member,) = combined.members
    assert (member.trial, len(member.folders)) == ("joint", 2)
    rows = (table() if which == "several" else sentences()).head(24)
    again = ensembles.load(combined.save(tmp_path / "joint"))
    np.testing.assert_allclose(again.raw(rows), combined.ensemble.raw(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_of_several_targets_it_is_better_than_the_baseline(several):
    baseline = next(trial for trial in several.complete if trial.family == "baseline")
    assert several.ensemble("joint").scores["ensemble"]["cross_fitted"] < baseline.value


@pytest.mark.slow
def test_of_steps_it_begins_as_the_average_of_trees_and_network(of_steps):
    joint = load_fitted(train_joint(of_steps).folder / "fold-0")
    for variable in joint.model.variables:
        variable.assign(np.zeros(variable.shape))
    rows = of_steps.task.rows.table
    said = np.stack([joint.average.tree.predict(rows), joint.average.tower.predict(rows)])
    odds = np.tensordot(joint.average.coefficients, np.log(said[:, :, 1] / said[:, :, 0]), axes=1)
    np.testing.assert_allclose(joint.predict(rows)[:, 1], 1 / (1 + np.exp(-odds)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("which", ["several", "of_steps"])
def test_held_out_rows_are_predicted_by_the_model_of_their_fold(which, request):
    study = request.getfixturevalue(which)
    made = train_joint(study)
    start = len(study.task.folds[0][1])
    held_out = study.task.folds[1][1]
    said = load_fitted(made.folder / "fold-1").predict(study.task.rows.table.take(held_out))
    np.testing.assert_allclose(said, made.predictions[start : start + len(held_out)], rtol=1e-4, atol=1e-5)
