"""Builders in KerasTuner's form: their space is found by running them, and they are trained like any family."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces import Choice, Float, Int, configure, flatten, sample
from spaces.engines.contract import ShippingError
from spaces.families.hyper_parameters import AskedWrongly, HyperParameters, found_space
from spaces.families.keras_tuner import keras_tuner_family
from spaces.families.own import source_digest


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
        (lambda hp: hp.Int("a", 9, 1), r"hp.Int\('a'\): min_value 9 is above max_value 1"),
        (lambda hp: hp.Float("a", 0.0, 1.0, default=5.0), r"hp.Float\('a'\): default must be between 0.0 and 1.0"),
        (lambda hp: hp.Choice("a", [1, 2], default=3), r"hp.Choice\('a'\): "),
        (lambda hp: hp.Choice("a", []), r"hp.Choice\('a'\): "),
        (lambda hp: hp.Int("a", "1", 3), r"hp.Int\('a'\): "),
    ],
)
def test_a_wrong_argument_is_refused(ask, message):
    with pytest.raises(AskedWrongly, match=message):
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


def test_a_branch_that_fails_is_searched_and_others_are_found():
    def fails(hp):
        if hp.Choice("depth", [1, 9]) == 9:
            hp.Int("deep", 1, 4)
            raise ValueError("nothing is left to pool")
        hp.Int("shallow", 1, 4)

    assert found_space(fails) == {"depth": Choice([1, 9]), "shallow": Int(1, 4), "deep": Int(1, 4)}
    with pytest.raises(ValueError, match="nothing is left"):
        found_space(lambda hp: fails_at_once(hp))
    with pytest.raises(AskedWrongly, match=r"hp.Int\('units'\)"):
        found_space(lambda hp: hp.Boolean("wide") and hp.Int("units", 9, 1))


def fails_at_once(hp):
    hp.Int("units", 1, 4)
    raise ValueError("nothing is left to pool")


def test_answers_are_looked_up_as_in_keras_tuner():
    hp = HyperParameters({})
    hp.Int("units", 1, 3)
    assert hp["units"] == hp.get("units") == 2
    assert "units" in hp
    assert "rate" not in hp
    with pytest.raises(KeyError, match=r"unknown name 'unit', did you mean 'units'.*: ask for it before"):
        hp.get("unit")


@pytest.mark.parametrize(
    ("name", "here"),
    [("suggest_int", "hp.Int"), ("loguniform", "sampling='log'"), ("Integer", "hp.Int"), ("Bool", "Boolean")],
)
def test_a_method_of_another_tool_is_answered_with_keras_tuners(name, here):
    with pytest.raises(AttributeError, match=f"hp has no attribute '{name}'.*{here}"):
        getattr(HyperParameters({}), name)


class Hyper:
    """A hypermodel, wrapped as KerasTuner wraps those that inherit from its own."""

    def __init__(self):
        self._build, self.build = self.build, self._wrapped

    def _wrapped(self, hp, *args, **kwargs):
        return self._build(hp, *args, **kwargs)

    def build(self, hp, classes=3):
        return hp.Int("units", 1, classes)


class Fitted(Hyper):
    """A hypermodel that trains in its own way."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32]), **kwargs)


def test_a_hypermodel_is_what_it_builds(data):
    signature = data("binary").signature
    assert keras_tuner_family(Hyper(), name="mine").space(signature)["units"] == Int(1, 3)
    assert keras_tuner_family(Hyper(), name="mine").source == source_digest(Hyper.build)
    assert keras_tuner_family(Fitted().build, name="mine").space(signature)["units"] == Int(1, 3)


def test_what_would_not_be_called_is_refused():
    with pytest.raises(ValueError, match=r"build is the class Hyper: hand over an object of it, Hyper\(\)"):
        keras_tuner_family(Hyper, name="mine")
    with pytest.raises(ValueError, match=r"Fitted.fit would not be called.*training=\{'batch_size'"):
        keras_tuner_family(Fitted(), name="mine")
