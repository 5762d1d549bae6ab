"""The first network of an image family is small where there are many pixels, and a study can grow it."""

from __future__ import annotations

import keras
import pytest

from spaces import FAMILIES, Input, Signature, Target, defaults
from spaces.families.branches.network import build_functional
from spaces.families.starts import starting_points
from spaces.language.space import configure
from tuner.search.capacity_first import CapacityFirstSampler

FAMILIES_OF_IMAGES = ["image_conv", "image_separable", "image_residual", "image_inception"]
CLASSES = Target("y", "multiclass", tuple("0123456789"), "log_loss")
A_MINUTE = 60 * 1e10  # products that a core gets through, some thousand million a second
FOLDS, EPOCHS = 5, 8


def a_signature(rows, shape):
    return Signature((Input("image", "image", shape, "uint8"),), (CLASSES,), rows)


def products(model):
    """Count the products of a forward pass through one image."""
    found = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += products(layer)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.SeparableConv2D):
            height, width = layer.output.shape[1:3]
            found += height * width * layer.count_params()
        elif isinstance(layer, keras.layers.Dense):
            found += layer.count_params()
    return found


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_the_first_convnet_reads_twenty_thousand_small_images_in_all_folds_within_a_minute(shape):
    signature = a_signature(16_000, shape)
    config = defaults(FAMILIES["image_conv"].space(signature))
    each = 3 * products(build_functional(config, signature))  # forward, and twice that backward
    assert FOLDS * EPOCHS * signature.rows * each < A_MINUTE


@pytest.mark.parametrize("family", FAMILIES_OF_IMAGES)
def test_few_images_have_more_filters_and_epochs(family):
    few, many = (defaults(FAMILIES[family].space(a_signature(rows, (28, 28, 1)))) for rows in (800, 48_000))
    ((_, one),) = few["image"].items()
    ((_, other),) = many["image"].items()
    assert one["filters"] > other["filters"]
    assert few["epochs"] > many["epochs"]


def test_a_study_begins_small_and_goes_on_with_larger_networks_that_train_for_longer():
    signature = a_signature(16_000, (32, 32, 3))
    family = FAMILIES["image_conv"]
    assert family.grows
    space = family.space(signature)
    configs = [configure(space, point) for point in starting_points(space, family.starts)]
    sizes = [products(build_functional(config, signature)) for config in configs]
    assert sizes == sorted(sizes)
    assert sizes[1] > 10 * sizes[0]
    assert {config["epochs"] for config in configs[1:]} == {max(config["epochs"] for config in configs)}
    assert configs[1]["epochs"] > configs[0]["epochs"]
    (conv,) = configs[1]["image"].values()
    assert conv["augmentation"] == {"random": {"flip": True, "shift": 0.0, "rotation": 0.0, "zoom": 0.0}}


@pytest.mark.parametrize("family", FAMILIES_OF_IMAGES)
def test_capacity_grows_from_the_first_network(family):
    space = FAMILIES[family].space(a_signature(16_000, (28, 28, 1)))
    sizes = CapacityFirstSampler(space, 0, n_startup_trials=2)._sizes
    assert any(name.endswith("filters") for name in sizes)
    assert any(name.endswith("depth") for name in sizes)
