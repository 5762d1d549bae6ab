"""The joint wide-and-deep model begins as an average and learns what that missed, as far as its penalty lets it."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.joint import Beside, CannotJoin, JointFitted, fit_joint
from spaces.keras_model import KerasFitted, TargetScale
from spaces.loading import load_fitted
from spaces.probabilities import scores_of
from spaces.table import Table
from spaces.xgboost_model import XGBoostFitted

KINDS = ("regression", "binary", "multiclass")
LABELS = {"regression": (), "binary": ("n", "y"), "multiclass": ("a", "b", "c")}


def rows_of(kind: str, n_rows: int, seed: int) -> Rows:
    """Two numbers and two columns of codes, whose combination says something that neither column says alone."""
    rng = np.random.default_rng(seed)
    numbers, codes = rng.normal(size=(n_rows, 2)), rng.integers(0, 6, (n_rows, 2)).astype(np.int32)
    score = numbers[:, 0] + 1.5 * ((codes[:, 0] + codes[:, 1]) % 2) - 0.75
    if kind == "regression":
        target = 10 + 5 * score + rng.normal(size=n_rows)
    elif kind == "binary":
        target = (rng.random(n_rows) < expit(2 * score)).astype(np.int64)
    else:
        odds = softmax(np.stack([score, -score, numbers[:, 1]], axis=1), axis=1)
        target = (rng.random(n_rows)[:, None] > odds.cumsum(axis=1)).sum(axis=1).clip(max=2)
    return Rows(Table(numbers, codes), target)


def trained(kind: str, family: str, fold: Fold, **changes: object) -> XGBoostFitted | KerasFitted:
    target = Target("y", kind, LABELS[kind], "squared_error" if kind == "regression" else "log_loss")
    signature = Signature((Input("table", "table", (4,), cardinalities=(6, 6)),), (target,), rows=len(fold.full))
    space = narrow(FAMILIES[family].space(signature), changes)
    return next(iter(FAMILIES[family].build(defaults(space), signature).fit([fold], lambda *a: None)))


def joint_of(kind: str, **options: object) -> tuple[JointFitted, Rows]:
    """Train a joint model; the average's word on training rows is that of models trained on other rows."""
    train, inner, others, fresh = (rows_of(kind, n, seed) for seed, n in enumerate((600, 200, 600, 1000)))
    fold = Fold(train, train, inner, seed=1)
    quick = {"xgboost": {"n_estimators": 30}, "dense": {"epochs": 3, "units": 16}}
    tree, tower = (trained(kind, family, fold, **changes) for family, changes in quick.items())
    elsewhere = replace(fold, full=others, train=others)
    said = [trained(kind, family, elsewhere, **changes).predict(train.table) for family, changes in quick.items()]
    target = Target("y", kind, LABELS[kind], "squared_error" if kind == "regression" else "log_loss")
    made = fit_joint(tree, tower, fold, np.array([0.6, 0.4]), np.stack(said), target, (6, 6), **options)
    return made, fresh


def average_of(made: JointFitted, rows: Rows) -> np.ndarray:
    """Average members' log odds or values by hand."""
    said = np.stack([made.average.tree.predict(rows.table), made.average.tower.predict(rows.table)])
    scores = np.tensordot([0.6, 0.4], scores_of(said), axes=1)
    if said.shape[2] == 1:
        return scores
    return softmax(np.hstack([0 * scores, scores]) if said.shape[2] == 2 else scores, axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_first_epoch_it_is_the_average(kind):
    made, fresh = joint_of(kind, penalties=(1.0,), epochs=0)
    assert made.epochs == 0
    np.testing.assert_allclose(made.predict(fresh.table), average_of(made, fresh), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_the_average_missed(kind, tmp_path):
    made, fresh = joint_of(kind, penalties=(1.0,))
    joint, average = made.predict(fresh.table), average_of(made, fresh)
    if kind == "regression":
        assert np.mean((joint[:, 0] - fresh.target) ** 2) < np.mean((average[:, 0] - fresh.target) ** 2)
    else:
        at = (np.arange(len(fresh)), fresh.target)
        assert -np.log(joint[at]).mean() < -np.log(average[at]).mean()
    made.save(tmp_path)
    again = load_fitted(tmp_path)
    np.testing.assert_allclose(again.predict(fresh.table), joint, rtol=1e-5, atol=1e-6)
    settings = json.loads((tmp_path / "model.json").read_text())
    assert settings["penalty"] == made.penalty
    assert settings["epochs"] == made.epochs > 0


def test_the_penalty_of_least_loss_on_inner_rows_is_chosen():
    """A penalty that leaves nothing of the wide part loses what only crosses can tell."""
    made, _ = joint_of("regression", penalties=(1e4, 0.1))
    assert made.penalty == 0.1


def test_a_strong_penalty_keeps_the_wide_part_empty():
    made, _ = joint_of("binary", penalties=(1e4,))
    for layer in ("wide", "leaves"):
        np.testing.assert_array_equal(made.model.get_layer(layer).get_weights()[0], 0)


def test_what_cannot_be_joined_is_refused():
    train = rows_of("regression", 100, 0)
    fold = Fold(train, train, train, seed=0)
    tree = trained("regression", "xgboost", fold, n_estimators=2)
    with pytest.raises(CannotJoin, match="needs boosted trees and a network"):
        fit_joint(tree, tree, fold, np.ones(2), np.zeros((2, 100, 1)), Target("y", "regression"), (6, 6))
    inputs = keras.Input((tree.prepared.width,))
    mean = keras.layers.GlobalAveragePooling1D()(keras.layers.Reshape((-1, 1))(inputs))
    bare = KerasFitted(keras.Model(inputs, mean), tree.prepared, tree.prepared.width, "regression", TargetScale(), {})
    with pytest.raises(CannotJoin, match="has no last hidden layer to build on"):
        fit_joint(tree, bare, fold, np.ones(2), np.zeros((2, 100, 1)), Target("y", "regression"), (6, 6))


def test_matrices_beside_each_other_come_apart_again():
    made, fresh = joint_of("regression", penalties=(1.0,))
    parts = made.prepared.split(made.prepared.matrix(fresh.table))
    assert isinstance(made.prepared, Beside)
    assert [part.shape[1] for part in parts] == [part.width for part in made.prepared.parts]
    np.testing.assert_array_equal(parts[1], made.average.tree.prepared.matrix(fresh.table))
