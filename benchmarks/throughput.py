"""Training throughput of a convnet, a recurrent network and a small dense one: our loop beside plain `model.fit`.

Each network is built twice with the same weights and trained for the same epochs on the same rows in batches of the
same size, by turns in one process: by `model.fit` on arrays, and by the loop that every study uses
(`Trainer`). The first epoch of each side, which traces, is left out of the rate and shown by itself.
Series are given to our side as stretches of one array, to `fit` written out, as it takes nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import save
from spaces.engines.keras.device import TrainingArrays
from spaces.engines.keras.training import Trainer
from spaces.rows.arrays import Stretches
from tuner.archive.report import print_table

_EPOCHS, _BATCH = 3, 64


@dataclass(frozen=True)
class Case:
    """A network, and what it reads on either side."""

    build: Callable[[], keras.Model]
    written: NDArray[Any]
    ours: Any
    target: NDArray[np.float32]


def run(*, quick: bool, repeats: int = 1) -> None:
    """Measure, print and keep the rates; they are not repeated."""
    del repeats
    rows = 1_000 if quick else 20_000
    found = {name: _measure(case) for name, case in _cases(rows).items()}
    columns = ["network", "rows", "fit, rows/s", "ours, rows/s", "ratio", "first epoch: fit, s", "ours, s"]
    print_table(
        f"Training, batches of {_BATCH}", columns, [[name, rows, *each.values()] for name, each in found.items()]
    )
    if not quick:
        save("throughput", {"rows": rows, "batch_size": _BATCH, "epochs": _EPOCHS, "networks": found})


def _cases(rows: int) -> dict[str, Case]:
    rng = np.random.default_rng(0)
    target = rng.normal(size=(rows, 1)).astype(np.float32)
    images = rng.integers(0, 256, (rows, 28, 28, 1)).astype(np.uint8)
    steps = Stretches(rng.normal(size=(rows + 48, 7)).astype(np.float32), np.arange(rows), 48)
    table = rng.normal(size=(rows, 50)).astype(np.float32)
    return {
        "convnet": Case(_convnet, images, images, target),
        "gru": Case(_gru, np.asarray(steps), steps, target),
        "dense": Case(_dense, table, table, target),
    }


def _convnet() -> keras.Model:
    inputs = keras.Input((28, 28, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for filters in (16, 32, 64):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


def _gru() -> keras.Model:
    inputs = keras.Input((48, 7))
    return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GRU(32)(inputs)))


def _dense() -> keras.Model:
    inputs = keras.Input((50,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def _measure(case: Case) -> dict[str, float]:
    """Train both sides, epoch by epoch in turns, so that both meet the same load of the machine."""
    plain, mine = case.build(), case.build()
    for model in (plain, mine):
        model.compile("adam", "mse")
    mine.set_weights(plain.get_weights())
    trainer = Trainer(mine)
    seconds: dict[str, list[float]] = {"fit": [], "ours": []}
    for _ in range(1 + _EPOCHS):
        started = time.perf_counter()
        plain.fit(case.written, case.target, batch_size=_BATCH, epochs=1, shuffle=False, verbose=0)
        seconds["fit"].append(time.perf_counter() - started)
        started = time.perf_counter()
        trainer.train(TrainingArrays(case.ours, case.target), None, epochs=1, batch_size=_BATCH)
        seconds["ours"].append(time.perf_counter() - started)
    for one, other in zip(plain.get_weights(), mine.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-3)  # both did the same work
    rates = {side: len(case.target) * _EPOCHS / sum(spent[1:]) for side, spent in seconds.items()}
    return {
        "fit": round(rates["fit"]),
        "ours": round(rates["ours"]),
        "ratio": round(rates["ours"] / rates["fit"], 2),
        "first_fit": round(seconds["fit"][0], 1),
        "first_ours": round(seconds["ours"][0], 1),
    }
