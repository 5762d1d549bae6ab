"""Families of a user's own: shipped before the first trial, tuned, and their failures are data."""

import subprocess
import sys
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
from shipped import ship

import tuner
from spaces import Choice
from spaces.engines.contract import ShippingError
from tuner.task.folds import make_folds
from tuner.trials.outcome import Job
from tuner.trials.trial import run_trial

QUIET = {"workers": 0, "tracking": None, "progress": False}


def build_small(config, signature):
    if config["trouble"] == "raise":
        raise RuntimeError("this configuration cannot be built")
    inputs = keras.Input(signature.input.shape)
    x = keras.layers.Dense(4, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    if config["trouble"] == "nan":
        model.compile(optimizer=keras.optimizers.SGD(1e30), loss=lambda y, p: keras.ops.mean(p) * float("nan"))
    return model


SMALL_SPACE = {"trouble": Choice(["none", "raise", "nan"]), "epochs": 2, "batch_size": 64}


@pytest.fixture(scope="module")
def own_study(task, tmp_path_factory):
    """All three configurations there are, of a family whose shipping was not tried before."""
    mine = replace(tuner.family(build_small, SMALL_SPACE, name="mine"), source=None)
    folder = tmp_path_factory.mktemp("own") / "study"
    return tuner.tune(task, [mine], trials=30, folder=folder, sampler="optuna.random", seed=5, **QUIET)


def test_a_users_own_family_is_tuned_and_its_failures_are_data(own_study):
    mine = [trial for trial in own_study.trials if trial.family == "mine" and not trial.duplicate]
    reasons = {trial.params["trouble"]: trial.outcome.reason for trial in mine}
    assert reasons == {"none": None, "raise": "error", "nan": "nan"}
    raised = next(trial for trial in mine if trial.params["trouble"] == "raise")
    assert "this configuration cannot be built" in raised.outcome.error
    board = own_study.leaderboard()
    assert set(board[board["state"] == "failed"]["reason"]) == {"error", "nan"}
    assert "failed: error, nan" in own_study.summary()


@pytest.mark.slow
def test_the_ensemble_loads_in_a_fresh_process_without_the_builder(task, frame, tmp_path):
    mine = tuner.family(build_small, {**SMALL_SPACE, "trouble": "none"}, name="mine")
    study = tuner.tune(task, [mine], trials=1, folder=tmp_path / "s", **QUIET)
    combined = study.ensemble("uniform")
    saved = combined.save(tmp_path / "bundle")
    frame.to_parquet(tmp_path / "rows.parquet")
    script = (
        "import sys, numpy, pandas, tuner;"
        f"e = tuner.load({str(saved)!r});"
        f"rows = pandas.read_parquet({str(tmp_path / 'rows.parquet')!r});"
        f"numpy.save({str(tmp_path / 'out.npy')!r}, e.predict_proba(rows));"
        f"assert {__name__!r} not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, cwd=tmp_path)
    assert np.allclose(np.load(tmp_path / "out.npy"), combined.predict_proba(frame), atol=1e-6)


def test_a_model_that_can_be_shipped_is_no_complaint(task, tmp_path):
    def model(config, signature):
        inputs = keras.Input(signature.input.shape)
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))

    ship(tuner.family(model, {"epochs": 1}, name="own"), task, tmp_path)
    assert (tmp_path / "model" / "model.keras").exists()


def test_a_model_that_cannot_be_loaded_elsewhere_is_refused(task, tmp_path):
    def model(config, signature):
        inputs = keras.Input(signature.input.shape)
        doubled = keras.layers.Lambda(lambda x: 2 * x)(inputs)
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(doubled))

    with pytest.raises(ShippingError, match=r"cannot be loaded in a fresh process.*no Lambda layers"):
        ship(tuner.family(model, {"epochs": 1}, name="own"), task, tmp_path)


def test_logits_are_refused(task, tmp_path):
    def model(config, signature):
        inputs = keras.Input(signature.input.shape)
        return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(inputs))

    with pytest.raises(ShippingError, match=r"outside \[0, 1\] .*as logits do: end the model with a sig"):
        ship(tuner.family(model, {"epochs": 1}, name="own"), task, tmp_path)


@pytest.mark.slow
def test_a_builder_that_raises_fails_before_the_first_trial(task, tmp_path):
    broken = tuner.family(lambda config, signature: keras.Nonsense(), {"epochs": 1}, name="broken")
    with pytest.raises(
        ValueError, match=r"'broken' fails before the first trial.*Nonsense.* \(test_shipping.py, line \d+: broken = "
    ):
        tuner.tune(task, [broken], folder=tmp_path / "s", **QUIET)
    assert not list((tmp_path / "s").glob("trials/*"))


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (
            lambda config: config["unit"],
            r"no 'unit' \(test_shipping.py, line .*: unknown name 'unit', did you mean 'units'",
        ),
        (lambda config: config["top"]["dropout"]["rat"], r"no 'rat' \(test_shipping.py, .* did you mean 'rate'\?"),
        (lambda config: {"units": 3}[config["units"]], "^8$"),  # a dictionary of the user's own
    ],
)
def test_a_misspelt_name_of_the_config_is_answered_with_the_nearest(task, tmp_path, read, says):
    space = {"units": 8, "top": Choice({"dropout": {"rate": 0.5}}), "epochs": 1}
    with pytest.raises((ShippingError, KeyError), match=says):
        ship(tuner.family(lambda config, signature: read(config), space, name="own"), task, tmp_path)


def test_warning_filters_of_a_builder_do_not_rule_the_training(task, tmp_path):
    def build(config, signature):
        def loss(true, predicted):
            warnings.warn("libraries say so while they train", DeprecationWarning, stacklevel=1)
            return keras.losses.binary_crossentropy(true, predicted)

        warnings.simplefilter("error")
        inputs = keras.Input(signature.input.shape)
        model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))
        model.compile("sgd", loss)
        return model

    strict = tuner.family(build, {"epochs": 1}, name="strict")
    job = Job("strict", 0, 1, {"epochs": 1}, 7, str(tmp_path / "trial"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = run_trial(job, task, make_folds(task), family=strict, report=lambda *_: False, log=lambda *_: None)
    assert outcome.error is None
    assert outcome.state == "complete"


def test_a_trial_whose_outputs_are_no_probabilities_fails(task, tmp_path):
    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        model = keras.Model(inputs, keras.layers.Dense(2, activation="sigmoid", bias_initializer="ones")(inputs))
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    sigmoids = tuner.family(build, {"epochs": 1}, name="sigmoids")
    job = Job("sigmoids", 0, 1, {"epochs": 1}, 7, str(tmp_path / "trial"))
    outcome = run_trial(job, task, make_folds(task), family=sigmoids, report=lambda *_: False, log=lambda *_: None)
    assert outcome.reason == "error"
    assert "rows do not add up to 1" in outcome.error


@pytest.mark.parametrize("kept", ["model", "layer"])
def test_weights_that_are_kept_outside_of_build_are_refused(task, tmp_path, kept):
    """They would have been trained on rows that the next fold holds out."""
    made = {}

    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        if "layer" not in made:
            made["layer"] = keras.layers.Dense(3, activation="relu")
            made["model"] = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(made["layer"](inputs)))
        return made["model"] if kept == "model" else keras.Model(inputs, head(made["layer"](inputs)))

    def head(x):
        return keras.layers.Dense(1, activation="sigmoid")(x)

    with pytest.raises(ShippingError, match=r"build returned a model whose weights .* it has returned before"):
        ship(tuner.family(build, {"epochs": 1}, name="own"), task, tmp_path)


def test_layers_that_are_frozen_may_be_kept_outside_of_build_and_configs_may_be_changed(task, tmp_path):
    made = {}

    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        made.setdefault("base", keras.layers.Dense(config.pop("units"), trainable=False))
        return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(made["base"](inputs)))

    ship(tuner.family(build, {"epochs": 1, "units": 3}, name="own"), task, tmp_path)


@pytest.mark.parametrize(
    "ends", [[keras.layers.Dense(1, activation="softmax")], [keras.layers.Dense(1), keras.layers.Softmax()]]
)
def test_a_softmax_over_one_column_is_refused(task, tmp_path, ends):
    def build(config, signature):
        made = keras.Sequential([keras.Input(signature.input.shape)])
        for layer in ends:
            made.add(type(layer).from_config(layer.get_config()))
        return made

    with pytest.raises(ShippingError, match=r"exactly 1 for every row: end it with a sigmoid of one column"):
        ship(tuner.family(build, {"epochs": 1}, name="own"), task, tmp_path)


def test_a_sigmoid_that_is_sure_of_every_row_is_none(task, tmp_path):
    def build(config, signature):
        inputs = keras.Input(signature.input.shape)
        sure = keras.initializers.Constant(1e3)
        return keras.Model(inputs, keras.layers.Dense(1, bias_initializer=sure, activation="sigmoid")(inputs))

    ship(tuner.family(build, {"epochs": 1}, name="own"), task, tmp_path)
