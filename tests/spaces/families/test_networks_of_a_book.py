"""The networks of an introduction to deep learning: each is one configuration of a family (docs/networks.md).

Chollet, "Deep Learning with Python", 2017: chapters 5 to 7.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from spaces import FAMILIES, Choice, Input, Signature, Target, sample
from spaces.inputs.text.vectors import Vectors

TWO, NUMBER = Target("y", "binary", ("no", "yes")), Target("y", "regression", (), "absolute_error")


def text(words: int, name: str = "text", vectors: Vectors | None = None) -> Input:
    return Input(name, "text", (words,), cardinalities=(30_000,), vectors=vectors)


def classes(n: int) -> Target:
    return Target("y", "multiclass", tuple(f"class {i}" for i in range(n)))


def reads(words: int) -> dict[str, Any]:
    """Return how a text is read: two ids stand for padding and unknown words, beside 9,998 words."""
    return {"unit": {"word": {"vocabulary": 9_998, "length": words}}, "keep": "last"}


def rmsprop(rate: float = 1e-3) -> dict[str, Any]:
    return {"optimizer": ["rmsprop"], "optimizer.rmsprop.learning_rate": rate}


def embedded(units: int, **others: Any) -> dict[str, Any]:
    return {"embedding": {"units": units, "dropout": 0.0, **others}}


def recurrent(*, direction: str = "forward", **settings: Any) -> dict[str, Any]:
    plain = {"depth": 1, "direction": direction, "dropout": 0.0, "recurrent_dropout": 0.0}
    return {"recurrent": {**plain, **settings}, "pooling": "last"}


def convolved(kernel_size: int, pool: int) -> dict[str, Any]:
    """Return two convolutions without padding, the first followed by pooling."""
    sizes = {"filters": 32, "kernel_size": kernel_size, "depth": 2, "pool_size": {"1": pool, "2": 1}}
    plain = {"separable": False, "padding": "valid", "batch_normalization": False, "dropout": 0.0}
    return {"conv": {**sizes, **plain}}


def recurrent_text(**settings: Any) -> dict[str, Any]:
    its = recurrent(masking=False, units=32, **settings)
    return {"depth": 0, "text.recurrent": {**reads(500), **embedded(32), **its}}


WEATHER = Signature((Input("past", "series", (240, 14)),), (NUMBER,), rows=20_000)
REVIEWS = Signature((text(500),), (TWO,), rows=10_000)
VECTORS = Vectors(("a", "b"), np.ones((2, 100), np.float32))
IMAGES = Signature((Input("image", "image", (150, 150, 3), dtype="uint8"),), (TWO,), rows=2_000)
QUESTIONS = Signature((text(120, "story"), text(20, "question")), (classes(500),), rows=1_000)
LINES = Signature((Input("table", "table", (64,)),), (classes(10),), rows=1_000)
DENSE = {"dropout": 0.0, "batch_normalization": False, "activation": "relu"}

NETWORKS: dict[str, tuple[str, Signature, dict[str, Any], int]] = {
    "learned embedding": (
        "text_embedding",
        REVIEWS,
        {"depth": 0, "text.embedding": {**reads(20), **embedded(8, positions=False), "pooling": "flatten"}},
        80_161,
    ),
    "pretrained vectors": (
        "text_embedding",
        Signature((text(100, vectors=VECTORS),), (TWO,), rows=200),
        {
            "depth": 1,
            "units": 32,
            **DENSE,
            "text.embedding": {**reads(100), "pooling": "flatten"},
            "text.embedding.embedding": {"positions": False, "dropout": 0.0, "from": ["vectors"]},
            "text.embedding.embedding.from.vectors": {"trainable": False, "unknown": "zeros"},
        },
        1_320_065,
    ),
    "simple recurrent": ("text_recurrent", REVIEWS, recurrent_text(cell="simple"), 322_113),
    "LSTM": ("text_recurrent", REVIEWS, recurrent_text(cell="lstm"), 328_353),
    "bidirectional": ("text_recurrent", REVIEWS, recurrent_text(cell="lstm", direction="bidirectional"), 336_705),
    "GRU on weather": (
        "series_recurrent",
        WEATHER,
        {
            "depth": 0,
            "series.recurrent": recurrent(cell="gru", units=32, dropout=0.2, recurrent_dropout=0.2),
            **rmsprop(),
        },
        4_641,
    ),
    "stacked GRU": (
        "series_recurrent",
        WEATHER,
        {
            "depth": 0,
            "series.recurrent": recurrent(
                cell="gru",
                depth=2,
                units={"1": 32, "2": 64},
                activation={"1": "tanh", "2": "relu"},
                dropout=0.1,
                recurrent_dropout=0.5,
            ),
            **rmsprop(),
        },
        23_489,
    ),
    "convolutions on a text": (
        "text_conv",
        REVIEWS,
        {
            "depth": 0,
            "text.conv": {
                **reads(150),
                "unit": ["word"],
                **embedded(128, positions=False),
                **convolved(7, 5),
                "pooling": "max",
            },
            "text.conv.unit.word": {"vocabulary": 9_998, "length": 150},
            **rmsprop(1e-4),
        },
        1_315_937,
    ),
    "convolutions before a GRU": (
        "series_conv_recurrent",
        WEATHER,
        {
            "depth": 0,
            "series.conv_recurrent": {
                **convolved(5, 3),
                **recurrent(cell="gru", units=32, dropout=0.1, recurrent_dropout=0.5),
            },
            **rmsprop(),
        },
        13_793,
    ),
    "functional": (
        "dense",
        LINES,
        {"depth": 2, "units": 32, **DENSE, "shape": "rectangle", "residual": False, "scaling": "standard"},
        3_466,
    ),
    "question answering": (
        "functional",
        QUESTIONS,
        {
            "depth": 0,
            "merge": "concatenate",
            "text.story": ["recurrent"],
            "text.question": ["recurrent"],
            "text.story.recurrent": {
                **reads(120),
                **embedded(64),
                **recurrent(cell="lstm", units=32, masking=False),
            },
            "text.question.recurrent": {
                **reads(20),
                **embedded(32),
                **recurrent(cell="lstm", units=16, masking=False),
            },
        },
        1_000_052,
    ),
    "convnet": (
        "image_conv",
        IMAGES,
        {
            "depth": 1,
            "units": 512,
            **DENSE,
            "image.conv": {
                "depth": 4,
                "filters": {"1": 32, "2": 64, "3": 128, "4": 128},
                "convolutions": 1,
                "padding": "valid",
                "downsampling": "pooling",
                "batch_normalization": False,
                "pooling": "flatten",
                "dropout": 0.0,
                "augmentation": "none",
            },
        },
        3_453_121,
    ),
}


def built(name: str) -> keras.Model:
    """Build a network; whatever its family would still search is drawn."""
    family, signature, changes, _ = NETWORKS[name]
    config = sample(FAMILIES[family].narrowed(signature, changes), np.random.default_rng(0))
    model = FAMILIES[family].build(config, signature)
    return model.builder(config, signature)


def layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers, those of branches too."""
    return [one for layer in model.layers for one in (layers(layer) if isinstance(layer, keras.Model) else [layer])]


def steps_of(model: keras.Model, kind: type) -> list[int]:
    """Return how many steps come out of layers of a kind."""
    return [layer.output.shape[1] for layer in layers(model) if isinstance(layer, kind)]


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_a_configuration_with_its_number_of_parameters(name):
    assert built(name).count_params() == NETWORKS[name][3]


def test_pretrained_vectors_are_frozen_and_unknown_words_are_zeros():
    model = built("pretrained vectors")
    assert sum(int(np.prod(one.shape)) for one in model.trainable_variables) == 320_065
    assert not next(one for one in layers(model) if isinstance(one, keras.layers.Embedding)).get_weights()[0].any()


def test_convolutions_without_padding_lose_steps():
    model = built("convolutions on a text")
    assert steps_of(model, keras.layers.Conv1D) == [144, 22]
    assert steps_of(model, keras.layers.MaxPooling1D) == [28]
    assert steps_of(built("convolutions before a GRU"), keras.layers.GRU) == [74]


def test_stacked_layers_have_widths_and_activations_of_their_own():
    stack = [one for one in layers(built("stacked GRU")) if isinstance(one, keras.layers.GRU)]
    assert [(one.units, one.activation.__name__) for one in stack] == [(32, "tanh"), (64, "relu")]
    assert {(one.dropout, one.recurrent_dropout) for one in stack} == {(0.1, 0.5)}


def test_a_siamese_network_may_end_in_one_layer_on_both_vectors():
    pair = Signature((text(20, "left"), text(20, "right")), (TWO,), rows=100)
    its = {**reads(20), **embedded(16), **recurrent(cell="lstm", units=32, masking=False)}
    changes = {"text": ["recurrent"], "text.recurrent": its, "depth": 0}
    space = FAMILIES["siamese"].narrowed(pair, {**changes, "comparison": Choice(["concatenate"])})
    config = sample(space, np.random.default_rng(0))
    model = FAMILIES["siamese"].build(config, pair).builder(config, pair)
    lstm = 4 * (16 * 32 + 32 * 32 + 32)
    assert model.count_params() == 10_000 * 16 + lstm + 64 + 1
