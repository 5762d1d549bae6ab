"""Curves and networks as files for TensorBoard, which itself need not be installed to write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from spaces.engines.contract import Fitted
from spaces.engines.keras.fitted import KerasFitted, KerasNetwork
from spaces.engines.keras.scale import scaled
from spaces.inputs.prepared import Columns, PreparedInputs
from spaces.inputs.text.vocabulary import FIRST_TERM
from spaces.layers.heads import loss_for
from spaces.layers.members import MemberHeads
from spaces.rows.table import Rows
from spaces.rows.target import ITSELF, Target

_BINS = 30
_PROJECTOR = "projector_config.pbtxt"


def write_scalars(folder: Path, curves: Mapping[str, Iterable[float]]) -> None:
    """Write curves into a folder for TensorBoard, a number a step; NaN is left out."""
    values = (
        (step, _value(name, simple_value=value))
        for name, each in curves.items()
        for step, value in enumerate(each)
        if not math.isnan(value)
    )
    _write(folder, "0", (_event(step, one) for step, one in values))


def write_networks(folder: Path, fitted: Fitted, rows: Rows, *, target: Target) -> None:
    """Write what a trained model's networks look like; nothing where it has none.

    For each network its graph, and histograms of its weights and, for some rows, of what each layer says and of the
    gradient of the loss; learned embeddings for the projector, with their words.

    Args:
        folder: The run's folder.
        fitted: The model.
        rows: Rows to feed it with.
        target: The target; there are no gradients where there is none.
    """
    read = tuple(reader.matrix(rows.table) for reader in fitted.readers)
    both = list(zip(fitted.networks, fitted.feeds(read), strict=True))
    for i, (network, feed) in enumerate(both):
        if not isinstance(network, KerasNetwork):
            continue
        histograms = {**_weights(network.model), **_activations(network.model, _parts(feed))}
        if isinstance(fitted, KerasFitted) and target.kind != ITSELF:
            histograms |= _gradients(fitted, feed, rows, target=target)
        place = folder if len(both) == 1 else folder / f"network-{i}"
        graph = tf.compat.v1.Event(graph_def=_graph(network.model, feed).SerializeToString())
        _write(place, "1", [graph, *(_event(0, _histogram(name, values)) for name, values in histograms.items())])
        _write_embeddings(place, network.model, _words(fitted.readers))


def _write(folder: Path, name: str, events: Iterable[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / f"events.out.tfevents.{name}")) as file:
        file.write(tf.compat.v1.Event(file_version="brain.Event:2").SerializeToString())
        for event in events:
            file.write(event.SerializeToString())


def _event(step: int, value: Any) -> Any:
    return tf.compat.v1.Event(step=step, summary=tf.compat.v1.Summary(value=[value]))


def _value(name: str, **what: Any) -> Any:
    return tf.compat.v1.Summary.Value(tag=name, **what)


def _histogram(name: str, values: NDArray[Any]) -> Any:
    flat = np.asarray(values, np.float64).ravel()
    counts, edges = np.histogram(flat, _BINS)
    numbers = {"min": flat.min(), "max": flat.max(), "num": flat.size, "sum": flat.sum(), "sum_squares": flat @ flat}
    histogram = tf.compat.v1.HistogramProto(**numbers, bucket_limit=edges[1:].tolist(), bucket=counts.tolist())
    return _value(name, histo=histogram)


def _parts(feed: Columns) -> list[NDArray[Any]]:
    return list(feed) if isinstance(feed, tuple) else [feed]


def _weights(model: keras.Model) -> dict[str, NDArray[Any]]:
    return {f"weights/{one.path}": one.numpy() for one in model.trainable_weights}


def _activations(model: keras.Model, parts: list[NDArray[Any]], prefix: str = "activations") -> dict[str, NDArray[Any]]:
    """Return what each layer says, those of inner models too; of a layer that is called twice nothing."""
    calls = {
        layer.name: (layer, layer._inbound_nodes[0])
        for layer in model.layers
        if len(layer._inbound_nodes) == 1 and not isinstance(layer, keras.layers.InputLayer)
    }
    watched = [tensor for _, node in calls.values() for tensor in (*node.input_tensors, *node.outputs)]
    if not watched:
        return {}
    said = iter(keras.Model(model.inputs, watched)([tf.constant(part) for part in parts], training=False))
    found: dict[str, NDArray[Any]] = {}
    for name, (layer, node) in calls.items():
        given, outputs = ([next(said) for _ in tensors] for tensors in (node.input_tensors, node.outputs))
        if isinstance(layer, keras.Model):
            found |= _activations(layer, [one.numpy() for one in given], f"{prefix}/{name}")
        elif all(one.dtype.is_floating for one in outputs):
            found[f"{prefix}/{name}"] = np.concatenate([one.numpy().ravel() for one in outputs])
    return found


def _gradients(fitted: KerasFitted, feed: Columns, rows: Rows, *, target: Target) -> dict[str, NDArray[Any]]:
    """Return the gradient of the task's loss on some rows, for each weight that is trained."""
    model, weights = fitted.model, fitted.model.trainable_weights
    members = next((one.members for one in model.layers if isinstance(one, MemberHeads)), 1)
    outputs = model.output_shape[-1]
    loss = keras.losses.get(loss_for(target, outputs // members, members=members))
    true = tf.constant(scaled(rows, fitted.scale, target, outputs=outputs // members))
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(true, model(_given(model, feed), training=False)))
    found = tape.gradient(value, [one.value for one in weights])
    dense = {
        one.path: tf.convert_to_tensor(slope) for one, slope in zip(weights, found, strict=True) if slope is not None
    }
    return {f"gradients/{path}": slope.numpy() for path, slope in dense.items()}


def _given(model: keras.Model, feed: Columns) -> Any:
    return tf.nest.map_structure(tf.constant, feed)


def _graph(model: keras.Model, feed: Columns) -> Any:
    specs = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), feed)
    traced = tf.function(lambda given: model(given, training=False), autograph=False)
    return traced.get_concrete_function(specs).graph.as_graph_def()


def _write_embeddings(folder: Path, model: keras.Model, words: Mapping[int, list[str]]) -> None:
    """Write each embedding as a table for the projector, with the words of its rows where it is a vocabulary's."""
    config = []
    for layer in _embeddings(model):
        matrix = layer.get_weights()[0]
        its = words.get(len(matrix), [])
        np.savetxt(folder / f"{layer.name}.tsv", matrix[: len(its) or None], delimiter="\t", fmt="%.6g")
        lines = [f'tensor_name: "{layer.name}"', f'tensor_path: "{layer.name}.tsv"']
        if its:
            (folder / f"{layer.name}_words.tsv").write_text("\n".join(its) + "\n")
            lines.append(f'metadata_path: "{layer.name}_words.tsv"')
        config.append("embeddings {\n  " + "\n  ".join(lines) + "\n}\n")
    if config:
        (folder / _PROJECTOR).write_text("".join(config))


def _embeddings(model: keras.Model) -> Iterator[keras.layers.Embedding]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _embeddings(layer)
        elif isinstance(layer, keras.layers.Embedding):
            yield layer


def _words(readers: Iterable[Any]) -> dict[int, list[str]]:
    """Return what the rows of embeddings stand for, by how many rows there are room for."""
    found = {}
    for reader in readers:
        for texts in reader.texts if isinstance(reader, PreparedInputs) else ():
            size = texts.recipe.vocabulary
            terms = [" ".join(term.split()) or "(blank)" for term in texts.vocabulary.terms[:size]]
            found[size + FIRST_TERM] = ["(padding)", "(unknown)", *terms]
    return found
