import inspect
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from small import make_frame

import tuner
from spaces.machine.habits import ESTIMATOR
from tuner.estimators.tuned import TunedClassifier, TunedRegressor

FEW = {"families": {"linear": {}}, "split": {"kind": "kfold", "folds": 2}, "trials": 1, "method": "uniform"}
FRAME = make_frame(80)
X, Y = FRAME.drop(columns="label"), FRAME["label"]


@pytest.fixture(scope="module")
def fitted():
    return TunedClassifier(**FEW).fit(X, Y)


def test_a_pickle_predicts_without_the_study(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert not hasattr(again, "study_")
    assert again.ensemble_.classes == ("no", "yes")


def test_what_is_known_of_a_frame_is_noted(fitted):
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.feature_names_in_.tolist() == ["x", "y", "colour"]
    assert fitted.score(X, Y) > 0.7
    assert len(fitted.study_.leaderboard()) == 2


def test_the_folder_of_a_study_goes_with_it():
    study = TunedClassifier(**FEW).fit(X, Y).study_
    folder = study.folder
    assert folder.exists()
    del study
    assert not folder.exists()


def test_nothing_is_tracked_whatever_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    TunedClassifier(**FEW).fit(X, Y)
    assert list(tmp_path.iterdir()) == []


def test_rows_of_weight_zero_are_as_if_they_were_not_there():
    counts = np.ones(len(X))
    counts[::4] = 0
    kept = counts > 0
    weighted = TunedClassifier(**FEW).fit(X, Y, sample_weight=counts)
    without = TunedClassifier(**FEW).fit(X[kept], Y[kept], sample_weight=np.ones(kept.sum()))
    np.testing.assert_array_equal(weighted.predict_proba(X), without.predict_proba(X))


def test_groups_are_never_parted_by_a_fold():
    groups = np.arange(len(X)) % 8
    study = TunedClassifier(**FEW | {"split": None}).fit(X, Y, groups=groups).study_
    for train, held_out in study.task.folds:
        assert not set(study.task.groups[train]) & set(study.task.groups[held_out])


def test_a_pipeline_hands_frames_over():
    columns = make_column_transformer((SimpleImputer(), ["x", "y"]), ("passthrough", ["colour"]))
    pipeline = make_pipeline(columns, TunedClassifier(**FEW)).set_output(transform="pandas")
    assert pipeline.fit(X, Y)[-1].feature_names_in_.tolist()[-1] == "passthrough__colour"
    assert pipeline.predict(X).shape == (80,)


def test_folds_search_and_groups_of_scikit_learn():
    groups = np.arange(len(X)) % 4
    scores = cross_val_score(TunedClassifier(**FEW), X, Y, cv=GroupKFold(2), groups=groups)
    assert scores.min() > 0.6
    found = GridSearchCV(TunedRegressor(**FEW), {"method": ["uniform", "greedy"]}, cv=2).fit(X[["x"]], X["x"] * 2)
    assert found.best_score_ > 0.9


@pytest.mark.slow
def test_several_processes_of_scikit_learn():
    assert len(cross_val_score(TunedClassifier(**FEW), X, Y, cv=2, n_jobs=2)) == 2


def test_arguments_are_those_of_tune_and_a_clone_has_them():
    theirs = set(inspect.signature(tuner.tune).parameters) - {"task"}
    assert theirs - set(TunedClassifier().get_params()) == set()
    assert clone(TunedClassifier(**FEW)).get_params() == TunedClassifier(**FEW).get_params()


def test_one_class_is_refused_before_anything_starts():
    with pytest.raises(ValueError, match="one class"):
        TunedClassifier(**FEW).fit(X, ["no"] * len(X))


def test_a_method_that_is_none_is_refused_before_anything_is_trained(tmp_path):
    estimator = TunedClassifier(["linear"], method="gredy", trials=1, folder=tmp_path / "study")
    with pytest.raises(ValueError, match="unknown name 'gredy', did you mean 'greedy'"):
        estimator.fit([[1.0], [2.0], [1.0], [2.0]], [1, 2, 1, 2])
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("name", sorted(ESTIMATOR))
def test_an_attribute_of_another_estimator_is_answered_with_ours(name):
    with pytest.raises(AttributeError, match=f"'TunedClassifier' object has no attribute '{name}'; here: ") as caught:
        getattr(TunedClassifier(), name)
    assert ESTIMATOR[name] in str(caught.value)
