"""Before the first trial: can a user's own model be trained, saved, and loaded in a fresh process?

`check_shipping` builds and saves the family's default model in one process and loads it in another that has neither
the builder nor its module. A model that cannot be shipped fails here, in the first minute, and not after an evening.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from spaces.engines.contract import Fold, ShippingError
from spaces.engines.engine import environment_of, hand_over
from spaces.families.family import Family
from spaces.inputs.kinds import hand_over as hand_over_kinds
from spaces.language.complaints import unknown_name
from spaces.language.space import Config, defaults
from spaces.machine.mistakes import users_line
from spaces.machine.torn import read_arrays
from spaces.rows.columns import Schema
from spaces.rows.outputs import no_probabilities
from spaces.rows.table import Rows, Table
from spaces.store import load_fitted
from tuner.scoring.metrics import METRICS
from tuner.scoring.score import Metric
from tuner.scoring.several_targets import metric_names
from tuner.task.folds import make_folds
from tuner.task.storage import read_description
from tuner.task.task import Task
from tuner.trials.guests import restored_state
from tuner.trials.worker import Setup

_ROWS = 64
_SECONDS = 300


def check_shipping(family: Family, data: Path, *, hidden: Collection[str]) -> None:
    """Build, train for an epoch, save and load a family's default model.

    Args:
        family: A user's own family.
        data: The folder of the stored task.
        hidden: Variables of the environment that do not reach the processes.

    Raises:
        ShippingError: It cannot be done; the message says what went wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = [path for path in sys.path if path] + [os.getcwd()]
        kinds = Schema.from_json(read_description(data)["schema"]).kinds
        setup = Setup(path, str(data), kinds, cloudpickle.dumps(family), 1)
        _run("build", folder, family, given=cloudpickle.dumps(setup), hidden=hidden)
        needed = {"engines": [engine.name for engine in family.engines], "kinds": list(kinds)}
        _run("load", folder, family, given=json.dumps(needed).encode(), hidden=hidden)


def build(folder: Path, setup: Setup) -> None:
    """Train and save the default model; own metrics play no part in it."""
    sys.path[:] = setup.path
    hand_over_kinds(setup.kinds)
    family: Family = cloudpickle.loads(setup.payload)
    task = _task_without_own_metrics(Path(setup.data))
    fold, held_out = make_folds(task)[0]
    small = Fold(_head(fold.full), _head(fold.train), _head(fold.inner), seed=0)
    config = defaults(family.space(task.signature))
    if "epochs" in config:
        config["epochs"] = 1
    few = _head(held_out)
    with restored_state(family.engines), _names_of(config):
        model = family.build(config, task.signature)
        *_, fitted = model.fit([small, replace(small, seed=1)], lambda step, steps, curves, predict: None)
    expected = fitted.predict(few.table)
    if expected.shape != (len(few), task.target.outputs):
        raise ShippingError(
            f"the model's output has {expected.shape[1]} columns; {_target(task.target.kind)} needs "
            f"{'1 or 2' if task.target.kind == 'binary' else task.target.outputs}"
        )
    if np.isfinite(expected).all() and (complaint := no_probabilities(expected, task.target)):
        raise ShippingError(complaint)
    fitted.save(folder)
    texts = np.empty((len(few), 0)) if few.table.texts is None else few.table.texts
    rows: dict[str, Any] = {
        "numbers": few.table.numbers,
        "codes": few.table.codes,
        "texts": texts.astype(str),
        "expected": expected,
    }
    rows |= {f"array_{i}": np.asarray(array) for i, array in enumerate(few.table.arrays)}
    np.savez(folder / "expected.npz", allow_pickle=False, **rows)


@contextmanager
def _names_of(config: Config) -> Iterator[None]:
    """Answer a name that a builder reads, and the config does not have, with the nearest that it has."""
    try:
        yield
    except KeyError as error:
        known = _names_within(config)
        name = error.args[0] if error.args else None
        if not isinstance(name, str) or name in known or not (line := users_line(error)):
            raise
        raise ShippingError(f"the config has no {name!r}{line}: {unknown_name(name, known)}") from error


def _names_within(config: Config) -> list[str]:
    """Return the names of a config, and then those of the configs within it."""
    within = [_names_within(value) for value in config.values() if isinstance(value, dict)]
    return [*config, *(name for names in within for name in names)]


def load(folder: Path, *, engines: Sequence[str] = (), kinds: Sequence[str] = ()) -> None:
    """Load the model and compare its predictions."""
    hand_over(engines)
    hand_over_kinds(kinds)
    stored = read_arrays(folder / "expected.npz")
    texts = stored["texts"].astype(object) if stored["texts"].shape[1] else None
    arrays = tuple(stored[f"array_{i}"] for i in range(sum(name.startswith("array_") for name in stored)))
    table = Table(stored["numbers"], stored["codes"], texts=texts, arrays=arrays)
    predictions = load_fitted(folder).predict(table)
    if not np.allclose(predictions, stored["expected"], rtol=1e-4, atol=1e-5):
        raise ShippingError("the model predicts something else after it was saved and loaded")


def _target(kind: str) -> str:
    return "side by side, what is predicted of several targets" if kind == "several" else f"a {kind} target"


def _run(step: str, folder: str, family: Family, *, given: bytes, hidden: Collection[str]) -> None:
    name, path = family.name, os.pathsep.join(p for p in sys.path if p)
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    environment = kept | environment_of(family.engines) | {"PYTHONPATH": path}
    command = [sys.executable, "-m", "tuner.trials.shipping", step, folder]
    try:
        done = subprocess.run(command, input=given, capture_output=True, env=environment, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ShippingError(f"family {name!r}: an epoch on {_ROWS} rows took over {_SECONDS} seconds") from None
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines() or done.stderr.decode().splitlines()[-1:]
        try:
            what = json.loads(lines[-1])["error"]
        except (IndexError, ValueError, KeyError):
            what = lines[-1] if lines else f"exit code {done.returncode}"
        raise ShippingError(f"family {name!r} fails before the first trial: {what}")


def _task_without_own_metrics(data: Path) -> Task:
    stored = read_description(data)
    own = [name for score in stored["metrics"] for name in metric_names(score) if name not in METRICS]
    needs = "value" if stored["target"]["kind"] == "regression" else "probability"
    return Task.open(data, [Metric(name, lambda y, p: 0.0, False, needs) for name in own])  # type: ignore[arg-type]


def _head(rows: Rows) -> Rows:
    """Take a few rows in which every class occurs."""
    columns = rows.target.reshape(len(rows), -1).T
    first = np.concatenate([np.unique(column, return_index=True)[1] for column in columns])
    index = np.unique(np.concatenate([first[:_ROWS], np.arange(min(_ROWS, len(rows)))]))
    return rows.take(index)


if __name__ == "__main__":
    try:
        if sys.argv[1] == "build":
            build(Path(sys.argv[2]), cloudpickle.loads(sys.stdin.buffer.read()))
        else:
            load(Path(sys.argv[2]), **json.loads(sys.stdin.buffer.read()))
    except Exception as error:
        text = str(error) if isinstance(error, ShippingError) else f"{type(error).__name__}: {error}{users_line(error)}"
        print(json.dumps({"error": text}))
        raise
