"""What a user's process, and the next trial, find after a trial."""

from __future__ import annotations

import os
import random
import sys
import warnings
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
import sklearn
import tensorflow as tf
from keras.src.saving.serialization_lib import in_safe_mode
from sklearn.linear_model import LogisticRegression

import tuner
from spaces import FAMILIES
from spaces.engines.engine import SKLEARN
from spaces.language.space import defaults
from tuner.task.folds import make_folds
from tuner.trials.guests import restored_state
from tuner.trials.outcome import Job, Outcome
from tuner.trials.trial import run_trial


def rude(config, signature):
    """Build a model as some guides do, and turn every knob of the process on the way."""
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(1e-3)
    keras.config.enable_unsafe_deserialization()
    keras.config.disable_traceback_filtering()
    keras.config.disable_interactive_logging()
    keras.config.set_image_data_format("channels_first")
    keras.mixed_precision.set_global_policy("mixed_float16")
    keras.utils.set_random_seed(1)
    keras.random.uniform((1,))
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(12_345)
    np.seterr(all="raise")
    sklearn.set_config(transform_output="pandas")
    os.environ["RUDE"] = "yes"
    os.environ.pop("POLITE", None)
    os.chdir("/")
    mlflow.start_run(nested=True)
    mlflow.sklearn.autolog(max_tuning_runs=3)
    inputs = keras.Input(signature.input.shape)
    if config["fails"]:
        raise RuntimeError("no model today")
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", dtype="float32")(inputs))


def process() -> dict[str, object]:
    """Return what a trial should leave alone; random numbers are drawn from copies."""
    return {
        "policy": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "code in files": not in_safe_mode(),
        "tracebacks": keras.config.is_traceback_filtering_enabled(),
        "progress": keras.config.is_interactive_logging_enabled(),
        "data format": keras.config.image_data_format(),
        "eager": tf.config.functions_run_eagerly(),
        "warnings": list(warnings.filters),
        "recursion": sys.getrecursionlimit(),
        "errors": np.geterr(),
        "scikit-learn": sklearn.get_config(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "run": getattr(mlflow.active_run(), "info", None) and mlflow.active_run().info.run_id,
        "experiment": mlflow.tracking.fluent._get_experiment_id(),
        "autologging": mlflow.utils.autologging_utils.get_autologging_config("sklearn", "max_tuning_runs"),
    }


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'user.db'}"


@pytest.fixture
def store(database, tmp_path, monkeypatch):
    """A store of MLflow's, and a run of the user's with autologging on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLITE", "yes")
    before = mlflow.get_tracking_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database)  # MLflow sets it too, and it is not to outlive the test
    mlflow.set_tracking_uri(database)
    mlflow.sklearn.autolog(log_models=False, max_tuning_runs=7, silent=True)
    with mlflow.start_run():
        yield
    mlflow.sklearn.autolog(disable=True)
    mlflow.set_tracking_uri(before)


def trial_of(family: tuner.Family, task: tuner.Task, config: dict[str, object]) -> Outcome:
    job = Job(family.name, 0, 1, config, 7, "trial")  # a folder that is relative
    return run_trial(job, task, make_folds(task), family=family, report=lambda *_: False, log=lambda *_: None)


@pytest.mark.parametrize("fails", [True, False])
def test_a_builder_leaves_no_trace_in_the_process(task, store, fails):
    family = tuner.family(rude, {"epochs": 1}, name="mine")
    keras.utils.set_random_seed(5)
    keras.random.uniform((1,))
    before = process()
    outcome = trial_of(family, task, {"epochs": 1, "fails": fails})
    assert process() == before
    assert outcome.state == ("failed" if fails else "complete"), outcome.error
    assert Path("trial/result.json").exists()  # where it was asked for, though the builder went elsewhere


def test_seeds_of_keras_and_tensorflow_go_on_where_they_were(task):
    def drawn() -> list[float]:
        return [float(keras.random.uniform(())), float(tf.random.uniform(()))]

    family = FAMILIES["linear"]
    expected = []
    for between in (lambda: None, lambda: keras.utils.set_random_seed(9), drawn):
        keras.utils.set_random_seed(5)
        first = drawn()
        with restored_state(family.engines):
            between()
        expected.append(first + drawn())
    assert expected[0] == expected[1] == expected[2]


def test_a_trial_logs_nothing_to_the_users_run(task, store):
    linear = FAMILIES["linear"]
    assert trial_of(linear, task, defaults(linear.space(task.signature))).state == "complete"
    run = mlflow.active_run().info.run_id
    assert mlflow.get_run(run).data.params == {}
    LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert mlflow.get_run(run).data.params  # the user's own fits still are


def test_fits_of_an_ensemble_are_not_logged_to_the_users_run(study, store):
    study.ensemble("stack_linear").calibration()
    assert mlflow.get_run(mlflow.active_run().info.run_id).data.params == {}


def test_a_run_that_a_builder_ended_goes_on(store):
    run = mlflow.active_run().info.run_id
    with restored_state([SKLEARN]):
        mlflow.end_run()
        mlflow.start_run()
    assert mlflow.active_run().info.run_id == run
    assert mlflow.get_run(run).info.status == "RUNNING"
