"""Each family of series and images learns a small task that needs its architecture; parameters do as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from inside import layers, names
from numpy.typing import NDArray
from planted import HELD_OUT, YES_OR_NO, check_it_learns

from spaces import FAMILIES, Input, Signature, Target, defaults, narrow
from spaces.engines.engine import KERAS
from spaces.families.branches.network import build_functional, build_siamese
from spaces.inputs.series.reading import SeriesReading, carried_forward, flat_width, prepare
from spaces.rows.arrays import Stretches
from spaces.rows.table import Table

ROWS = 900
RISE, FALL = np.array([-2.0, 0.0, 2.0]), np.array([2.0, 0.0, -2.0])
Drawn = tuple[list[NDArray[Any]], bool]


def waves(rng: Any, *marks: NDArray[Any], steps: int = 20) -> NDArray[Any]:
    """Noise with some marks in this order, each at any place."""
    series = rng.normal(0, 0.3, (steps, 1))
    places = np.sort(rng.choice(steps // 4, len(marks), replace=False)) * 4
    for place, mark in zip(places, marks, strict=True):
        series[place : place + 3, 0] += mark
    return series.astype(np.float32)


def product(rng: Any) -> Drawn:
    """Whether two certain steps have the same sign."""
    series = rng.normal(size=(6, 1)).astype(np.float32)
    return [series], bool(series[1, 0] * series[4, 0] > 0)


def motif(rng: Any) -> Drawn:
    """Whether a rise or a fall stands somewhere: the same values, another order."""
    yes = rng.random() < 0.5
    return [waves(rng, RISE if yes else FALL)], yes


def order(rng: Any) -> Drawn:
    """Whether the high step or the low one came first, however long ago."""
    yes = rng.random() < 0.5
    series = rng.normal(0, 0.2, (16, 1)).astype(np.float32)
    first, second = np.sort(rng.choice(16, 2, replace=False))
    series[first], series[second] = (3, -3) if yes else (-3, 3)
    return [series], yes


def motifs_in_order(rng: Any) -> Drawn:
    """Whether a rise came before a fall, or after it."""
    yes = rng.random() < 0.5
    return [waves(rng, *((RISE, FALL) if yes else (FALL, RISE)), steps=24)], yes


def stroke(rng: Any, *, falling: bool) -> NDArray[Any]:
    """A short diagonal at any place of an image, falling or rising."""
    image = rng.integers(0, 60, (12, 12, 1))
    y, x = rng.integers(0, 9, 2)
    for i in range(4):
        image[y + i, x + (i if falling else 3 - i)] = 255
    return image.astype(np.uint8)


def diagonal(rng: Any) -> Drawn:
    yes = rng.random() < 0.5
    return [stroke(rng, falling=yes)], yes


def same_motif(rng: Any) -> Drawn:
    """Whether two series hold the same mark."""
    one, other = rng.random(2) < 0.5
    return [waves(rng, RISE if mark else FALL, steps=12) for mark in (one, other)], bool(one == other)


def same_stroke(rng: Any) -> Drawn:
    """Whether two images hold the same stroke."""
    one, other = rng.random(2) < 0.5
    return [stroke(rng, falling=bool(mark)) for mark in (one, other)], bool(one == other)


QUICK = {"batch_size": 32, "optimizer.adam.learning_rate": 5e-3}
IMAGES = {"epochs": 12, "patience": 12}
SMALL = {"filters": {"high": 16, "default": 12}, "depth": 2}


def small(kind: str) -> dict[str, Any]:
    return {**IMAGES, **{f"image.{kind}.{name}": value for name, value in SMALL.items()}}


TASKS: dict[str, tuple[str, Callable[[Any], Drawn], dict[str, Any]]] = {
    "dense": ("series_dense", product, {}),
    "conv": ("series_conv", motif, {}),
    "recurrent": ("series_recurrent", order, {"series.recurrent.recurrent.direction": ["forward"]}),
    "conv_recurrent": (
        "series_conv_recurrent",
        motifs_in_order,
        {"series.conv_recurrent.recurrent.direction": ["forward"]},
    ),
    "image_conv": ("image_conv", diagonal, small("conv")),
    "image_separable": ("image_separable", diagonal, small("separable")),
    "image_residual": ("image_residual", diagonal, small("residual")),
    "image_inception": ("image_inception", diagonal, small("inception")),
    "siamese series": ("siamese", same_motif, {"series": ["conv"]}),
    "siamese images": ("siamese", same_stroke, {"image": ["conv"], **small("conv")}),
    "xgboost": ("xgboost", product, {}),
}


# The first guard; the others, which read the same inputs by the same steps, take longer.
FIRST = ("dense", "conv", "image_conv", "xgboost")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name not in FIRST else ()) for name in TASKS]
)
@pytest.mark.slow
def test_each_family_learns_what_it_is_made_for(name):
    family, task, changes = TASKS[name]
    rng = np.random.default_rng(5)
    rows = [task(rng) for _ in range(ROWS + HELD_OUT)]
    arrays = tuple(np.stack(one) for one in zip(*(given for given, _ in rows), strict=True))
    target = np.array([yes for _, yes in rows], dtype=np.int64)
    inputs = tuple(
        Input(f"input {i}", "series" if one.ndim == 3 else "image", one.shape[1:], str(one.dtype))
        for i, one in enumerate(arrays)
    )
    table = Table(np.empty((len(rows), 0)), np.empty((len(rows), 0), np.int32), arrays=arrays)
    if KERAS in FAMILIES[family].engines:
        changes = {**QUICK, **changes}
    check_it_learns(family, changes, Signature(inputs, YES_OR_NO, rows=ROWS), table, target)


# What each parameter changes.


def built(family: str, changes: dict[str, Any], shape: tuple[int, ...], inputs: int = 1) -> keras.Model:
    kind = "series" if len(shape) == 2 else "image"
    given = Signature(
        tuple(Input(f"{kind} {i}", kind, shape, "uint8" if kind == "image" else "float32") for i in range(inputs)),
        (Target("y", "regression"),),
        rows=1000,
    )
    config = defaults(narrow(FAMILIES[family].space(given), changes))
    return (build_siamese if family == "siamese" else build_functional)(config, given)


@pytest.mark.parametrize("kind", ["conv", "separable", "residual", "inception"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (5, 7, 3), (2, 2, 1)])
def test_images_of_any_size_are_read(kind, shape):
    model = built(f"image_{kind}", {}, shape)
    assert model(np.zeros((2, *shape), np.uint8)).shape == (2, 1)


@pytest.mark.parametrize(
    ("changes", "layer"),
    [
        ({"downsampling": "pooling"}, "MaxPooling2D"),
        ({"batch_normalization": True}, "BatchNormalization"),
        ({"pooling": "flatten"}, "Flatten"),
        ({"augmentation": ["random"], "augmentation.random.flip": True}, "RandomFlip"),
        ({"augmentation": ["random"]}, "RandomRotation"),
        ({"augmentation": ["random"], "augmentation.random.zoom": 0.1}, "RandomZoom"),
    ],
)
def test_a_layer_is_there_when_it_is_asked_for(changes, layer):
    plain = {"downsampling": "strides", "batch_normalization": False}

    def model(changes: dict[str, Any]) -> keras.Model:
        return built("image_conv", {f"image.conv.{name}": value for name, value in changes.items()}, (16, 16, 3))

    assert layer not in names(model(plain))
    assert layer in names(model({**plain, **changes}))


def test_what_is_not_to_be_moved_costs_no_layer():
    still = {f"augmentation.random.{name}": 0.0 for name in ("shift", "rotation", "zoom")}
    changes = {"augmentation": ["random"], "augmentation.random.flip": True, **still}
    model = built("image_conv", {f"image.conv.{name}": value for name, value in changes.items()}, (16, 16, 3))
    assert "RandomFlip" in names(model)
    assert not {"RandomTranslation", "RandomRotation", "RandomZoom"} & set(names(model))


def test_values_are_pooled_before_they_are_normalised_as_less_is_left_to_do():
    changes = {"filters": 8, "depth": 2, "convolutions": 2, "downsampling": "pooling", "batch_normalization": True}
    model = built("image_conv", {f"image.conv.{name}": value for name, value in changes.items()}, (16, 16, 3))
    found = [one for one in layers(model) if isinstance(one, keras.layers.BatchNormalization)]
    assert [one.input.shape[1] for one in found] == [16, 8, 8, 4]


def test_blocks_widen_and_halve_the_image():
    changes = {"filters": 8, "depth": 3, "convolutions": 1, "padding": "same"}
    model = built("image_conv", {f"image.conv.{name}": value for name, value in changes.items()}, (32, 32, 3))
    found = [one for one in layers(model) if isinstance(one, keras.layers.Conv2D)]
    assert [one.filters for one in found] == [8, 16, 32]
    assert [one.input.shape[1] for one in found] == [32, 16, 8]


def test_pixels_are_scaled_and_predictions_are_not_augmented():
    changes = {"image.conv.augmentation": ["random"], "image.conv.augmentation.random.shift": 0.2}
    model = built("image_conv", changes, (16, 16, 3))
    (scale,) = [one for one in layers(model) if isinstance(one, keras.layers.Rescaling)]
    assert scale.scale == 1 / 255
    image = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    np.testing.assert_array_equal(model(image, training=False), model(image, training=False))
    assert not np.allclose(model(image, training=True), model(image, training=True))


def test_a_siamese_network_reads_both_images_with_the_same_weights():
    model = built("siamese", {"image": ["conv"], "comparison": "difference_and_product"}, (8, 8, 1), inputs=2)
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 255, (3, 8, 8, 1)).astype(np.uint8) for _ in range(2))
    np.testing.assert_allclose(model((one, other)), model((other, one)), atol=1e-5)


# Preprocessing.


def test_series_are_scaled_by_training_rows_and_missing_steps_carried_forward():
    rng = np.random.default_rng(0)
    train = rng.normal(5, 2, (50, 8, 2)).astype(np.float32)
    train[:, :, 1] = 3  # says nothing
    train[0, 2, 0] = np.nan
    prepared = prepare(SeriesReading(flat=False), train, None)
    array = np.asarray(prepared.read(train, None))
    assert abs(np.delete(array[1:, :, 0], 0).mean()) < 0.02
    assert array[0, 2, 0] == array[0, 1, 0]
    assert (array[:, :, 1] == 0).all()
    later = train + 100
    np.testing.assert_allclose(
        np.asarray(prepared.read(later, None))[1:, :, 0] - array[1:, :, 0], 100 / prepared.deviation[0], rtol=1e-4
    )
    nothing = np.full((1, 8, 2), np.nan, np.float32)
    assert (np.asarray(prepared.read(nothing, None)) == 0).all()


def test_stretches_are_scaled_by_the_steps_they_hold():
    base = np.concatenate([np.zeros(20), np.full(20, 4.0), np.full(60, 1e6)])[:, None].astype(np.float32)
    train = Stretches(base, np.arange(15, 31), 10)  # steps 15 to 39
    prepared = prepare(SeriesReading(flat=False), train, None)
    assert prepared.mean[0] == pytest.approx(base[15:40].mean())
    assert prepared.deviation[0] == pytest.approx(base[15:40].std())


def test_a_flat_series_is_its_last_steps_and_statistics():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(30, 6, 2)).astype(np.float32)
    prepared = prepare(SeriesReading(flat=True), series, None)
    flat = np.asarray(prepared.read(series, None))
    standard = (series - prepared.mean) / prepared.deviation
    assert flat.shape == (30, flat_width((6, 2)))
    np.testing.assert_allclose(flat[:, :12], standard.reshape(30, 12), rtol=1e-5)
    np.testing.assert_allclose(flat[:, 16:18], standard.min(axis=1), rtol=1e-5)
    long = np.zeros((3, 3000, 2), np.float32)
    made = prepare(SeriesReading(flat=True), long, None)
    assert np.asarray(made.read(long, None)).shape == (3, flat_width((3000, 2)))


def test_what_is_missing_holds_the_last_known_value():
    values = np.array([[np.nan, 1, np.nan, np.nan, 5]]).T
    np.testing.assert_array_equal(carried_forward(values)[:, 0], [np.nan, 1, 1, 1, 5])
