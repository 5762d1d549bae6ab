"""A training loop of the user's trains Keras networks, and models of a class of the user's."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from toys import lines
from toys.lines import ENGINE, FAMILY, Line

from spaces import defaults, family, own_engine
from spaces.engines.clock import Clock
from spaces.engines.contract import ShippingError
from spaces.engines.curves import Curve
from spaces.engines.engine import KERAS, XGBOOST
from spaces.store import load_fitted, made_of

KINDS = ("regression", "binary", "multiclass")


def network(config, signature):
    inputs = keras.Input(signature.input.shape)
    if signature.target.kind == "regression":
        return keras.Model(inputs, keras.layers.Dense(1)(inputs))
    return keras.Model(inputs, keras.layers.Dense(signature.target.outputs, activation="softmax")(inputs))


def train(model, training, config):
    classes = model.output_shape[-1] > 1
    model.compile("adam", loss="sparse_categorical_crossentropy" if classes else "mse")
    model.optimizer.learning_rate = 0.05
    for epoch in range(training.epochs):
        loss = float(model.train_on_batch(training.x, training.y))
        watched = float(model.test_on_batch(training.inner_x, training.inner_y))
        if not training.report(epoch, {"loss": loss, "val_loss": watched}):
            break


NETWORK = family(network, {"epochs": 40}, name="network", fit=train)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("own", [NETWORK, FAMILY], ids=["keras", "own"])
def test_a_loop_trains_each_fold_and_what_it_trained_is_stored(own, kind, data, tmp_path):
    d, watched = data(kind), []
    model = own.build(defaults(own.space(d.signature)), d.signature)
    fitted = list(model.fit(d.folds, lambda *shown: watched.append((*shown[:2], shown[3]().shape))))
    outputs, epochs, target = d.signature.target.outputs, model.config["epochs"], d.folds[0].full.target
    assert watched[:2] == [(0, epochs, (20, outputs)), (1, epochs, (20, outputs))]
    assert len(watched) == 2 * epochs
    for one in fitted:
        assert {curve: len(values) for curve, values in one.curves.items()} == {
            Curve("loss"): epochs,
            Curve("loss", "validation"): epochs,
        }
    first, other = (one.predict(d.new) for one in fitted)
    assert first.shape == (25, outputs)
    assert not np.allclose(first, other)
    said = fitted[0].predict(d.folds[0].full.table)
    if kind == "regression":
        assert np.mean((said[:, 0] - target) ** 2) < target.var()  # on the target's own scale
    else:
        np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-6)
        assert np.mean(said.argmax(axis=1) == target) > np.bincount(target).max() / len(target)
    fitted[0].save(tmp_path)
    assert made_of(tmp_path) == (own.engines[0].name,)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), first, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("own", [NETWORK, FAMILY], ids=["keras", "own"])
def test_a_fold_trained_again_is_the_same(own, data):
    d = data("multiclass")
    one, again = (
        next(own.build({"epochs": 2}, d.signature).fit(d.folds[:1], lambda *shown: None)).predict(d.new)
        for _ in range(2)
    )
    np.testing.assert_allclose(one, again, rtol=1e-6)


def test_a_loop_is_told_when_the_time_is_over(data):
    d, clock = data("binary"), Clock(until=0.0)
    fold = replace(d.folds[0], clock=clock)
    (fitted,) = FAMILY.build({"epochs": 50}, d.signature).fit([fold], lambda *shown: None)
    assert len(fitted.curves[Curve("loss")]) == clock.stopped == 1


def test_what_the_pruner_raises_ends_the_loop(data):
    d = data("binary")

    class Pruned(Exception):
        pass

    def watch(step, steps, curves, predict):
        if step == 3:
            raise Pruned

    with pytest.raises(Pruned):
        list(FAMILY.build({"epochs": 50}, d.signature).fit(d.folds, watch))


def test_a_loop_may_return_another_model(data):
    d = data("regression")
    constant = family(lambda config, signature: None, {"epochs": 1}, name="c", engine=ENGINE, fit=_constant)
    (fitted,) = constant.build({"epochs": 1}, d.signature).fit(d.folds[:1], lambda *shown: None)
    np.testing.assert_allclose(fitted.predict(d.new), d.folds[0].train.target.mean())


def _constant(model, training, config):
    return Line(np.zeros((training.x.shape[1] + 1, 1)))


def test_weights_reach_the_loop(data):
    d, seen = data("regression"), []
    weight = np.arange(1.0, 1 + len(d.folds[0].train))
    fold = replace(d.folds[0], train=replace(d.folds[0].train, weight=weight))

    def keeping(line, training, config):
        seen.append((training.weight, training.inner_weight))

    kept = family(lambda config, signature: Line(np.zeros((1, 1))), {}, name="kept", engine=ENGINE, fit=keeping)
    list(kept.build({}, d.signature).fit([fold], lambda *shown: None))
    np.testing.assert_allclose(seen[0][0], weight / weight.mean(), rtol=1e-5)
    assert seen[0][1] is None


def test_a_digest_knows_the_loop():
    other = family(network, {"epochs": 40}, name="network", fit=lambda model, training, config: None)
    assert NETWORK.source != family(network, {"epochs": 40}, name="network").source
    assert NETWORK.source != other.source
    assert not ENGINE.weighs_rows
    assert KERAS.weighs_rows


@pytest.mark.parametrize("engine", [KERAS, XGBOOST])
def test_what_is_no_loop_is_refused(engine):
    fit = "fit" if engine is KERAS else train
    with pytest.raises(ValueError, match="fit must be a function"):
        family(network, {}, name="mine", engine=engine, fit=fit)


def test_a_class_that_cannot_be_stored_is_refused():
    class Forgetful:
        def predict(self, x):
            return x

    with pytest.raises(
        ValueError, match=r"Forgetful needs predict\(x\), save\(folder\) and load\(folder\); it has no save"
    ):
        own_engine("toys.lines:ENGINE", Forgetful)
    with pytest.raises(ValueError, match=r"Line stands in toys.*, and the engine is called by 'other:ENGINE'"):
        own_engine("other:ENGINE", Line)


def test_a_model_that_is_kept_outside_of_build_is_refused(data):
    d, kept, made = data("binary"), [], {}

    def build(config, signature):
        kept.append(config.pop("epochs"))  # a builder may do what it likes to its config
        return made.setdefault("line", lines.build(config, signature))

    own = family(build, {"epochs": 2}, name="kept", engine=ENGINE, fit=lines.fit)
    fitted = own.build({"epochs": 2}, d.signature).fit([d.folds[0]] * 2, lambda *shown: None)
    next(fitted)
    with pytest.raises(ShippingError, match=r"the same model was trained for two folds.*make it anew inside of build"):
        next(fitted)
    assert kept == [2, 2]
