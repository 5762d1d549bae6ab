"""Builders in KerasTuner's form: their space is found by running them, and they are trained like any family."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces import Choice, Float, Int, configure, flatten, sample
from spaces.engines.contract import ShippingError
from spaces.families.keras_tuner import HyperParameters, found_space, keras_tuner_family


def asks(hp):
    """Ask for one parameter of each kind, some in branches, some in scopes."""
    layers = hp.Int("layers", 1, 3)
    for i in range(layers):
        with hp.conditional_scope("layers", list(range(i + 1, 4))):
            hp.Int(f"units_{i}", 8, 64, step=24)
    if hp.Choice("optimizer", ["adam", "sgd"]) == "sgd":
        hp.Float("momentum", 0.0, 0.9)
        if hp.Boolean("decays"):
            hp.Float("decay", 1e-6, 1e-2, sampling="log")
    hp.Fixed("activation", "relu")
    return {name: value for name, value in hp.values.items() if value is not None}


def test_the_space_is_found_in_branches_and_in_scopes():
    units = Int(8, 56, step=24)
    one = {"units_0": units}
    assert found_space(asks) == {
        "layers": Choice(
            {"1": one, "2": {**one, "units_1": units}, "3": {**one, "units_1": units, "units_2": units}}, default="2"
        ),
        "optimizer": Choice(["adam", "sgd"]),
        "activation": "relu",
        "momentum": Float(0.0, 0.9),
        "decays": Choice([False, True], default=False),
        "decay": Float(1e-6, 1e-2, log=True),
    }


def test_arguments_stand_in_keras_tuners_order():
    def asks(hp):
        hp.Choice("kind", ["a", "b"], None, "b")
        hp.Int("units", 8, 64, 8, None, 16)
        hp.Float("rate", 1e-4, 1e-1, None, "log")
        hp.Boolean("bias", True)
        hp.Fixed("epochs", 3)

    assert found_space(asks) == {
        "kind": Choice(["a", "b"], default="b"),
        "units": Int(8, 64, step=8, default=16),
        "rate": Float(1e-4, 1e-1, log=True),
        "bias": Choice([False, True], default=True),
        "epochs": 3,
    }


def test_a_parent_by_name_is_a_scope():
    def by_parent(hp):
        hp.Choice("optimizer", ["adam", "sgd"])
        hp.Float("momentum", 0.0, 0.9, parent_name="optimizer", parent_values=["sgd"])
        hp.Int("units", 1, 9, parent_name="optimizer", parent_values="adam")

    def by_scope(hp):
        hp.Choice("optimizer", ["adam", "sgd"])
        with hp.conditional_scope("optimizer", ["sgd"]):
            hp.Float("momentum", 0.0, 0.9)
        with hp.conditional_scope("optimizer", ["adam"]):
            hp.Int("units", 1, 9)

    assert found_space(by_parent) == found_space(by_scope)
    assert found_space(by_parent)["optimizer"].options["sgd"] == {"momentum": Float(0.0, 0.9)}


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda hp: hp.Int("a", 1), "hp.Int: max_value is missing"),
        (lambda hp: hp.Int("a", 1, 2, max_value=3), "hp.Int: max_value is given twice"),
        (lambda hp: hp.Choice("a", [1, 2], defualt=1), "unknown name 'defualt', did you mean 'default'"),
        (lambda hp: hp.Boolean("a", True, None, None, 1), "hp.Boolean takes name, default, parent_name"),
    ],
)
def test_a_wrong_argument_is_refused(ask, message):
    with pytest.raises(TypeError, match=message):
        found_space(ask)


def network(hp):
    model = keras.Sequential()
    for i in range(hp.Int("layers", 1, 2)):
        with hp.conditional_scope("layers", list(range(i + 1, 3))):
            model.add(keras.layers.Dense(hp.Int(f"units_{i}", 4, 16), activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.SGD(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("seed", [0, 3])
def test_a_configuration_is_built_as_it_says(data, seed):
    d, mine = data("binary"), keras_tuner_family(network, name="mine", training={"epochs": 2})
    space = mine.space(d.signature)
    config = sample(space, np.random.default_rng(seed))
    assert configure(space, flatten(space, config)) == config
    model = mine.build(config, d.signature)
    built = model.builder(config, d.signature)
    ((layers, units),) = config["layers"].items()
    assert [layer.units for layer in built.layers] == [*(units[f"units_{i}"] for i in range(int(layers))), 1]
    assert float(built.optimizer.learning_rate) == pytest.approx(config["rate"])
    (fitted,) = model.fit(d.folds[:1], lambda *_: None)
    assert {curve.name for curve in fitted.curves} == {"loss", "accuracy"}, "as the builder compiled it"


def test_what_is_hidden_behind_two_choices_is_told():
    def hides(hp):
        if hp.Boolean("a") and hp.Boolean("b") and hp.Choice("c", [1, 2]) == 2 and hp.get("a"):
            hp.Int("deep", 1, 9)

    assert "deep" in found_space(hides)

    def crosses(hp):
        a, b = hp.Boolean("a"), hp.Boolean("b")
        if a and b:
            hp.Int("deep", 1, 9)

    built = keras_tuner_family(crosses, name="crosses").build({"a": True, "b": True}, None)
    with pytest.raises(ShippingError, match="'deep' only where several choices meet"):
        built.builder(built.config, None)


def test_an_input_of_another_shape_is_told(data):
    def narrow(hp):
        inputs = keras.Input((2,))
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))

    d = data("binary")
    model = keras_tuner_family(narrow, name="narrow").build({"epochs": 1}, d.signature)
    with pytest.raises(ShippingError, match=r"the model reads \(2,\).*build\(hp, signature\)"):
        next(iter(model.fit(d.folds[:1], lambda *_: None)))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda hp: hp.Int("n", 1, 9, sampling="reverse_log"), "sampling must be"),
        (lambda hp: scoped(hp), "which is asked for in no scope around it"),
    ],
)
def test_what_cannot_be_said_is_refused(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        found_space(wrong)


def scoped(hp):
    with hp.conditional_scope("nothing", ["x"]):
        hp.Int("n", 1, 3)


def test_steps_on_a_logarithmic_scale_are_factors():
    hp = HyperParameters({"n": 16})
    assert hp.Int("n", 4, 70, step=2, sampling="log") == 16
    assert hp.asked[0].node == Choice([4, 8, 16, 32, 64])
