"""Numbers that a change of the code's structure must leave as they are.

    python -m benchmarks.numbers keep before.npz      at one commit
    python -m benchmarks.numbers compare before.npz   at another, on the same machine

Two folds of every family are fitted on every kind of input and target that it reads, small, with one thread and fixed
seeds. Kept are predictions of held-out rows, learning curves, and what the pruner would have seen of inner rows. Other
processors round otherwise: on another machine the first file is made again, from the commit before the change.
"""

from __future__ import annotations

import os

for _name in ("TUNER_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tuner
from spaces import FAMILIES, Fold, Rows, defaults, narrow
from spaces.engines.curves import labelled

ROWS = 120
SEED = 3
# What makes a training short, where a space has it.
SHORT = {
    "epochs": 2,
    "n_estimators": 6,
    "depth": 1,
    "filters": 8,
    "direction": ["forward"],
    "batch_normalization": True,
    "length": 12,
}
NETWORK_ON_TREES = {"network": SHORT, "trees": {"n_estimators": 6}}


def main() -> int:
    """Keep the numbers, or compare them with those that were kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numbers", description=__doc__)
    parser.add_argument("what", choices=["keep", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    given = parser.parse_args()
    numbers: dict[str, NDArray[Any]] = {}
    for case, task in tasks():
        for name, family in FAMILIES.items():
            if given.only not in f"{case}/{name}" or family.asked_for or family.unfit(task.signature):
                continue
            print(f"{case}/{name}", file=sys.stderr, flush=True)
            numbers |= {f"{case}/{name}/{key}": value for key, value in numbers_of(task, name).items()}
    if given.what == "keep":
        np.savez(given.file, **numbers)  # type: ignore[arg-type]
        print(f"{len(numbers)} arrays kept in {given.file}")
        return 0
    return compare(dict(np.load(given.file)), numbers, given.only)


def compare(before: Mapping[str, NDArray[Any]], now: Mapping[str, NDArray[Any]], only: str) -> int:
    """Print every array that differs, and return how many do."""
    different = []
    for name in sorted({*(key for key in before if only in key), *now}):
        if name not in now or name not in before:
            different.append(f"{name}: only {'before' if name in before else 'now'}")
        elif before[name].shape != now[name].shape:
            different.append(f"{name}: shape {before[name].shape}, now {now[name].shape}")
        elif not np.allclose(now[name], before[name], rtol=1e-5, atol=1e-6, equal_nan=True):
            off = np.abs(now[name].astype(float) - before[name].astype(float)).max()
            different.append(f"{name}: off by up to {off:.3g}, of numbers up to {np.abs(before[name]).max():.3g}")
    print("\n".join(different) or f"{len(now)} arrays agree")
    return len(different)


def numbers_of(task: tuner.Task, name: str) -> dict[str, NDArray[Any]]:
    """Fit two folds of a family's default model."""
    family, found = FAMILIES[name], dict[str, NDArray[Any]]()
    space = family.space(task.signature)
    changes: dict[str, Any] = {"base": _base()} if name == "image_pretrained" else {}
    config = shortened(defaults(narrow(space, changes)))
    shown: list[NDArray[Any]] = []

    def watch(step: int, steps: int, curves: Mapping[str, float], predict: Any, /) -> None:
        if len(shown) < 4:
            shown.append(np.asarray(predict(), np.float64))

    folds = [fold(task, k) for k in range(2)]
    for k, fitted in enumerate(family.build(config, task.signature).fit([one for one, _ in folds], watch)):
        found[f"held_out-{k}"] = np.asarray(fitted.predict(folds[k][1]), np.float64)
        found |= {f"curves-{k}/{curve}": np.array(values) for curve, values in labelled(fitted.curves).items()}
    return found | {f"inner-{i}": values for i, values in enumerate(shown)}


def fold(task: tuner.Task, k: int) -> tuple[Fold, Any]:
    """Return the training side of a fold, a fifth of it watched, and the table that is held out."""
    train, held_out = task.folds[k]
    cut = len(train) - len(train) // 5
    sequence = task.rows.table.sequence
    while sequence is not None and sequence[train[cut]] == sequence[train[cut - 1]] and cut > len(train) // 2:
        cut -= 1

    def take(index: NDArray[np.int64], part: str) -> Rows:
        return task.rows.take(index, f"{task.digest}/{k}/{part}")

    parts = take(train, "full"), take(train[:cut], "train"), take(train[cut:], "inner")
    return Fold(*parts, seed=SEED + k), task.rows.table.take(held_out)


def shortened(config: Any) -> Any:
    """Return a configuration whose training is short, wherever in it the settings stand."""
    if not isinstance(config, Mapping):
        return config
    plain = {key: value for key, value in SHORT.items() if not isinstance(value, list)}
    found = {
        key: plain[key] if key in plain and not isinstance(value, Mapping) else shortened(value)
        for key, value in config.items()
    }
    return found | ({"direction": "forward"} if config.get("direction") == "bidirectional" else {})


def tasks() -> Iterator[tuple[str, tuner.Task]]:
    """Yield small tasks: every kind of input with every kind of target."""
    rng = np.random.default_rng(SEED)
    x, colour = rng.normal(size=ROWS), rng.choice(["red", "green", "blue"], ROWS)
    level = x + (colour == "red") + 0.3 * rng.normal(size=ROWS)
    table = pd.DataFrame({"x": x, "y": rng.normal(size=ROWS), "colour": colour, "many": _many(rng)})
    table.loc[::9, "y"] = np.nan
    words = np.array(["up", "down", "here", "there", "then", "now", "what", "who"])
    notes = [" ".join([*rng.choice(words[2:], 5), words[int(v < 0)]]) for v in level]
    others = [" ".join(rng.choice(words, 4)) for _ in level]
    series = (level[:, None, None] + 0.3 * rng.normal(size=(ROWS, 12, 2))).astype(np.float32)
    series[rng.random(series.shape) < 0.05] = np.nan
    image = np.clip(60 * level[:, None, None, None] + rng.integers(0, 90, (ROWS, 8, 8, 1)), 0, 255).astype(np.uint8)
    targets = {
        "regression": pd.DataFrame({"t": 3 * level + 20}),
        "binary": pd.DataFrame({"t": np.where(level > 0.3, "yes", "no")}),
        "multiclass": pd.DataFrame({"t": np.digitize(level, [0.0, 0.8])}),
        "several": pd.DataFrame({"t": 3 * level + 20, "u": np.where(level > 0.3, "yes", "no")}),
    }
    inputs: dict[str, tuple[Any, dict[str, Any]]] = {
        "table": (table, {}),
        "texts": (table[["x", "colour"]].assign(note=notes, other=others), {"text": ["note", "other"]}),
        "text": (pd.DataFrame({"note": notes}), {"text": ["note"]}),
        "series": ({"table": table[["x", "colour"]], "series": series}, {}),
        "image": ({"table": table[["x", "colour"]], "image": image}, {}),
        "photograph": (image, {}),
        "two tables": ({"left": table[["x", "y"]], "right": table[["y", "x"]].set_axis(["x", "y"], axis=1)}, {}),
        "two series": ({"left": series, "right": series[::-1].copy()}, {}),
    }
    for kind, target in targets.items():
        names = list(target)
        for of, (data, more) in inputs.items():
            given = {"table": data} if isinstance(data, pd.DataFrame) else data
            if isinstance(given, Mapping):
                both = pd.concat([given.get("table", pd.DataFrame(index=target.index)), target], axis=1)
                given = {**given, "table": both}
                given = both if list(given) == ["table"] else given
                wanted: Any = names if len(names) > 1 else names[0]
            else:
                wanted = target if len(names) > 1 else target["t"].to_numpy()
            yield f"{of}/{kind}", tuner.Task(given, wanted, split={"kind": "kfold", "folds": 2}, **more)
    yield from _others(rng, image, series)


def _others(rng: Any, image: Any, series: Any) -> Iterator[tuple[str, tuner.Task]]:
    """Yield forecasts, steps of sequences, and rows without a target."""
    steps = 160
    wave = pd.DataFrame({"load": np.sin(np.arange(steps) / 4) + 0.1 * rng.normal(size=steps)})
    wave["wind"] = rng.normal(size=steps)
    for name, horizon in (("forecast", 2), ("two horizons", [1, 3])):
        yield f"{name}/regression", tuner.series_task(wave, "load", window=12, horizon=horizon, split={"folds": 2})
    letters = rng.choice(list("abcd"), 96)
    sentences = pd.DataFrame({"s": np.repeat(np.arange(12), 8), "w": letters, "n": rng.normal(size=96)})
    sentences["tag"] = np.where(np.roll(letters, 1) == "a", "after", "other")
    yield "steps/binary", tuner.Task(sentences, "tag", sequence="s", split={"kind": "grouped", "folds": 2})
    text = "".join(rng.choice(list("abc "), 200))
    yield "language/multiclass", _twice(tuner.language_task(text))
    sources = [" ".join(rng.choice(list("abc"), 3)) for _ in range(24)]
    pairs = tuner.sequence_task(sources, [one[::-1] for one in sources], split={"kind": "grouped", "folds": 2})
    yield "answers/multiclass", pairs
    odd = np.where(np.nan_to_num(series[:, :, 0]).mean(axis=1) > 1.5, "odd", "usual")
    yield "windows/binary", tuner.Task(np.nan_to_num(series), odd, split={"kind": "kfold", "folds": 2})
    for metric in ("reconstruction_error", "negative_elbo", "two_sample"):
        for of, data in (("image", image), ("series", np.nan_to_num(series)), ("table", series[:, 0])):
            split = {"kind": "kfold", "folds": 2}
            yield f"itself {of}/{metric}", tuner.Task(data, None, metric=metric, split=split)


def _many(rng: Any) -> Any:
    """Return more categories than are made columns of their own."""
    return [f"street {k:02d}" for k in rng.permutation(np.arange(ROWS) % 40)]


def _twice(task: tuner.Task) -> tuner.Task:
    """Let a task of a single fold have it twice."""
    object.__setattr__(task, "folds", (*task.folds, *task.folds))
    return task


def _base() -> str:
    import keras

    folder = Path(tempfile.gettempdir()) / "tuner-numbers"
    folder.mkdir(exist_ok=True)
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x = images
    for filters in (4, 8):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
    path = folder / "base.keras"
    keras.Model(images, x).save(path)
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
