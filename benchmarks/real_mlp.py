"""Is `real_mlp` worth its seconds beside `dense`? Both get as many CPU seconds on one core, and are compared held out.

    taskset -c 1 python -m benchmarks.real_mlp DATA [--tables NAME...] [--seconds 60] [--twice]

The tables are four of those that settings are chosen on (`benchmarks.tables.SETTINGS`). A family tries its defaults,
its published starts, and then points drawn at random, each on three folds, until its time is over; a trial may take a
third of it and then stops, as in a study. Time is that of the CPU, as other programs may run. Rows are kept in
`results/real_mlp.jsonl` and not run again. Printed are the best held-out loss of each family, that of the mean of both
best models, that of the mean of the two best of `dense` alone, and with `--twice` the latter after twice the time,
which is the fair yardstick of a mean.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tuner
from benchmarks.results import FOLDER
from benchmarks.tables import TARGET, divided
from spaces import FAMILIES, sample
from spaces.engines.clock import Clock
from spaces.engines.keras.device import use_threads
from spaces.families.starts import starting_points
from spaces.language.space import Config, Space, configure
from tuner.seeds import derive_seed
from tuner.task.folds import make_folds

TABLES = ("california", "compactiv", "phoneme", "adult")
KEPT = FOLDER / "real_mlp.jsonl"
_FOLDS, _SHARE, _LEAST_SECONDS = 3, 1 / 3, 3.0


class CpuClock(Clock):
    """A clock that goes as fast as this process computes."""

    @property
    def left(self) -> float:
        """CPU seconds that are left."""
        return self.until - time.process_time()

    def set(self, seconds: float, most: int | None = None, *, parts: int = 1) -> None:
        """Begin anew."""
        super().set(seconds, most, parts=parts)
        self.until = time.process_time() + seconds

    def once(self, seconds: float) -> None:
        """Let the first fold bear what it takes, as seconds are those of the wall here."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A configuration that was trained on all folds.

    Attributes:
        loss: Its held-out loss.
        predicted: Its predictions of them.
        began: CPU seconds of the family before it.
    """

    loss: float
    predicted: NDArray[np.float64]
    began: float


def loss_of(task: tuner.Task, target: NDArray[Any], predicted: NDArray[np.float64]) -> float:
    """Return the log loss, or the root of the mean squared error as a share of the target's deviation."""
    if task.target.of_classes:
        own = predicted[np.arange(len(target)), target]
        return float(-np.log(np.clip(own, 1e-7, 1.0)).mean())
    return float(np.sqrt(np.mean((predicted[:, 0] - target) ** 2)) / np.std(target))


def points_of(space: Space, family: str) -> Iterator[Config]:
    """Yield the defaults, the starts, and what is drawn at random."""
    for one in starting_points(space, FAMILIES[family].starts):
        yield configure(space, one)
    draw = np.random.default_rng(derive_seed(0, family))
    while True:
        yield sample(space, draw)


def tried(task: tuner.Task, family: str, seconds: float, *, times: int = 1) -> list[Tried]:
    """Return what a family tried in some CPU seconds, and in as many again; no trial goes on from one to the next."""
    ends = [seconds * (i + 1) for i in range(times)]
    folds, clock, found = make_folds(task), CpuClock(), list[Tried]()
    target = np.concatenate([held_out.target for _, held_out in folds])
    began = time.process_time()
    for number, config in enumerate(points_of(FAMILIES[family].space(task.signature), family)):
        spent = time.process_time() - began
        ahead = [one for one in ends if one - spent >= _LEAST_SECONDS]
        if not ahead:
            return found
        end = began + min(ahead[0], spent + _SHARE * seconds)
        seeded = [replace(fold, seed=derive_seed(number, family, k), clock=clock) for k, (fold, _) in enumerate(folds)]
        training = FAMILIES[family].build(config, task.signature).fit(seeded, lambda *_: None)
        parts = []
        for k, (_, held_out) in enumerate(folds):
            clock.set((end - time.process_time()) / (len(folds) - k))
            parts.append(next(training).predict(held_out.table))
        predicted = np.concatenate(parts)
        found.append(Tried(loss_of(task, target, predicted), predicted, spent))
        print(f"  {family} {number}: {found[-1].loss:.4f} after {time.process_time() - began:.1f} s", flush=True)
    return found


def row_of(data: Path, name: str, seconds: float, *, times: int) -> dict[str, Any]:
    """Return what both families came to on a table."""
    task = tuner.Task(divided(data, name).train, TARGET, split={"folds": _FOLDS})
    target = np.concatenate([held_out.target for _, held_out in make_folds(task)])
    dense, real = tried(task, "dense", seconds, times=times), tried(task, "real_mlp", seconds)
    half = [one for one in dense if one.began < seconds - _LEAST_SECONDS]

    def best(of: Sequence[Tried], count: int = 1) -> NDArray[np.float64]:
        return np.mean([one.predicted for one in sorted(of, key=lambda one: one.loss)[:count]], axis=0)

    said = {"dense": best(half), "real_mlp": best(real), "mean": (best(half) + best(real)) / 2}
    said |= {"two_dense": best(half, 2), **({"two_dense_twice": best(dense, 2)} if times > 1 else {})}
    losses = {key: round(loss_of(task, target, value), 5) for key, value in said.items()}
    return {"set": name, "seconds": seconds, **losses, "trials": {"dense": len(half), "real_mlp": len(real)}}


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_mlp", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--twice", action="store_true")
    given = parser.parse_args()
    use_threads(1)
    kept = [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []
    for name in given.tables:
        if not any((row["set"], row["seconds"]) == (name, given.seconds) for row in kept):
            kept.append(row_of(given.data, name, given.seconds, times=1 + given.twice))
            FOLDER.mkdir(exist_ok=True)
            with KEPT.open("a") as file:
                file.write(json.dumps(kept[-1]) + "\n")
    names = ("set", "seconds", "dense", "real_mlp", "mean", "two_dense", "two_dense_twice", "trials")
    print("\n| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for row in kept:
        print("| " + " | ".join(str(row.get(name, "—")) for name in names) + " |")


if __name__ == "__main__":
    main()
