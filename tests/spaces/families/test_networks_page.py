"""The networks of docs/networks.md: each is one configuration of a family, with its number of parameters.

Chollet, "Deep Learning with Python", 2017: chapters 5 to 7.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from spaces import FAMILIES, Input, Signature, Target, sample
from spaces.inputs.text.vectors import Vectors
from spaces.inputs.text.words import Words

PAGE = Path(__file__).parents[3] / "docs" / "networks.md"
TWO, NUMBER = Target("y", "binary", ("no", "yes")), Target("y", "regression", (), "absolute_error")
VECTORS = Vectors(("a", "b"), np.ones((2, 100), np.float32))


def text(words: int, name: str = "review", vectors: Vectors | None = None) -> Input:
    return Input(name, "text", (words,), details=Words(30_000, vectors))


def classes(n: int) -> Target:
    return Target("y", "multiclass", tuple(f"class {i}" for i in range(n)))


WEATHER = Signature((Input("past", "series", (240, 14)),), (NUMBER,), rows=20_000)
REVIEWS = Signature((text(500),), (TWO,), rows=10_000)
IMAGES = Signature((Input("image", "image", (150, 150, 3), dtype="uint8"),), (TWO,), rows=2_000)

NETWORKS: dict[str, tuple[Signature, int]] = {
    "learned_embedding": (REVIEWS, 80_161),
    "pretrained_vectors": (Signature((text(100, vectors=VECTORS),), (TWO,), rows=200), 1_320_065),
    "simple_recurrent": (REVIEWS, 322_113),
    "lstm": (REVIEWS, 328_353),
    "bidirectional": (REVIEWS, 336_705),
    "gru": (WEATHER, 4_641),
    "stacked_gru": (WEATHER, 23_489),
    "text_convolutions": (REVIEWS, 1_315_937),
    "convolutions_before_gru": (WEATHER, 13_793),
    "layers_on_numbers": (Signature((Input("table", "table", (64,)),), (classes(10),), rows=1_000), 3_466),
    "question_answering": (
        Signature((text(120, "story"), text(20, "question")), (classes(500),), rows=1_000),
        1_000_052,
    ),
    "siamese": (
        Signature((text(20, "left"), text(20, "right")), (TWO,), rows=100),
        10_000 * 16 + 4 * (16 * 32 + 32 * 32 + 32) + 64 + 1,
    ),
    "image_convolutions": (IMAGES, 3_453_121),
}


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's blocks of code define."""
    known: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S):
        exec(block, known)
    return known


def built(page: dict[str, Any], name: str) -> keras.Model:
    """Build a network; whatever its family would still search is drawn."""
    ((family, changes),) = page[name].items()
    signature, _ = NETWORKS[name]
    config = sample(FAMILIES[family].narrowed(signature, changes), np.random.default_rng(0))
    return FAMILIES[family].build(config, signature).builder(config, signature)


def layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers, those of branches too."""
    return [one for layer in model.layers for one in (layers(layer) if isinstance(layer, keras.Model) else [layer])]


def steps_of(model: keras.Model, kind: type) -> list[int]:
    """Return how many steps come out of layers of a kind."""
    return [layer.output.shape[1] for layer in layers(model) if isinstance(layer, kind)]


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_a_configuration_with_its_number_of_parameters(page, name):
    assert built(page, name).count_params() == NETWORKS[name][1]


def test_pretrained_vectors_are_frozen_and_unknown_words_are_zeros(page):
    model = built(page, "pretrained_vectors")
    assert sum(int(np.prod(one.shape)) for one in model.trainable_variables) == 320_065
    assert not next(one for one in layers(model) if isinstance(one, keras.layers.Embedding)).get_weights()[0].any()


def test_convolutions_without_padding_lose_steps(page):
    model = built(page, "text_convolutions")
    assert steps_of(model, keras.layers.Conv1D) == [144, 22]
    assert steps_of(model, keras.layers.MaxPooling1D) == [28]
    before = built(page, "convolutions_before_gru")
    assert [layer.input.shape[1] for layer in layers(before) if isinstance(layer, keras.layers.GRU)] == [74]


def test_stacked_layers_have_widths_and_activations_of_their_own(page):
    stack = [one for one in layers(built(page, "stacked_gru")) if isinstance(one, keras.layers.GRU)]
    assert [(one.units, one.activation.__name__) for one in stack] == [(32, "tanh"), (64, "relu")]
    assert {(one.dropout, one.recurrent_dropout) for one in stack} == {(0.1, 0.5)}


def test_inputs_of_one_kind_have_settings_of_their_own(page):
    model = built(page, "question_answering")
    assert [one.units for one in layers(model) if isinstance(one, keras.layers.LSTM)] == [32, 16]
    assert [one.shape[1] for one in model.inputs] == [120, 20]
