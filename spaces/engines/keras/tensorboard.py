"""Curves as files for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import tensorflow as tf


def write_scalars(folder: Path, curves: Mapping[str, Iterable[float]]) -> None:
    """Write curves into a folder for TensorBoard, one number a step; TensorBoard itself need not be installed."""
    folder.mkdir(parents=True, exist_ok=True)
    event = tf.compat.v1.Event
    with tf.io.TFRecordWriter(str(folder / "events.out.tfevents.0")) as file:
        file.write(event(file_version="brain.Event:2").SerializeToString())
        for name, values in curves.items():
            for step, value in enumerate(values):
                one = tf.compat.v1.Summary.Value(tag=name, simple_value=value)
                file.write(event(step=step, summary=tf.compat.v1.Summary(value=[one])).SerializeToString())
