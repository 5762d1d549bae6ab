"""A builder of the user's own becomes a family."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from spaces import Signature, defaults, family
from spaces.engines.contract import ShippingError
from spaces.engines.curves import Curve


def own(config: dict[str, Any], signature: Signature) -> keras.Model:
    inputs = keras.Input(signature.input.shape)
    hidden = keras.layers.Dense(config["units"], activation="tanh")(inputs)
    outputs = 1 if signature.target.kind == "regression" else signature.target.outputs
    last = keras.layers.Dense(outputs, activation=None if outputs == 1 else "softmax")(hidden)
    return keras.Model(inputs, last)


def test_a_users_builder_becomes_a_family(data):
    d = data("binary")
    mine = family(own, {"units": 8, "epochs": 2, "batch_size": 16}, name="mine")
    (fitted,) = mine.build(defaults(mine.space(d.signature)), d.signature).fit([d.folds[0]], lambda *shown: None)
    predictions = fitted.predict(d.new)
    assert predictions.shape == (25, 2)  # a softmax over two classes
    np.testing.assert_allclose(predictions.sum(axis=1), 1, atol=1e-5)
    assert len(fitted.curves[Curve("loss")]) == 2
    assert int(fitted.model.optimizer.iterations) == 2 * 6


def test_a_builders_source_is_part_of_the_family():
    def other(config: dict[str, Any], signature: Signature) -> keras.Model:
        return own(config, signature)

    space = {"units": 8}
    assert family(own, space, name="mine").source == family(own, space, name="mine").source
    assert family(own, space, name="mine").source != family(other, space, name="mine").source


def test_an_optimizer_that_trained_another_fold_is_refused(data):
    kept = keras.optimizers.Adam()

    def build(config, signature):
        model = own(config, signature)
        model.compile(kept, "sparse_categorical_crossentropy")
        return model

    d = data("binary")
    model = family(build, {}, name="mine").build({"units": 4, "epochs": 1}, d.signature)
    with pytest.raises(ShippingError, match=r"an optimizer of an earlier one, .*: make the optimizer inside of build"):
        list(model.fit(d.folds[:2], lambda *_: None))


def _reading(*inputs):
    """Return a builder of a model that reads these inputs."""

    def build(config, signature):
        reads = [keras.Input(**one) for one in inputs]
        first = keras.layers.StringLookup(vocabulary=["a"])(reads[0]) if reads[0].dtype == "string" else reads[0]
        rows = keras.layers.Flatten()(first)
        return keras.Model(reads, keras.layers.Dense(1, activation="sigmoid")(rows))

    return build


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([{"shape": (2,)}], r"reads rows of the shape \(2,\), and is given \(\d+,\) after preprocessing: begin with"),
        ([{"shape": (4, 3)}], r"reads rows of the shape \(4, 3\), and is given"),
        ([{"shape": (1,), "dtype": "string"}], "the model reads texts, and is given numbers.*StringLookup"),
        ([{"shape": (2,)}] * 2, r"has 2 inputs, and is given 1, whose rows have the shape \(\d+,\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(data, inputs, message):
    d = data("binary")
    model = family(_reading(*inputs), {"epochs": 1}, name="mine").build({"epochs": 1}, d.signature)
    with pytest.raises(ShippingError, match=message):
        next(iter(model.fit([d.folds[0]], lambda *_: None)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"build": None, "space": {}, "name": "mine"}, "build must be a function"),
        (
            {"build": lambda hp: None, "space": {}, "name": "mine"},
            r"and takes \(hp\): of a builder in KerasTuner's form",
        ),
        (
            {"build": lambda a, b, c: None, "space": {}, "name": "mine"},
            r"build\(config, signature\), and takes \(a, b, c\)",
        ),
        ({"build": own, "space": {}, "name": "my family"}, "letters, digits and underscores, got 'my family'"),
        ({"build": own, "space": {}, "name": ""}, "letters, digits and underscores, got ''"),
        ({"build": own, "space": {"a.b": 1}, "name": "mine"}, "without dots, got 'a.b'"),
    ],
)
def test_what_makes_no_family_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        family(arguments["build"], arguments["space"], name=arguments["name"])
