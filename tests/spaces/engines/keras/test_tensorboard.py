"""What is written for TensorBoard of networks, read back by TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces import FAMILIES, defaults
from spaces.engines.keras.tensorboard import write_networks, write_scalars
from spaces.families.catalog import families_for


def events(path: Path) -> list[Any]:
    return list(tf.compat.v1.train.summary_iterator(str(path)))


def histograms(folder: Path) -> dict[str, Any]:
    found = events(folder / "events.out.tfevents.1")
    return {value.tag: value.histo for event in found for value in event.summary.value}


def trained(family: str, d: Any, changes: dict[str, Any]) -> Any:
    space = FAMILIES[family].narrowed(d.signature, changes)
    return next(iter(FAMILIES[family].build(defaults(space), d.signature).fit(d.folds[:1], lambda *shown: None)))


def test_curves_are_scalars(tmp_path):
    write_scalars(tmp_path, {"loss": [2.0, 1.0], "val_loss": [3.0]})
    found = [
        (value.tag, event.step, value.simple_value)
        for event in events(tmp_path / "events.out.tfevents.0")
        for value in event.summary.value
    ]
    assert found == [("loss", 0, 2.0), ("loss", 1, 1.0), ("val_loss", 0, 3.0)]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_network_has_a_graph_and_histograms(kind, data, tmp_path):
    d = data(kind)
    fitted = trained("dense", d, {"epochs": 1, "units": 8, "depth": 1})
    rows = d.folds[0].inner
    write_networks(tmp_path, fitted, rows, target=d.signature.target)
    graphs = [event.graph_def for event in events(tmp_path / "events.out.tfevents.1") if event.graph_def]
    graph = tf.compat.v1.GraphDef.FromString(graphs[0])
    assert any(node.op == "MatMul" for node in graph.node)
    found = histograms(tmp_path)
    weights = {one.path for one in fitted.model.trainable_weights}
    assert {name.removeprefix("weights/") for name in found if name.startswith("weights/")} == weights
    assert {name.removeprefix("gradients/") for name in found if name.startswith("gradients/")} == weights
    output = found["activations/output"]
    said = fitted.networks[0].run(fitted.feeds((fitted.prepared.matrix(rows.table),))[0])
    assert output.num == said.size
    assert output.sum == pytest.approx(said.sum(), rel=1e-4)
    assert sum(output.bucket) == said.size
    before = found[f"gradients/{fitted.model.layers[-1].kernel.path}"]
    assert before.min < before.max
    assert not (tmp_path / "projector_config.pbtxt").exists()


def test_gradients_are_those_of_the_loss(data, tmp_path):
    d = data("regression")
    fitted = trained("dense", d, {"epochs": 1, "units": 8, "depth": 1})
    write_networks(tmp_path, fitted, d.folds[0].inner, target=d.signature.target)
    bias = fitted.model.layers[-1].bias
    slope = histograms(tmp_path)[f"gradients/{bias.path}"].sum
    (feed,) = fitted.feeds((fitted.prepared.matrix(d.folds[0].inner.table),))
    said = fitted.networks[0].run(feed)[:, 0]
    true = (d.folds[0].inner.target - fitted.scale.mean) / fitted.scale.deviation
    assert slope == pytest.approx(2 * np.mean(said - true), rel=1e-3)


def test_embeddings_are_for_the_projector_with_their_words(data, tmp_path):
    d = data("binary", "text")
    fitted = trained("text_embedding", d, {"epochs": 1})
    write_networks(tmp_path, fitted, d.folds[0].inner, target=d.signature.target)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    words = [path for path in tmp_path.glob("*_words.tsv") if path.name in config]
    assert words
    for path in words:
        lines = path.read_text().splitlines()
        matrix = np.loadtxt(tmp_path / path.name.replace("_words", ""), delimiter="\t")
        assert lines[:2] == ["(padding)", "(unknown)"]
        assert "house" in lines
        assert len(matrix) == len(lines)
    inside = [name for name in histograms(tmp_path) if name.startswith("activations/")]
    assert any(name.count("/") > 1 for name in inside)  # of the branch's own layers


def test_a_model_without_networks_writes_nothing(data, tmp_path):
    d = data("binary")
    write_networks(tmp_path, trained("linear", d, {}), d.folds[0].inner, target=d.signature.target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("of", ["table", "text", "series", "image"])
def test_every_family_can_be_looked_at(of, data, tmp_path):
    d = data("binary", of) if of != "table" else data("binary")
    for name, family in families_for(d.signature).items():
        if family.engines and family.engines[0].name == "keras" and not family.unfit(d.signature):
            epochs = {"epochs": 1} if "epochs" in family.space(d.signature) else {}
            write_networks(tmp_path / name, trained(name, d, epochs), d.folds[0].inner, target=d.signature.target)
            assert histograms(tmp_path / name)
            keras.backend.clear_session()
