"""What a builder returned is compiled, or refused in so many words."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces import Target
from spaces.engines.contract import ShippingError
from spaces.engines.keras.compiling import compiled

CONFIG = {"learning_rate": 0.004, "optimizer": {"adam": {}}, "weight_averaging": {"none": {}}, "members": 1}


def test_a_builder_that_returns_no_model_is_refused():
    with pytest.raises(ShippingError, match=r"must return a keras.Model, got int"):
        compiled(3, CONFIG, Target("y", "regression"))


class _Subclass(keras.Model):
    def call(self, x):
        return x


def _ending(outputs, loss=None):
    """Return a model of probabilities of so many columns, compiled where a loss is given."""
    inputs = keras.Input((2,))
    activation = "sigmoid" if outputs == 1 else "softmax"
    model = keras.Model(inputs, keras.layers.Dense(outputs, activation=activation)(inputs))
    if loss is not None:
        model.compile("adam", loss)
    return model


def _linear(outputs, loss):
    """Return a model of numbers, of so many columns."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(outputs)(inputs))
    model.compile("adam", loss)
    return model


def _several(make):
    inputs = keras.Input((2,))
    return keras.Model(inputs, make(keras.layers.Dense(3)(inputs), keras.layers.Dense(1)(inputs)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: None, "got None: end it with `return model`"),
        (lambda: keras.Sequential([keras.layers.Dense(3)]), r"does not know its inputs: begin it with keras.Input"),
        (_Subclass, r"class of its own \(_Subclass\).*keras.Model\(inputs, outputs\)"),
        (lambda: _several(lambda a, b: [a, b]), "has a list of 2 outputs; one array is wanted"),
        (lambda: _several(lambda a, b: [a]), "has a list of one output; one array is wanted"),
        (lambda: _several(lambda a, b: {"y": a, "z": b}), r"has outputs by name \('y', 'z'\); one array is wanted"),
        (lambda: _ending(3, "categorical_crossentropy"), "categorical_crossentropy, which reads one-hot labels"),
        (lambda: _ending(3, keras.losses.CategoricalFocalCrossentropy()), "compile with 'sparse_categorical_cross"),
        (lambda: _ending(1, ["categorical_crossentropy"]), "labels are class indices: compile with 'binary_cross"),
        (lambda: _ending(3, "binary_crossentropy"), "its output has 3 columns: compile with 'sparse_categorical_cr"),
        (lambda: _ending(1, "sparse_categorical_crossentropy"), "its output has 1 column: compile with 'binary_cross"),
        (
            lambda: _ending(3, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
            r"SparseCategoricalCrossentropy\(from_logits=True\), but predictions are to be probabilities: end the",
        ),
        (
            lambda: _ending(3, "mse"),
            "mean_squared_error, which compares each of 3 columns with the label, a class index",
        ),
        (lambda: _ending(3, "nope"), "the loss 'nope', which Keras does not know: compile with 'sparse_cat"),
        (lambda: _ending(3, []), "compiled without a loss: compile with 'sparse_categorical_crossentropy', or leave"),
        (lambda: _ending(2), r"has the shape \(rows, 2\); a multiclass target needs \(rows, 3\)"),
    ],
)
def test_a_builder_is_told_what_was_found_and_what_is_wanted(build, message):
    with pytest.raises(ShippingError, match=message):
        compiled(build(), CONFIG, Target("y", "multiclass", ("a", "b", "c")))


@pytest.mark.parametrize(
    "loss", ["binary_crossentropy", keras.losses.Poisson(), "msle", "sparse_categorical_crossentropy"]
)
@pytest.mark.parametrize("targets", [1, 2])
def test_a_loss_that_cannot_be_that_of_standardised_numbers_is_refused(loss, targets):
    target = Target.of([Target(name, "regression") for name in "yz"[:targets]])
    with pytest.raises(ShippingError, match="numbers are trained on standardised, with values below zero: "):
        compiled(_linear(targets, loss), CONFIG, target)


def test_losses_of_numbers_and_of_ones_own_are_kept():
    target = Target("y", "regression")
    for loss in ("mse", keras.losses.Huber(), "mae", lambda true, predicted: keras.ops.abs(true - predicted)):
        assert compiled(_linear(1, loss), CONFIG, target).loss is loss


@pytest.mark.parametrize(("columns", "shape"), [(2, r"\(rows, 2\)"), (3, r"\(rows, 3\)")])
def test_an_output_of_another_shape_is_refused(columns, shape):
    with pytest.raises(ShippingError, match=f"has the shape {shape}; a regression target needs \\(rows, 1\\)"):
        compiled(_linear(columns, "mse"), CONFIG, Target("y", "regression"))


@pytest.mark.parametrize("loss", ["mse", "sparse_categorical_crossentropy"])
def test_one_loss_of_keras_cannot_be_that_of_numbers_and_classes_side_by_side(loss):
    target = Target.of([Target("y", "regression"), Target("k", "binary", ("a", "b"))])
    with pytest.raises(ShippingError, match="which reads one target, and several stand side by side: leave the model"):
        compiled(_linear(3, loss), CONFIG, target)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", keras.losses.SparseCategoricalCrossentropy()])
def test_a_builders_own_loss_of_class_indices_is_kept(loss):
    assert compiled(_ending(3, loss), CONFIG, Target("y", "multiclass", ("a", "b", "c"))).loss is loss


def _measured(ends, metrics):
    model = _ending(ends)
    model.compile("adam", "sparse_categorical_crossentropy" if ends > 1 else "binary_crossentropy", metrics=metrics)
    return model


@pytest.mark.parametrize(
    ("metrics", "named"),
    [
        (["accuracy", "AUC"], "accuracy, AUC"),
        ([keras.metrics.Precision(name="sure")], "sure"),
        ([keras.metrics.F1Score()], "f1_score"),
        (["acuracy"], "acuracy"),
    ],
)
def test_metrics_that_cannot_be_computed_of_class_indices_are_refused(metrics, named):
    says = rf"the metrics {named}, which cannot be computed of labels \(rows,\), class indices, .* Leave them out"
    with pytest.raises(ShippingError, match=says):
        compiled(_measured(3, metrics), CONFIG, Target("y", "multiclass", ("a", "b", "c")))


def test_metrics_that_can_be_computed_begin_at_nothing():
    def own(true, predicted):
        return keras.ops.mean(predicted)

    target = Target("y", "binary", ("a", "b"))
    model = compiled(_measured(1, ["accuracy", "AUC", keras.metrics.Precision(), own]), CONFIG, target)
    assert [float(value) for value in model.get_metrics_result().values()] == [0.0] * 5
    model = compiled(_measured(3, ["accuracy"]), CONFIG, Target("y", "multiclass", ("a", "b", "c")))
    model.fit(np.eye(2), np.array([0, 1]), verbose=0)
    assert set(model.history.history) == {"accuracy", "loss"}
