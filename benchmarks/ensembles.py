"""Ensembles: weights of a million rows, prediction beside `model.predict`, and memory while predicting.

Weights: certified exact weights, a plain greedy selection (100 rounds over full arrays, each round the loss of every
candidate blend, as AutoGluon does it), and scipy's Nelder-Mead from its defaults, of the same predictions. The greedy
side gets fewer rounds and rows, timed and scaled up, which favours it: its arrays fit the cache better.

Prediction: five networks and boosted trees of one fold, through our public `predict_proba` with all its checks and
preprocessing, beside a loop that calls each model's `predict` on rows that are already preprocessed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Grid
from scipy.optimize import minimize
from scipy.special import softmax

from benchmarks.results import save
from ensembles import LOSSES, METHODS, certificate
from ensembles.solvers.convex import true_probabilities

_MEMBERS = 50


def run(*, quick: bool, repeats: int) -> None:
    """Run all parts and keep the numbers."""
    del repeats
    found = {
        "weights": weights(50_000 if quick else 1_000_000),
        "prediction": prediction(10_000 if quick else 100_000),
        "memory": memory(50_000 if quick else 1_000_000),
    }
    for name, rows in found.items():
        grid = Grid(*rows[0], title=name)
        for row in rows:
            grid.add_row(*(f"{value:,.4g}" if isinstance(value, float) else str(value) for value in row.values()))
        Console().print(grid)
    if not quick:
        save("ensembles", found)


def weights(rows: int) -> list[dict[str, Any]]:
    """Time weight solvers on probabilities of two classes."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, rows)
    predictions = np.empty((_MEMBERS, rows, 2), dtype=np.float32)
    for member, noise in zip(predictions, rng.uniform(1.0, 3.0, _MEMBERS), strict=True):
        logit = (2 * target - 1 + noise * rng.normal(size=rows)).astype(np.float32)
        member[:, 1] = 1 / (1 + np.exp(-logit))
        member[:, 0] = 1 - member[:, 1]
    loss = LOSSES["log_loss"]
    with _Peak() as peak:
        seconds, ours = _timed(lambda: METHODS["convex"](predictions, target, loss))
    gap = certificate(predictions, target, loss, weights=ours)
    best = loss(target, np.tensordot(ours, predictions, axes=1))
    table = [_row("convex (ours)", seconds, 1.0, best, best, gap, peak.mib)]

    some, rounds = rows // 20, 3
    part, part_target = predictions[:, :some], target[:some]
    total, picks = np.zeros((some, 2), dtype=np.float32), []
    start = time.perf_counter()
    for size in range(1, rounds + 1):
        losses = [loss(part_target, (total + member) / size) for member in part]
        picks.append(int(np.argmin(losses)))
        total += part[picks[-1]]
    scaled = (time.perf_counter() - start) * 20 * 100 / rounds
    table.append(_row("plain greedy, 100 rounds (scaled up)", scaled, scaled / seconds, None, best, None, None))

    q = true_probabilities(predictions, target)
    evaluations = 0

    def objective(logits: NDArray[np.float64]) -> float:
        nonlocal evaluations
        evaluations += 1
        return -float(np.log(q @ softmax(logits).astype(np.float32), dtype=np.float64).mean())

    limit = 500
    taken, found = _timed(
        lambda: minimize(objective, np.zeros(_MEMBERS), method="Nelder-Mead", options={"maxfev": limit})
    )
    default = 200 * _MEMBERS  # scipy's own limit, at which it gives up on fifty members
    scaled = taken * default / evaluations
    value = float(found.fun)
    table.append(
        _row(f"scipy Nelder-Mead, {default} evaluations (scaled up)", scaled, scaled / seconds, value, best, None, None)
    )
    return table


def prediction(most_rows: int) -> list[dict[str, Any]]:
    """Time prediction at several numbers of rows."""
    table = []
    with tempfile.TemporaryDirectory() as folder:
        loaded, frame, models, matrix = _trained(Path(folder))
        for rows in (1, 100, 10_000, 100_000):
            if rows > most_rows:
                continue
            some = frame.sample(rows, replace=True, random_state=0, ignore_index=True)
            ready = matrix(some)

            def loop() -> None:
                for network, inputs in zip(models[:-1], ready[:-1], strict=True):
                    network.predict(inputs, verbose=0)
                models[-1].inplace_predict(ready[-1])

            loaded.predict_proba(some)
            loop()
            times = 20 if rows <= 100 else 3
            ours = min(_timed(lambda: loaded.predict_proba(some))[0] for _ in range(times))
            theirs = min(_timed(loop)[0] for _ in range(max(3, times // 4)))
            table.append(
                {
                    "rows": rows,
                    "ours ms": 1000 * ours,
                    "loop of model.predict ms": 1000 * theirs,
                    "ratio": theirs / ours,
                }
            )
    return table


def memory(rows: int) -> list[dict[str, Any]]:
    """Measure how far memory grows while predicting."""
    with tempfile.TemporaryDirectory() as folder:
        loaded, frame, _, _ = _trained(Path(folder))
        some = frame.sample(rows, replace=True, random_state=0, ignore_index=True)
        loaded.predict_proba(some.iloc[:1000])
        with _Peak() as peak:
            seconds, _ = _timed(lambda: loaded.predict_proba(some))
    return [
        {
            "rows": rows,
            "rows MiB": some.memory_usage().sum() / 2**20,
            "growth MiB": peak.mib,
            "seconds": seconds,
        }
    ]


def _trained(folder: Path) -> tuple[Any, Any, list[Any], Callable[[Any], list[Any]]]:
    """Train five networks and trees on one fold of breast cancer data, and return them as a bundle and one by one."""
    from sklearn.datasets import load_breast_cancer

    import tuner
    from ensembles.ensemble import Ensemble
    from ensembles.loading import load
    from ensembles.member import Member
    from spaces.families.catalog import FAMILIES
    from spaces.inputs.border import encode
    from spaces.language.narrow import narrow
    from spaces.language.space import defaults
    from spaces.store import load_fitted
    from tuner.task.folds import make_folds

    data = load_breast_cancer(as_frame=True)
    task = tuner.Task(data.data, data.target, split={"kind": "holdout", "share": 0.2})
    fold = make_folds(task)[0][0]
    places = []
    for i, units in enumerate((32, 48, 64, 96, 128, 0)):
        name = "dense" if units else "xgboost"
        changes = {"units": units, "epochs": 2, "scaling": "standard"} if units else {"n_estimators": 100}
        config = defaults(narrow(FAMILIES[name].space(task.signature), changes))
        place = folder / f"{name}-{i}"
        place.mkdir()
        next(iter(FAMILIES[name].build(config, task.signature).fit([fold], lambda *a: None))).save(place)
        places.append(place)
    members = tuple(Member(place.name, place.name[:-2], 1 / 6, (place,)) for place in places)
    made = Ensemble("uniform", "log_loss", members, task.schema, task.target, {})
    fitted = [load_fitted(place) for place in places]

    def matrices(frame: Any) -> list[Any]:
        table = encode(task.schema, frame)
        return [one.prepared.matrix(table) for one in fitted]

    models = [getattr(one, "model", None) or one.booster for one in fitted]
    return load(made.save(folder / "bundle")), data.data, models, matrices


class _Peak:
    """Measures how far this process's memory grows within a block, every few milliseconds."""

    mib = 0.0

    def __enter__(self) -> _Peak:
        import threading

        self._process, self._done = psutil.Process(), threading.Event()
        self._before = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.mib = max(self.mib, (self._process.memory_info().rss - self._before) / 2**20)
            if self._done.wait(0.005):
                return


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def _row(
    name: str, seconds: float, ratio: float, value: float | None, best: float, gap: float | None, peak: float | None
) -> dict[str, Any]:
    return {
        "solver": name,
        "seconds": seconds,
        "ratio": ratio,
        "above the optimum": None if value is None else value - best,
        "certificate": gap,
        "growth MiB": peak,
    }
