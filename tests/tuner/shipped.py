"""Shipping in this process: the two steps that processes of their own take before the first trial."""

import sys
from pathlib import Path

import cloudpickle

import tuner
from spaces import Family
from tuner.trials.shipping import build, load
from tuner.trials.worker import Setup


def ship(own: Family, task: tuner.Task, folder: Path) -> None:
    """Store the task, train and save the family's default model, and load it again."""
    task.save(folder / "data")
    (folder / "model").mkdir()
    build(folder / "model", Setup(list(sys.path), str(folder / "data"), task.schema.kinds, cloudpickle.dumps(own), 1))
    load(folder / "model", engines=[engine.name for engine in own.engines], kinds=task.schema.kinds)
