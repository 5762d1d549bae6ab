"""Scores, importances and costs on rows that a person brings along."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from small import make_frame

import tuner
from spaces.inputs.files import DataError
from tuner.archive.study_folder import StudyError
from tuner.ensembling.looks import test_looks as looks_at

QUIET = {"workers": 0, "tracking": None, "progress": False}
NEW = make_frame(60, seed=9)


@pytest.fixture
def copied(study, tmp_path):
    """The study, its looks counted for one test."""
    copy = shutil.copytree(study.folder, tmp_path / "copy")
    (copy / "test_looks.json").unlink(missing_ok=True)
    return tuner.load_study(copy)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A study of two targets, with a metric of one's own for one of them."""
    share = tuner.Metric(
        "share", lambda y_true, y_pred: float(np.mean(y_true == y_pred)), greater_is_better=True, needs="label"
    )
    frame = make_frame().assign(price=lambda rows: 2 * rows["x"] + 1)
    task = tuner.Task(
        frame, ["price", "label"], metric={"price": "mae", "label": share}, split={"kind": "kfold", "folds": 2}
    )
    return tuner.tune(task, ["linear"], trials=1, folder=tmp_path_factory.mktemp("several") / "s", **QUIET)


def test_scores_are_scikit_learns_of_what_is_predicted(study):
    combined, rows, labels = study.ensemble("uniform"), NEW.drop(columns="label"), NEW["label"]
    said, before = combined.predict_proba(rows), looks_at(study.folder)
    expected = {
        "log_loss": log_loss(labels, said),
        "roc_auc": roc_auc_score(labels == "yes", said[:, 1]),
        "accuracy": accuracy_score(labels, combined.predict(rows)),
    }
    assert combined.evaluate(NEW) == pytest.approx(expected)
    assert combined.evaluate(rows, labels) == pytest.approx(expected)
    assert combined.evaluate(rows.to_dict("records"), list(labels)) == pytest.approx(expected)
    weight = np.arange(1.0, 61)
    weighted = log_loss(labels, said, sample_weight=weight)
    assert combined.evaluate(NEW, sample_weight=weight)["log_loss"] == pytest.approx(weighted)
    assert combined.evaluate(NEW.assign(w=weight), sample_weight="w")["log_loss"] == pytest.approx(weighted)
    assert looks_at(study.folder) == before


def test_what_cannot_be_scored_is_refused_or_is_no_number(study):
    model = study.best_models()[0]
    for given, message in [
        ((NEW.drop(columns="label"),), "rows: target: unknown name 'label'"),
        ((NEW.drop(columns="label").to_numpy(),), r"an array has no column of the target.* evaluate\(array, y\)"),
        ((NEW.drop(columns="label"), NEW["label"][:-1]), r"rows: a pair of inputs and targets of 60 rows is needed"),
        ((NEW.assign(label="maybe"),), "rows: label 'maybe' does not occur in training"),
        ((NEW.drop(columns="label"), NEW["label"].iloc[::-1]), "its index is the data's in another order"),
        ((NEW.iloc[:0],), "rows: there are no rows"),
    ]:
        with pytest.raises(DataError, match=message):
            model.evaluate(*given)
    with pytest.raises(DataError, match="60 numbers are needed, one a row, got 3"):
        model.evaluate(NEW, sample_weight=[1, 2, 3])
    with pytest.raises(DataError, match="a weight is a finite number above zero"):
        model.evaluate(NEW, sample_weight=np.zeros(60))
    only = model.evaluate(NEW[NEW["label"] == "yes"])
    assert np.isnan(only["roc_auc"])
    assert only["log_loss"] > 0


def test_a_task_with_weights_asks_for_weights(tmp_path):
    frame = make_frame().assign(w=1.0)
    task = tuner.Task(frame, "label", sample_weight="w", split={"kind": "stratified", "folds": 2})
    study = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET)
    (model,) = study.best_models()
    with pytest.raises(DataError, match="the task's rows have weights, and its metrics count by them: name the column"):
        model.evaluate(frame)
    assert model.evaluate(frame, sample_weight="w") == model.evaluate(frame, sample_weight=np.ones(len(frame)))


def test_the_test_rows_are_known_again_in_any_order_and_the_look_is_counted(copied, frame, caplog):
    """All rows of the frame: those of the test are among them, and each call is a look."""
    (model,), mixed = copied.best_models(), frame.sample(frac=1, random_state=0)
    model.evaluate(mixed)
    assert looks_at(copied.folder) == 1
    assert "the test rows are among these rows: look 1 at them is counted" in caplog.text
    model.importance(mixed, repeats=1)
    copied.leaderboard(mixed)
    assert looks_at(copied.folder) == 3
    model.evaluate(mixed.iloc[:-1].assign(x=lambda rows: rows["x"] + 1))
    model.evaluate(mixed.sample(frac=0.5, random_state=1))
    assert looks_at(copied.folder) == 3


def test_columns_that_make_the_target_lead(study):
    rows = NEW.assign(colour="red")
    found = study.ensemble("uniform").importance(rows, repeats=3)
    assert list(found["column"][:2]) == ["x", "y"]
    assert found["importance"][0] > 0.05
    unmoved = found.set_index("column").loc["colour"]
    assert (unmoved["importance"], unmoved["std"]) == (0, 0)
    pd.testing.assert_frame_equal(found, study.ensemble("uniform").importance(rows, repeats=3))


def test_importance_is_of_the_deciding_metric(copied):
    """Accuracy grows where log loss shrinks: what makes it worse is above zero all the same."""
    task = tuner.Task(make_frame(), "label", metric="roc_auc", split={"kind": "stratified", "folds": 2})
    study = tuner.tune(task, ["linear"], trials=1, folder=copied.folder.parent / "auc", **QUIET)
    (model,) = study.best_models()
    found = model.importance(NEW, repeats=2)
    assert found["importance"][0] > 0.05
    with pytest.raises(StudyError, match="roc_auc is undefined on these rows: class 'no' does not occur in them"):
        model.importance(NEW[NEW["label"] == "yes"])


def test_the_leaderboard_says_what_every_model_makes_of_rows_and_costs(copied):
    dropped = copied.complete[-2]
    shutil.rmtree(copied.attempt_folder(dropped) / "fold-0")
    board = copied.leaderboard(NEW)
    assert board["trial"].tolist() == copied.leaderboard()["trial"].tolist()
    found = board.set_index("trial")
    best = copied.best_models()[0]
    for name, value in best.evaluate(NEW).items():
        assert found.loc[best.name, f"evaluated_{name}"] == pytest.approx(value)
    costs = found[["ms_per_row", "ms_per_call", "megabytes"]]
    with_models = [trial.name for trial in copied.complete if trial.name != dropped.name]
    assert costs.drop(with_models).isna().all(axis=None)
    assert (costs.loc[with_models] > 0).all(axis=None)
    files = [path for folder in best.members[0].folders for path in folder.rglob("*") if path.is_file()]
    assert found.loc[best.name, "megabytes"] == pytest.approx(sum(path.stat().st_size for path in files) / 1e6)


def test_several_targets_and_a_metric_of_ones_own(several):
    (model,), rows = several.best_models(), NEW.assign(price=2 * NEW["x"] + 1).set_index(NEW.index + 100)
    said = model.predict(rows)
    assert said.index.tolist() == rows.index.tolist()
    found = model.evaluate(rows)
    assert found["label/share"] == pytest.approx((said["label"] == rows["label"]).mean())
    assert found["price/mae"] == pytest.approx((said["price"] - rows["price"]).abs().mean())
    assert model.evaluate(rows[["x", "y", "colour"]], rows[["label", "price"]]) == found
    probabilities = model.predict_proba(rows, as_frame=True)
    assert probabilities.columns.tolist() == [("label", "no"), ("label", "yes")]
    np.testing.assert_array_equal(probabilities["label"], model.predict_proba(rows)["label"])
    assert model.predict_interval(rows, as_frame=True).columns.tolist() == [("price", "lower"), ("price", "upper")]
    members = model.predict_members(rows, as_frame=True)
    np.testing.assert_allclose(members[model.name]["label"]["yes"], probabilities["label"]["yes"])
    assert model.importance(rows, repeats=1)["column"][0] == "x"


def test_lists_of_labels_stand_in_a_column_or_beside(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["x", "y"])
    frame["tags"] = [[name for name, value in zip("ab", row, strict=True) if value > 0] for row in frame.to_numpy()]
    task = tuner.Task(frame, "tags", metrics=["f1_micro"], split={"kind": "kfold", "folds": 2})
    (model,) = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET).best_models()
    found = model.evaluate(frame)
    assert found["f1_micro"] > 0.9
    rows = frame[["x", "y"]]
    assert model.evaluate(rows, frame["tags"]) == model.evaluate(rows, list(frame["tags"])) == found
    assert model.predict_proba(rows, as_frame=True)["tags=a"].columns.tolist() == [0, 1]


def test_steps_of_sequences_are_scored_like_rows(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"who": np.repeat(np.arange(12), 8), "a": rng.normal(size=96), "b": rng.normal(size=96)})
    frame["y"] = np.where(frame["a"] + rng.normal(scale=0.3, size=96) > 0, "up", "down")
    task = tuner.Task(frame, "y", sequence="who", split={"kind": "grouped", "folds": 2})
    (model,) = tuner.tune(task, ["linear"], trials=1, folder=tmp_path / "s", **QUIET).best_models()
    expected = log_loss(frame["y"], model.predict_proba(frame))
    assert model.evaluate(frame)["log_loss"] == pytest.approx(expected)
    assert model.importance(frame, repeats=2)["column"].tolist() == ["a", "b"]


def test_a_saved_ensemble_is_scored_without_its_study(study, several, tmp_path):
    combined = study.ensemble("uniform")
    saved = tuner.load(combined.save(tmp_path / "one"))
    expected = combined.evaluate(NEW)
    assert tuner.evaluate(saved, NEW) == pytest.approx({"log_loss": expected["log_loss"]})
    rows, labels = NEW.drop(columns="label"), NEW["label"]
    assert tuner.evaluate(saved, rows, labels, metrics=["accuracy", "roc_auc"]) == pytest.approx(expected)
    weight = np.arange(1.0, 61)
    weighted = combined.evaluate(NEW, sample_weight=weight)["log_loss"]
    assert tuner.evaluate(saved, NEW.assign(w=weight), sample_weight="w")["log_loss"] == pytest.approx(weighted)
    with pytest.raises(ValueError, match="metric 'rmse' does not fit a binary target"):
        tuner.evaluate(saved, NEW, metrics=["rmse"])
    both, made = NEW.assign(price=2 * NEW["x"] + 1), several.ensemble("uniform")
    loaded = tuner.load(made.save(tmp_path / "two"))
    alone = tuner.evaluate(loaded, both)
    off = np.asarray(made.predict(both)["price"]) - both["price"]
    assert alone == pytest.approx(
        {
            "price/rmse": float(np.sqrt((off**2).mean())),
            "label/log_loss": log_loss(both["label"], made.predict_proba(both)["label"]),
        }
    )


def test_who_asks_a_saved_ensemble_to_score_is_told_how(study, tmp_path):
    combined = study.ensemble("uniform")
    saved = tuner.load(combined.save(tmp_path / "one"))
    for asked, name, answer in [
        (saved, "score", r"tuner.evaluate\(ensemble, frame\)"),
        (saved, "evaluate", r"tuner.evaluate\(ensemble, frame\)"),
        (saved, "importance", "has no study"),
        (saved, "predit", "did you mean 'predict'"),
        (combined, "score", r"ensemble.evaluate\(frame\)"),
        (study.best_models()[0], "score", r"model.evaluate\(frame\)"),
    ]:
        with pytest.raises(AttributeError, match=answer):
            getattr(asked, name)
