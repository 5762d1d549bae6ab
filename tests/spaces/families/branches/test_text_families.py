"""Each family learns a small task that needs its architecture, and every parameter changes what it names."""

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
from spaces.inputs.text.networks import _words
from spaces.inputs.text.vocabulary import measure
from spaces.inputs.text.words import Words
from spaces.language.space import Config
from spaces.layers.blocks import pooled, recurrent_layers
from spaces.rows.table import Table

FILLER = ["the", "of", "and", "was", "here", "then", "very", "some", "house", "river", "street", "rain"]
ROWS = 1000
Drawn = tuple[list[str], str]


def words(rng: Any, number: int) -> list[str]:
    return list(rng.choice(FILLER, number))


def inserted(rng: Any, *phrases: str) -> str:
    """Put phrases at any place among other words, in this order."""
    places = np.sort(rng.integers(0, 8, len(phrases)))
    row = words(rng, 8)
    for place, phrase in zip(places[::-1], phrases[::-1], strict=True):
        row.insert(place, phrase)
    return " ".join(row)


def phrase(rng: Any) -> Drawn:
    """Whether two words stand next to each other in this order: single words do not say it."""
    yes = rng.random() < 0.5
    return [inserted(rng, "not good" if yes else "good not")], "no" if yes else "yes"


def majority(rng: Any) -> Drawn:
    """Whether there are more good words than bad ones."""
    good = rng.integers(0, 4)
    row = ["good"] * good + ["bad"] * (3 - good) + words(rng, 6)
    return [" ".join(rng.permutation(row))], "yes" if good >= 2 else "no"


def order(rng: Any) -> Drawn:
    """Which of two words comes first, however far apart."""
    yes = rng.random() < 0.5
    return [inserted(rng, *(("first", "second") if yes else ("second", "first")))], "yes" if yes else "no"


def phrases_in_order(rng: Any) -> Drawn:
    """Which of two phrases comes first."""
    yes = rng.random() < 0.5
    both = ["not good", "good not"]
    return [inserted(rng, *(both if yes else both[::-1]))], "yes" if yes else "no"


def question(rng: Any) -> Drawn:
    """Where the person of the question is: an interaction of two inputs, and copying."""
    people = rng.permutation(["mary", "john", "anna"])
    places = rng.choice(["kitchen", "garden"], 3)
    story = " ".join(f"{who} in {where}" for who, where in zip(people, places, strict=True))
    return [story, f"where is {people[0]}"], "yes" if places[0] == "kitchen" else "no"


def same(rng: Any) -> Drawn:
    """Whether two texts are about the same animal."""
    animals = ["cat", "dog", "bird", "horse"]
    one, other = rng.choice(animals, 2, replace=False)
    yes = rng.random() < 0.5
    return [inserted(rng, one), inserted(rng, one if yes else other)], "yes" if yes else "no"


# The network's defaults, a faster rate, and where noted what the task needs.
TASKS: dict[str, tuple[Callable[[Any], Drawn], dict[str, Any]]] = {
    "text_ngrams": (phrase, {}),
    "text_embedding": (majority, {}),
    "text_conv": (phrase, {}),
    "text_recurrent": (order, {}),
    "text_conv_recurrent": (phrases_in_order, {}),
    "functional": (question, {"text": ["recurrent"], "text.recurrent.recurrent.direction": ["forward"]}),
    "siamese": (same, {}),
    "xgboost": (phrase, {}),
    "linear": (phrase, {}),
    "random_forest": (phrase, {}),
}


def drawn(task: Callable[[Any], Drawn]) -> tuple[Signature, Table, NDArray[np.int64]]:
    rng = np.random.default_rng(5)
    rows = [task(rng) for _ in range(ROWS + HELD_OUT)]
    texts = np.array([given for given, _ in rows], dtype=object)
    inputs = tuple(
        Input(f"text {i}", "text", (longest,), "int32", Words(distinct))
        for i, (longest, distinct) in enumerate(measure(texts))
    )
    table = Table(np.empty((len(rows), 0)), np.empty((len(rows), 0), np.int32), None, texts)
    signature = Signature(inputs, YES_OR_NO, rows=ROWS)
    return signature, table, np.array([label == "yes" for _, label in rows], dtype=np.int64)


# The first guard; the others, which read the same inputs by the same steps, take longer.
FIRST = ("text_ngrams", "text_embedding", "text_conv", "xgboost", "linear")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name not in FIRST else ()) for name in TASKS]
)
def test_each_family_learns_what_it_is_made_for(name):
    task, changes = TASKS[name]
    signature, table, target = drawn(task)
    if KERAS in FAMILIES[name].engines:
        changes = {**changes, "batch_size": 32, "optimizer.adam.learning_rate": 5e-3, "patience": 5}
    check_it_learns(name, changes, signature, table, target)


# What each parameter changes.


def signature(texts: int = 1, *, table: bool = False) -> Signature:
    inputs = [Input("table", "table", (3,))] if table else []
    inputs += [Input(f"text {i}", "text", (12,), "int32", Words(300)) for i in range(texts)]
    return Signature(tuple(inputs), (Target("y", "regression"),), rows=1000)


def built(family: str, changes: dict[str, Any], texts: int = 1, *, table: bool = False) -> keras.Model:
    given = signature(texts, table=table)
    config: Config = defaults(narrow(FAMILIES[family].space(given), changes))
    return (build_siamese if family == "siamese" else build_functional)(config, given)


@pytest.mark.parametrize(
    ("changes", "layer"),
    [
        ({"text.conv.conv.separable": True}, "SeparableConv1D"),
        ({"text.conv.pooling": "average"}, "GlobalAveragePooling1D"),
        ({"text.conv.pooling": "attention"}, "Softmax"),
        ({"text.conv.conv.batch_normalization": True}, "BatchNormalization"),
        ({"text.conv.conv.pool_size": 3}, "MaxPooling1D"),
    ],
)
def test_a_layer_is_there_when_it_is_asked_for(changes, layer):
    plain = names(built("text_conv", {"text.conv.conv.pool_size": 1}))
    assert layer not in plain
    assert layer in names(built("text_conv", changes))


@pytest.mark.parametrize(("cell", "layer"), [("gru", "GRU"), ("lstm", "LSTM"), ("simple", "SimpleRNN")])
def test_cells_and_their_stack(cell, layer):
    changes = {"cell": cell, "depth": 2, "direction": "forward", "units": 9, "recurrent_dropout": 0.3, "dropout": 0.2}
    model = built("text_recurrent", {f"text.recurrent.recurrent.{name}": one for name, one in changes.items()})
    stack = [one for one in layers(model) if type(one).__name__ == layer]
    assert [one.units for one in stack] == [9, 9]
    assert {(one.recurrent_dropout, one.dropout) for one in stack} == {(0.3, 0.2)}


@pytest.mark.parametrize("direction", ["bidirectional", "forward", "backward"])
def test_directions(direction):
    model = built("text_recurrent", {"text.recurrent.recurrent.direction": direction})
    kinds = names(model)
    assert ("Bidirectional" in kinds) == (direction == "bidirectional")
    if direction != "bidirectional":
        (cell,) = [one for one in layers(model) if type(one).__name__ == "GRU"]
        assert cell.go_backwards == (direction == "backward")


TEXT = np.array([[5, 3, 9, 4, 7]], np.int32)
SHORT = np.array([[8, 2]], np.int32)


def at_lengths(family: str, branch: str, changes: dict[str, Any], *texts: NDArray[np.int32]) -> list[NDArray[Any]]:
    """Return what one network says of texts that are not padded, padded to 7 and to 12 words, all with its weights."""
    said, weights = [], None
    for length in (texts[0].shape[1], 7, 12):
        given = signature(len(texts))
        inside = {f"text.{branch}.{name}": value for name, value in changes.items()}
        config = defaults(
            narrow(FAMILIES[family].space(given), {"text": [branch], **inside} if len(texts) > 1 else inside)
        )
        config["text"][branch]["unit"]["word"]["length"] = length
        model = build_functional(config, given)
        weights = weights or [np.random.default_rng(0).normal(0, 0.5, one.shape) for one in model.get_weights()]
        model.set_weights(weights)
        read = [np.pad(text, ((0, 0), (length - text.shape[1], 0))) for text in texts]
        said.append(np.asarray(model(tuple(read) if len(read) > 1 else read[0])))
    return said


def alike(said: list[NDArray[Any]]) -> bool:
    return bool(np.allclose(said[0], said[1], atol=1e-6) and np.allclose(said[0], said[2], atol=1e-6))


def at_poolings(cell: str, direction: str, depth: int) -> keras.Model:
    """Return a network of texts of any length whose outputs are pooled in every way."""
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(20, 6, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0))(ids)
    none = {"dropout": 0.0, "recurrent_dropout": 0.0}
    x, mask = recurrent_layers(embedded, cell=cell, units=4, depth=depth, direction=direction, mask=_words(ids), **none)
    return keras.Model(ids, [pooled(x, how, direction, mask=mask) for how in ("last", "max", "average", "attention")])


@pytest.mark.parametrize(
    ("cell", "depth"),
    [("gru", 2), *(pytest.param(*one, marks=pytest.mark.slow) for one in (("gru", 1), ("lstm", 2), ("simple", 2)))],
)
@pytest.mark.parametrize("direction", ["bidirectional", "forward", "backward"])
def test_under_a_mask_padding_does_not_matter(cell, depth, direction):
    model = at_poolings(cell, direction, depth)
    alone = model(TEXT)
    for padding in (2, 7):
        for said, expected in zip(model(np.pad(TEXT, ((0, 0), (padding, 0)))), alone, strict=True):
            np.testing.assert_allclose(said, expected, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_last_is_what_each_direction_read_last_and_so_knows_all_steps(masked):
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(20, 6, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0))(ids)
    settings = {"cell": "gru", "units": 4, "depth": 1, "dropout": 0.0, "recurrent_dropout": 0.0}
    mask = _words(ids) if masked else None
    x, mask = recurrent_layers(embedded, direction="bidirectional", mask=mask, **settings)
    model = keras.Model(ids, pooled(x, "last", "bidirectional", mask=mask))
    said = np.asarray(model(TEXT))[0]
    for end in (0, -1):
        changed = TEXT.copy()
        changed[0, end] = 11
        moved = np.asarray(model(changed))[0] != said
        assert moved[:4].any()  # what was read forward
        assert moved[4:].any()  # and backward


@pytest.mark.parametrize(("direction", "pooling"), [("bidirectional", "last"), ("backward", "max")])
def test_with_masking_padding_does_not_matter(direction, pooling):
    changes = {"recurrent.direction": direction, "recurrent.depth": 2, "pooling": pooling, "recurrent.masking": True}
    assert alike(at_lengths("text_recurrent", "recurrent", changes, TEXT))


def test_without_masking_padding_is_read():
    changes = {"recurrent.direction": "forward", "pooling": "last", "recurrent.masking": False}
    assert not alike(at_lengths("text_recurrent", "recurrent", changes, TEXT))


@pytest.mark.parametrize("pooling", ["average", "max", "attention"])
def test_embedded_words_are_pooled_without_padding(pooling):
    assert alike(at_lengths("text_embedding", "embedding", {"pooling": pooling}, TEXT))


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("direction", ["bidirectional", "backward"])
def test_attention_between_texts_skips_padding(direction, hops):
    changes = {"merge.attention.hops": hops, "merge": ["attention"], "pooling": "last", "recurrent.masking": True}
    texts = (TEXT, np.pad(SHORT, ((0, 0), (0, 3)), constant_values=6))
    assert alike(at_lengths("functional", "recurrent", {**changes, "recurrent.direction": direction}, *texts))
    changes = {"merge.attention.hops": hops, "merge": ["attention"], "embedding.positions": False}
    assert alike(at_lengths("functional", "embedding", changes, *texts))


def test_both_directions_are_trained_under_a_mask():
    changes = {"direction": "bidirectional", "masking": True, "units": 8}
    model = built("text_recurrent", {f"text.recurrent.recurrent.{name}": one for name, one in changes.items()})
    model.compile("sgd", "mse")
    before = {one.path: one.numpy() for one in model.trainable_variables}
    ids = np.pad(np.concatenate([TEXT, TEXT + 1]), ((0, 0), (7, 0)))
    model.fit(ids, np.array([[1.0], [-1.0]]), verbose=0)
    moved = [one.path for one in model.trainable_variables if not np.array_equal(before[one.path], one.numpy())]
    assert [path for path in moved if "backward" in path and "kernel" in path]


def test_a_text_without_words_is_read_as_something_finite():
    for pooling in ("average", "max", "attention"):
        model = built("text_embedding", {"text.embedding.pooling": pooling})
        assert np.isfinite(model(np.zeros((1, 12), np.int32))).all()


@pytest.mark.parametrize("branch", ["ngrams", "embedding", "conv", "recurrent", "conv_recurrent"])
def test_sizes_are_those_of_the_config(branch):
    changes = {"text": [branch], "depth": 1, "units": 17, f"text.{branch}.merge": "concatenate"}
    inside = "" if branch == "ngrams" else "embedding."
    model = built("functional", {**changes, f"text.{branch}.{inside}units": 19}, texts=2, table=True)
    embeddings = [one for one in layers(model) if isinstance(one, keras.layers.Embedding) and one.input_dim != 12]
    assert [one.output_dim for one in embeddings] == [19, 19]
    assert [one.units for one in layers(model) if isinstance(one, keras.layers.Dense)][-2:] == [17, 1]
    assert len(model.inputs) == (5 if branch == "ngrams" else 3)


@pytest.mark.parametrize(
    ("merge", "layer"), [("attention", "Softmax"), ("add", "Add"), ("multiply", "Multiply"), ("concatenate", None)]
)
def test_branches_are_merged_as_the_config_says(merge, layer):
    plain = {"text": ["embedding"], "text.embedding.embedding.positions": False}
    model = built("functional", {**plain, "text.embedding.merge": merge}, texts=2, table=True)
    marks = {"Softmax", "Add", "Multiply"} & set(names(model))
    assert marks == ({layer} if layer else set())


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_every_hop_asks_again(hops):
    model = built("functional", {"text": ["conv"], "text.conv.merge.attention.hops": hops}, texts=2)
    assert names(model).count("Softmax") == 2 * hops


def test_with_positions_the_largest_of_words_knows_their_order():
    ids = np.array([[7, 6, 5, 3, 9, 4, 2, 8, 5, 3, 9, 4]], dtype=np.int32)
    for positions in (True, False):
        keras.utils.set_random_seed(0)
        changes = {"text.embedding.embedding.positions": positions, "text.embedding.pooling": "max"}
        model = built("text_embedding", changes)
        assert np.allclose(model(ids), model(ids[:, ::-1].copy()), atol=1e-6) == (not positions)


def test_a_siamese_network_reads_both_texts_with_the_same_weights():
    model = built("siamese", {"text": ["conv"], "comparison": "difference_and_product"}, texts=2)
    assert names(model).count("Embedding") == 1
    ids = np.array([[0, 0, 0, 0, 0, 0, 0, 0, 5, 3, 9, 4]], dtype=np.int32)
    other = ids[:, ::-1].copy()
    np.testing.assert_allclose(model((ids, other)), model((other, ids)), atol=1e-6)


@pytest.mark.parametrize(("comparison", "width"), [("distance", 2), ("difference_and_product", 2), ("all", 4)])
def test_comparisons_are_as_wide_as_they_say(comparison, width):
    model = built(
        "siamese", {"text": ["embedding"], "comparison": comparison, "text.embedding.pooling": "max"}, texts=2
    )
    units = 1 if comparison == "distance" else model.get_layer("branch").outputs[0].shape[-1]
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    assert first.kernel.shape[0] == width * units
