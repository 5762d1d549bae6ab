"""One trial's model to take home: it predicts by the mean of its folds, is saved, refitted, or refused by name."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tuner
from spaces.rows.columns import TableError
from spaces.store import load_fitted
from tuner.archive.study_folder import StudyError
from tuner.trials.outcome import Outcome


def test_the_best_models_come_best_first_without_the_baseline(study):
    ranked = [trial.name for trial in study.complete if trial.family != "baseline"]
    assert [model.name for model in study.best_models(3)] == ranked[:3]
    assert [model.name for model in study.best_models()] == ranked[:1]
    assert [model.name for model in study.best_models(1000)] == ranked
    for wrong in (0, "2"):
        with pytest.raises(ValueError, match=f"n must be a whole number of at least 1, got {wrong!r}"):
            study.best_models(wrong)


def test_a_model_is_the_mean_of_its_folds_and_is_saved_as_such(study, frame, tmp_path):
    trial = next(trial for trial in study.complete if trial.family == "xgboost")
    model = study.model(trial.name)
    table = study.task.rows.table
    folder = study.attempt_folder(trial)
    each = [load_fitted(folder / f"fold-{k}").predict(table) for k in range(3)]
    np.testing.assert_allclose(model.ensemble.outputs(table), np.mean(each, axis=0), rtol=1e-6)
    loaded = tuner.load(model.save(tmp_path / "model"))
    rows = frame.drop(columns="label")
    np.testing.assert_allclose(loaded.predict_proba(rows), model.predict_proba(rows), rtol=1e-6)
    one = rows.iloc[3].to_dict()
    np.testing.assert_allclose(model.predict_proba(one)[0], model.predict_proba(rows)[3], rtol=1e-6)
    assert model.predict(rows).tolist() == loaded.predict(rows).tolist()
    assert repr(model).startswith(f"Model {trial.name} of small: the mean of 3 fold models, log_loss 0.")
    with pytest.raises(TableError, match="column 'colour' is missing"):
        model.predict(rows[["x", "y"]])


def test_sets_of_labels_come_true_as_often_as_on_held_out_rows(study):
    """The distances are those of the trial's own held-out predictions."""
    model = study.best_models()[0]
    stored = np.load(study.attempt_folder(model.trial) / "held_out.npz")
    true = study.task.rows.target[stored["rows"]]
    off = 1 - stored["predictions"][np.arange(len(true)), true]
    np.testing.assert_allclose(model.ensemble.distances, np.sort(off), rtol=1e-6)


def test_a_model_without_a_network_is_not_exported(study, tmp_path):
    trees = next(model for model in study.best_models(100) if model.trial.family == "xgboost")
    with pytest.raises(StudyError, match=r"is no single network \(it is stored as xgboost\): save\(\) writes it whole"):
        trees.export(tmp_path / "net.keras")
    with pytest.raises(ValueError, match=r"export writes \.keras files, got .*net\.h5': name it net\.keras"):
        trees.export(tmp_path / "net.h5")


def test_names_without_a_model_are_refused_with_one_that_has_it(study, tmp_path):
    copied = tuner.load_study(shutil.copytree(study.folder, tmp_path / "copy"))
    pruned = next(trial.name for trial in copied.trials if trial.state == "pruned")
    ranked = [trial for trial in copied.complete if trial.family == "linear"]
    shutil.rmtree(copied.attempt_folder(ranked[0]) / "fold-1")
    failed, again, running = (copied.ledger.ask("linear")[0] for _ in range(3))
    copied.ledger.tell("linear", failed.number, Outcome("failed", error="ValueError: no luck", reason="error"))
    copied.ledger.tell_duplicate(again, ranked[1])
    instead = f"did you mean '{ranked[1].name}', the best linear that has one"
    for name, message in {
        3: r"unknown name '3' \(right names: ",
        "liner-000000": "unknown name 'liner-000000', did you mean 'linear-000000'",
        pruned: f"{pruned} has no model: it was pruned; did you mean 'xgboost-",
        failed.name: rf"{failed.name} has no model: it failed \(ValueError: no luck\); {instead}",
        again.name: f"{again.name} has no model: its parameters are those of {ranked[1].name}; {instead}",
        running.name: f"{running.name} has no model: it still runs; {instead}",
        ranked[0].name: f"{ranked[0].name} has no model: it was dropped to keep to disk=; {instead}",
    }.items():
        with pytest.raises(StudyError, match=message):
            copied.model(name)
