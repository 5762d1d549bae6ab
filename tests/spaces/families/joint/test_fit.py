"""The joint wide-and-deep model begins as an average and learns what that missed, as far as its penalty lets it."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from spaces import FAMILIES, Fold, Input, Rows, Signature, Target, defaults, narrow
from spaces.engines.keras.fitted import KerasFitted
from spaces.engines.keras.scale import TargetScale
from spaces.engines.xgboost import XGBoostFitted
from spaces.families.joint.fit import CannotJoin, fit_joint
from spaces.families.joint.fitted import JointFitted
from spaces.inputs.text.words import Words
from spaces.probabilities import scores_of
from spaces.rows.signature import TableColumns
from spaces.rows.table import Table
from spaces.store import load_fitted

KINDS = ("regression", "binary", pytest.param("multiclass", marks=pytest.mark.slow))
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


def signature_of(kind: str, n_rows: int) -> Signature:
    target = Target("y", kind, LABELS[kind], "squared_error" if kind == "regression" else "log_loss")
    return Signature(
        (Input("table", "table", (4,), details=TableColumns(cardinalities=(6, 6))),), (target,), rows=n_rows
    )


def trained(kind: str, family: str, fold: Fold, **changes: object) -> XGBoostFitted | KerasFitted:
    signature = signature_of(kind, len(fold.full))
    space = narrow(FAMILIES[family].space(signature), changes)
    return next(iter(FAMILIES[family].build(defaults(space), signature).fit([fold], lambda *a: None)))


@functools.cache
def members_of(kind: str) -> tuple[XGBoostFitted | KerasFitted, XGBoostFitted | KerasFitted, Fold, np.ndarray, Rows]:
    """Train trees and a network; what they say of training rows is said by models trained on other rows."""
    train, inner, others, fresh = (rows_of(kind, n, seed) for seed, n in enumerate((600, 200, 600, 1000)))
    fold = Fold(train, train, inner, seed=1)
    quick = {"xgboost": {"n_estimators": 30}, "dense": {"epochs": 3, "units": 16}}
    tree, tower = (trained(kind, family, fold, **changes) for family, changes in quick.items())
    elsewhere = replace(fold, full=others, train=others)
    said = [trained(kind, family, elsewhere, **changes).predict(train.table) for family, changes in quick.items()]
    return tree, tower, fold, np.stack(said), fresh


def joint_of(kind: str, **options: object) -> tuple[JointFitted, Rows]:
    """Train a joint model."""
    tree, tower, fold, said, fresh = members_of(kind)
    signature = signature_of(kind, len(fold.train))
    return fit_joint(
        tree, tower, fold, coefficients=np.array([0.6, 0.4]), predicted=said, signature=signature, **options
    ), fresh


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


@pytest.mark.slow
def test_its_network_keeps_its_batch_statistics_and_drops_nothing():
    fold = Fold(rows_of("binary", 300, 0), rows_of("binary", 300, 0), rows_of("binary", 100, 1), seed=1)
    tree = trained("binary", "xgboost", fold, n_estimators=3)
    tower = trained("binary", "dense", fold, epochs=1, units=16, batch_normalization=True, dropout=0.5)
    said = np.stack([one.predict(fold.train.table) for one in (tree, tower)])
    given = {"coefficients": np.array([0.5, 0.5]), "predicted": said, "signature": signature_of("binary", 300)}
    made = fit_joint(tree, tower, fold, **given, penalties=(1.0,), epochs=1)
    layer = made.model.get_layer("tower")
    before = [one.numpy() for one in layer.variables]
    rng = np.random.default_rng(0)
    read = tuple(rng.integers(0, 2, (64, *one.shape[1:])).astype(one.dtype) for one in made.model.inputs)
    made.model.get_layer("top").get_layer("delta").kernel.assign_add(keras.ops.ones((16, 1)))
    made.model.compile(keras.optimizers.SGD(0.01), "mse")  # what is corrected is no probability
    made.model.fit(read, rng.integers(0, 2, (64, 1)), verbose=0)
    moved = {one.name for one, old in zip(layer.variables, before, strict=True) if not np.array_equal(one, old)}
    assert "kernel" in moved
    assert not {name for name in moved if name.startswith("moving")}
    np.testing.assert_array_equal(layer(read[-1], training=True), layer(read[-1], training=False))


@pytest.mark.slow
def test_the_penalty_of_least_loss_on_inner_rows_is_chosen():
    """A penalty that leaves nothing of the wide part loses what only crosses can tell."""
    made, _ = joint_of("regression", penalties=(1e4, 0.1))
    assert made.penalty == 0.1


@pytest.mark.slow
def test_a_strong_penalty_keeps_the_wide_part_empty():
    made, _ = joint_of("binary", penalties=(1e4,))
    for layer in ("wide", "leaves"):
        np.testing.assert_array_equal(made.model.get_layer("top").get_layer(layer).get_weights()[0], 0)


def test_what_cannot_be_joined_is_refused():
    train = rows_of("regression", 100, 0)
    fold = Fold(train, train, train, seed=0)
    tree = trained("regression", "xgboost", fold, n_estimators=2)
    with pytest.raises(CannotJoin, match="needs boosted trees and a network"):
        fit_joint(
            tree,
            tree,
            fold,
            coefficients=np.ones(2),
            predicted=np.zeros((2, 100, 1)),
            signature=signature_of("regression", 100),
        )
    inputs = keras.Input((tree.prepared.width,))
    mean = keras.layers.GlobalAveragePooling1D()(keras.layers.Reshape((-1, 1))(inputs))
    bare = KerasFitted(
        keras.Model(inputs, mean), tree.prepared, (tree.prepared.width,), "regression", TargetScale(), {}
    )
    with pytest.raises(CannotJoin, match="has no last hidden layer to build on"):
        fit_joint(
            tree,
            bare,
            fold,
            coefficients=np.ones(2),
            predicted=np.zeros((2, 100, 1)),
            signature=signature_of("regression", 100),
        )


GOOD, BAD, FILLER = (tuple(f"{kind}{i}" for i in range(40)) for kind in ("good", "bad", "word"))


def reviews(n_rows: int, seed: int, *, table: bool) -> Rows:
    """Texts of many weak words, good and bad ones; two of them, beside a number that says as much as one word."""
    rng = np.random.default_rng(seed)
    good = rng.integers(0, 7, n_rows)
    drawn = [[*rng.choice(GOOD, k), *rng.choice(BAD, 6 - k), *rng.choice(FILLER, 6)] for k in good]
    texts = np.array([[" ".join(rng.permutation(half)) for half in np.split(rng.permutation(row), 2)] for row in drawn])
    numbers = rng.normal(size=(n_rows, 1 if table else 0))
    target = (good + numbers.sum(axis=1) + 0.01 * rng.normal(size=n_rows) > 3).astype(np.int64)
    return Rows(Table(numbers, np.empty((n_rows, 0), np.int32), texts=texts.astype(object)), target)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "table"), [("text_ngrams", True), ("text_conv", False), ("siamese", True)])
def test_texts_are_read_as_n_grams_by_the_wide_part(family, table, tmp_path):
    train, inner, others, fresh = (reviews(n, seed, table=table) for seed, n in enumerate((800, 200, 800, 1000)))
    inputs = [Input("table", "table", (1,))] if table else []
    inputs += [Input(f"text {i}", "text", (6,), "int32", Words(120)) for i in range(2)]
    signature = Signature(tuple(inputs), (Target("y", "binary", ("n", "y"), "log_loss"),), rows=len(train))

    def trained_on(rows: Rows, name: str, **changes: object) -> XGBoostFitted | KerasFitted:
        space = narrow(FAMILIES[name].space(signature), changes)
        fold = Fold(rows, rows, inner, seed=1)
        return next(iter(FAMILIES[name].build(defaults(space), signature).fit([fold], lambda *a: None)))

    quick = {"xgboost": {"n_estimators": 10}, family: {"epochs": 1}}
    tree, tower = (trained_on(train, name, **changes) for name, changes in quick.items())
    said = np.stack([trained_on(others, name, **changes).predict(train.table) for name, changes in quick.items()])
    fold, coefficients = Fold(train, train, inner, seed=1), np.array([0.6, 0.4])
    begun = fit_joint(
        tree, tower, fold, coefficients=coefficients, predicted=said, signature=signature, penalties=(1.0,), epochs=0
    )
    np.testing.assert_allclose(begun.predict(fresh.table), average_of(begun, fresh), rtol=1e-5, atol=1e-6)

    made = fit_joint(
        tree, tower, fold, coefficients=coefficients, predicted=said, signature=signature, penalties=(0.01,)
    )
    at = (np.arange(len(fresh)), fresh.target)
    assert -np.log(made.predict(fresh.table)[at]).mean() < -np.log(average_of(made, fresh)[at]).mean() - 0.02
    wide = made.model.get_layer("top").get_layer("wide").get_weights()[0][1:, 0]  # 0 stands for no n-gram
    assert np.count_nonzero(wide) > 0
    made.save(tmp_path)
    np.testing.assert_allclose(
        load_fitted(tmp_path).predict(fresh.table), made.predict(fresh.table), rtol=1e-5, atol=1e-6
    )
    assert made.predict(fresh.table.take(slice(0, 1))).shape == (1, 2)
