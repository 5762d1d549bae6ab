"""Every parameter of the `dense` family changes what it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from spaces import FAMILIES, Input, Signature, Target, defaults
from spaces.engines.contract import Fold
from spaces.engines.curves import Curve
from spaces.engines.folds import with_dropped_features
from spaces.engines.keras.compiling import compiled
from spaces.engines.keras.model import KerasModel
from spaces.engines.keras.prediction import predict
from spaces.families.dense.network import build_dense
from spaces.families.dense.space import dense_space
from spaces.inputs.table.spaces import scalings
from spaces.rows.signature import TableColumns
from spaces.rows.table import Rows, Table
from spaces.store import load_fitted

SIGNATURE = Signature((Input("table", "table", (10,)),), (Target("y", "regression"),), rows=1000)
CONFIG = {
    "scaling": "standard",
    "members": 1,
    "depth": 2,
    "units": 32,
    "shape": "rectangle",
    "residual": False,
    "activation": "relu",
    "batch_normalization": False,
    "dropout": {"none": 0.0},
    "penalty": {"none": {}},
    "learning_rate": 0.004,
    "optimizer": {"adam": {}},
    "weight_averaging": {"none": {}},
    "schedule": "constant",
    "batch_size": 32,
    "dropped_features": 0.0,
    "stopping": "inner_loss",
    "epochs": 2,
    "patience": 10,
}


def network(**changes: Any) -> keras.Model:
    return build_dense(CONFIG | changes, SIGNATURE)


def layers(model: keras.Model, kind: str) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def widths(model: keras.Model) -> list[int]:
    return [layer.units for layer in layers(model, "Dense")]


def test_the_parameters_tested_here_are_those_of_the_space():
    assert set(CONFIG) == set(dense_space(SIGNATURE))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_depth_is_the_number_of_hidden_layers(depth):
    assert widths(network(depth=depth)) == [32] * depth + [1]


def test_units_and_shape_are_the_widths():
    assert widths(network(units=77)) == [77, 77, 1]
    assert widths(network(units=77, depth=5, shape="funnel")) == [77, 38, 19, 9, 4, 1]


def test_residual_adds_shortcuts_past_every_layer():
    assert not layers(network(), "Add")
    same_width = network(residual=True, units=10, depth=3)
    assert len(layers(same_width, "Add")) == 3
    assert widths(same_width) == [10, 10, 10, 1]
    funnel = network(residual=True, units=16, depth=2, shape="funnel")
    assert len(layers(funnel, "Add")) == 2
    assert sorted(widths(funnel)) == [1, 8, 8, 16, 16]  # a linear shortcut where the width changes


@pytest.mark.parametrize(
    ("activation", "initializer"), [("relu", "HeNormal"), ("selu", "LecunNormal"), ("swish", "GlorotUniform")]
)
def test_activation_comes_with_its_initializer(activation, initializer):
    model = network(activation=activation)
    found = [layer.activation for layer in layers(model, "Activation")]
    assert found == [keras.activations.get(activation)] * 2
    assert [type(layer.kernel_initializer).__name__ for layer in layers(model, "Dense")[:-1]] == [initializer] * 2


def test_batch_normalization_stands_in_for_the_bias():
    assert not layers(network(), "BatchNormalization")
    model = network(batch_normalization=True)
    assert len(layers(model, "BatchNormalization")) == 2
    assert [layer.use_bias for layer in layers(model, "Dense")] == [False, False, True]


def test_dropout_is_the_rate_of_what_fits_the_activation():
    assert not layers(network(), "Dropout")
    assert [layer.rate for layer in layers(network(dropout={"some": 0.25}), "Dropout")] == [0.25, 0.25]
    selu = network(dropout=0.25, activation="selu")
    assert not layers(selu, "Dropout")
    assert [layer.rate for layer in layers(selu, "AlphaDropout")] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        ({"l1": {"strength": 0.5}}, {"l1": 0.5}),
        ({"l2": {"strength": 0.25}}, {"l2": 0.25}),
        ({"l1_l2": {"l1": 0.5, "l2": 0.25}}, {"l1": 0.5, "l2": 0.25}),
    ],
)
def test_penalty_regularizes_the_hidden_kernels(penalty, expected):
    assert not network().losses
    hidden = [layer.kernel_regularizer.get_config() for layer in layers(network(penalty=penalty), "Dense")[:-1]]
    assert hidden == [pytest.approx(expected)] * 2
    assert len(network(penalty=penalty).losses) == 2


@pytest.mark.parametrize(
    ("settings", "kind", "rate"),
    [
        ({"adam": {}}, "Adam", 0.004),
        ({"adam": {"learning_rate": 0.003}}, "Adam", 0.003),
        ({"adamw": {"weight_decay": 0.02}}, "AdamW", 0.004),
        ({"rmsprop": {}}, "RMSprop", 0.004),
        ({"sgd": {"momentum": 0.7, "nesterov": True}}, "SGD", 0.04),
        ({"sgd": {"momentum": 0.7, "nesterov": False}}, "SGD", 0.04),
    ],
)
def test_optimizer_is_the_class_with_its_settings_at_the_shared_rate(settings, kind, rate):
    config = CONFIG | {"optimizer": settings}
    optimizer = compiled(build_dense(config, SIGNATURE), config, SIGNATURE.target).optimizer
    assert type(optimizer).__name__ == kind
    found = optimizer.get_config()
    ((_, given),) = settings.items()
    assert {name: found[name] for name in given} == pytest.approx(given)
    assert found["learning_rate"] == pytest.approx(rate)


def test_weight_averaging_is_the_optimizers():
    config = CONFIG | {"weight_averaging": {"ema": {"steps": 50}}}
    optimizer = compiled(build_dense(config, SIGNATURE), config, SIGNATURE.target).optimizer
    assert optimizer.use_ema
    assert optimizer.ema_momentum == pytest.approx(0.98)
    assert not compiled(build_dense(CONFIG, SIGNATURE), CONFIG, SIGNATURE.target).optimizer.use_ema


@pytest.mark.parametrize(
    ("target", "loss", "activation"),
    [
        (Target("y", "regression"), "mean_squared_error", "linear"),
        (Target("y", "regression", loss="absolute_error"), "mean_absolute_error", "linear"),
        (Target("y", "binary", (0, 1), "log_loss"), "binary_crossentropy", "sigmoid"),
        (Target("y", "multiclass", (0, 1, 2), "log_loss"), "sparse_categorical_crossentropy", "softmax"),
    ],
)
def test_the_head_and_the_loss_follow_the_target(target, loss, activation):
    model = compiled(build_dense(CONFIG, replace(SIGNATURE, targets=(target,))), CONFIG, target)
    assert model.loss == loss
    assert model.layers[-1].activation is keras.activations.get(activation)
    assert model.output_shape == (None, len(target.classes) if target.kind == "multiclass" else 1)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_members_are_trained_on_their_own_losses_and_predict_with_their_mean(data, kind, tmp_path):
    d = data(kind)
    config = CONFIG | {"members": 4, "depth": 1, "batch_normalization": True}
    (fitted,) = KerasModel(build_dense, config, d.signature).fit([d.folds[0]], lambda *shown: None)
    inner = d.folds[0].inner
    read = fitted.feeds((fitted.prepared.matrix(inner.table),))[0]
    each = predict(fitted.model, read).reshape(len(inner), 4, -1)
    assert np.ptp(each, axis=1).max() > 0.01
    if kind == "regression":
        losses = (each[..., 0] - ((inner.target - fitted.scale.mean) / fitted.scale.deviation)[:, None]) ** 2
    else:
        shares = np.concatenate([1 - each, each], axis=2) if kind == "binary" else each
        losses = -np.log(np.take_along_axis(shares, inner.target[:, None, None], axis=2))
    assert min(fitted.curves[Curve("loss", "validation")]) == pytest.approx(np.mean(losses), rel=1e-4)
    mean = fitted.predict(d.new)
    assert mean.shape == (25, d.signature.target.outputs)
    np.testing.assert_allclose(fitted.predict(inner.table)[:, -1], finished_mean(fitted, each), rtol=1e-5)
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), mean, rtol=1e-5)


def finished_mean(fitted: Any, each: Any) -> Any:
    mean = each[..., -1].mean(axis=1)
    return mean * fitted.scale.deviation + fitted.scale.mean if fitted.kind == "regression" else mean


def test_members_share_their_hidden_layers():
    one, four = network(), network(members=4)
    assert [layer.units for layer in layers(four, "Dense")] == [32, 32]
    assert four.count_params() == 4 * 10 + (one.count_params() - 33) + 4 * 33
    signs = four.layers[1].factors.numpy()
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert len(np.unique(signs, axis=0)) == 4


def test_members_give_the_columns_of_a_vector_the_same_number():
    embedded = {"scaling": {"embedded": {"pieces": 4, "units": 3}}, "members": 4}
    model = build_dense(CONFIG | embedded, SIGNATURE, numbers=7)
    (members,) = layers(model, "Members")
    factors = np.asarray(members.factors)
    assert factors.shape == (4, 7 + 3)
    assert set(np.unique(factors[:, 7:])) == {-1.0, 1.0}
    assert len(np.unique(factors[:, :7])) == 4 * 7
    said = np.asarray(members(np.ones((1, 7 * 3 + 3), np.float32)))[0]
    np.testing.assert_allclose(said, np.concatenate([np.repeat(factors[:, :7], 3, axis=1), factors[:, 7:]], axis=1))


def test_pieces_of_numbers_are_those_of_the_rows_that_train(data, tmp_path):
    d = data("regression")
    config = CONFIG | {"scaling": {"embedded": {"pieces": 4, "units": 3}}, "members": 4}
    (fitted,) = FAMILIES["dense"].build(config, d.signature).fit([d.folds[0]], lambda *shown: None)
    (pieces,) = layers(fitted.model, "Pieces")
    train = d.folds[0].train.table
    columns = fitted.prepared.matrix(train).T[: train.numbers.shape[1]]  # those of a date are numbers too
    several = [len(np.unique(column)) > 4 for column in columns]
    assert any(several)
    for column, ends in zip(columns[several], np.asarray(pieces.ends)[several], strict=True):
        np.testing.assert_allclose(ends, np.quantile(np.unique(column), np.linspace(0, 1, 5)), rtol=1e-4, atol=1e-5)
    fitted.save(tmp_path)
    np.testing.assert_allclose(load_fitted(tmp_path).predict(d.new), fitted.predict(d.new), rtol=1e-5)


def test_numbers_are_embedded_by_default_unless_there_are_none_or_very_many():
    def default(columns: int, *, categories: tuple[int, ...] = ()) -> Any:
        table = Input("table", "table", (columns,), details=TableColumns(cardinalities=categories))
        return defaults(dense_space(replace(SIGNATURE, inputs=(table,))))["scaling"]

    assert default(3, categories=(5, 9)) == {"embedded": {"pieces": 16, "units": 8}}
    assert default(2, categories=(5, 9)) == "standard"
    assert default(501) in ("standard", "piecewise")


@pytest.mark.parametrize(("rows", "first"), [(60, "piecewise"), (59, "standard")])
def test_with_more_numbers_than_rows_pieces_come_last(rows, first):
    given = replace(SIGNATURE, inputs=(Input("table", "table", (60,)),), rows=rows)
    assert scalings(given)[0] == first
    assert set(scalings(given)) == {"standard", "quantile", "piecewise"}


def trained(data: Any, **changes: Any) -> Any:
    d, config = data("regression"), CONFIG | {"depth": 1} | changes
    (fitted,) = KerasModel(build_dense, config, d.signature).fit([d.folds[0]], lambda *shown: None)
    return fitted


def rate(fitted: Any) -> float:
    return float(fitted.model.optimizer.learning_rate)


def test_schedule_scaling_and_the_number_of_steps(data):
    constant = trained(data, epochs=3, batch_size=40)  # 90 rows: the last batch has 10
    assert len(constant.curves[Curve("loss")]) == 3
    assert int(constant.model.optimizer.iterations) == 3 * 3
    assert rate(constant) == pytest.approx(0.004)
    cosine = trained(data, schedule="cosine", scaling="quantile", epochs=2, batch_size=90)
    assert int(cosine.model.optimizer.iterations) == 2 * 1
    assert rate(cosine) == pytest.approx(0.004 / 2)  # (1 + cos(pi / 2)) / 2 in the second epoch of two
    train = data("regression").folds[0].train.table
    standard, quantile = (fitted.prepared.matrix(train)[:, 1] for fitted in (constant, cosine))
    assert abs(np.mean(standard**3)) > 1  # prices are log-normal
    assert abs(np.mean(quantile**3)) < 0.2


def test_a_training_that_stops_on_its_own_loss_spares_no_row(data):
    fold = data("regression").folds[0]
    assert len(fold.full) > len(fold.train)
    fitted = trained(data, stopping="training_loss", epochs=3, batch_size=1)
    assert int(fitted.model.optimizer.iterations) == 3 * len(fold.full)
    assert Curve("loss", "validation") not in fitted.curves


def test_patience_and_reduction_on_a_plateau(data):
    """With a rate too small to move a weight, the loss stands still from the first epoch."""
    still = {"adam": {"learning_rate": 1e-30}}
    stopped = trained(data, schedule="reduce_on_plateau", patience=3, epochs=20, optimizer=still)
    assert len(stopped.curves[Curve("loss")]) == 1 + 3
    assert rate(stopped) == pytest.approx(1e-30 * 0.3**3, rel=1e-3, abs=0)


@pytest.mark.parametrize("averaging", [{"none": {}}, {"ema": {"steps": 5}}])
def test_the_model_kept_is_that_of_the_best_epoch(data, averaging):
    large = {"units": 256, "optimizer": {"adam": {"learning_rate": 0.05}}}
    fitted = trained(data, epochs=40, patience=4, weight_averaging=averaging, **large)
    inner, losses = data("regression").folds[0].inner, fitted.curves[Curve("loss", "validation")]
    assert np.argmin(losses) < len(losses) - 1  # the last epochs were worse
    errors = (fitted.predict(inner.table)[:, 0] - inner.target) / fitted.scale.deviation
    assert np.mean(errors**2) == pytest.approx(min(losses), rel=1e-4)


def test_a_network_that_met_dropped_features_knows_what_to_do_without_one():
    """Two columns say nearly the same, and one of them is missing only when it comes to predicting."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=600)
    numbers = np.stack([first, first + 0.1 * rng.normal(size=600), rng.normal(size=600)], axis=1)
    target = 2 * first
    none = np.empty((600, 0), np.int32)
    signature = Signature((Input("table", "table", (3,)),), (Target("y", "regression"),), rows=500)
    train, inner = (Rows(Table(numbers[at], none[at]), target[at]) for at in (slice(0, 400), slice(400, 500)))
    lacking = numbers[500:].copy()
    lacking[:, 0] = np.nan
    errors = {}
    for share in (0.0, 0.3):
        config = {**CONFIG, "epochs": 25, "dropped_features": share}
        (fitted,) = KerasModel(build_dense, config, signature).fit([Fold(train, train, inner, 1)], lambda *a: None)
        errors[share] = [
            float(np.sqrt(np.mean((fitted.predict(Table(given, none[500:]))[:, 0] - target[500:]) ** 2)))
            for given in (numbers[500:], lacking)
        ]
    assert errors[0.3][1] < errors[0.0][1] / 2
    assert errors[0.3][0] < 0.5


@pytest.mark.parametrize("share", [1.0, -0.1, True])
def test_a_share_of_features_to_drop_lies_between_0_and_1(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        with_dropped_features(Rows(Table(np.zeros((2, 1)), np.zeros((2, 0), np.int32)), np.zeros(2)), share, 0)
