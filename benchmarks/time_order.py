"""In time order, is what `auto` takes as good as its best member, and as the plain mean?

Twenty simulated series, every second of which drifts, and three real ones if a folder of them is named. On the last
quarter, which nothing else reads, `auto` is compared with the member that turns out best there, and with the uniform
average of the best trial of each family. The standard errors are by a bootstrap of blocks of time.

    python -m benchmarks.time_order [--data FOLDER] [--keep]

The bars: on average `auto` is no worse than its best member by more than one standard error, and never worse than the
plain mean by two. No networks: naive forecasts, a linear model, two kinds of trees.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import tuner
from benchmarks.results import save
from tuner.ensembling.looks import score_test_rows, single_ensemble

SERIES, STEPS = 20, 1500


FAMILIES = {
    "series_baseline": {},
    "linear": {},
    "xgboost": {"n_estimators": 300},
    "random_forest": {"n_estimators": 50},
}


_TRIALS = 12


def simulated(number: int, steps: int = STEPS) -> NDArray[np.float64]:
    """Return a series: a season, a slow swing, shocks that die away, a threshold; every second one drifts.

    Args:
        number: Its number, from which everything random is derived.
        steps: How long it is.
    """
    rng = np.random.default_rng([20, number])
    season, swing = rng.choice([12, 24, 48]), rng.uniform(200, 800)
    at, stay, kick = np.arange(steps), rng.uniform(0.3, 0.95), rng.uniform(0, 2)
    shocks, state = rng.standard_t(5, size=steps), np.zeros(steps)
    for i in range(1, steps):
        state[i] = stay * state[i - 1] + shocks[i] - kick * (state[i - 1] > 2)
    values = rng.uniform(0, 3) * np.sin(2 * np.pi * at / season) + rng.uniform(0, 3) * np.sin(2 * np.pi * at / swing)
    if number % 2:
        # What was learned early is worth less later: the level walks, and the season fades or grows.
        values = values * np.linspace(1, rng.uniform(0, 3), steps) + np.cumsum(rng.normal(size=steps)) * 0.2
    return values + state


def real(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the real series: what `tuner.series_task` is given of each."""
    air = pd.read_csv(next((folder / "beijing_pm25").glob("*.csv*")))
    air["time"] = pd.to_datetime(air[["year", "month", "day", "hour"]])
    air = air.drop(columns=["No", "year", "month", "day", "hour"])
    yield "beijing_pm25", {"data": air, "target": "TEMP", "window": 24, "horizon": 24, "stride": 9, "time": "time"}
    oil = pd.read_csv(next((folder / "etth1").glob("*.csv*")))
    yield "etth1", {"data": oil, "target": "OT", "window": 24, "horizon": 24, "stride": 5, "time": "date"}
    bikes = pd.read_csv(next((folder / "bike_sharing_hourly").glob("*.csv*")))
    bikes["time"] = pd.to_datetime(bikes["dteday"]) + pd.to_timedelta(bikes["hr"], unit="h")
    bikes = bikes[["time", "weathersit", "temp", "hum", "windspeed", "cnt"]]
    yield "bicycles", {"data": bikes, "target": "cnt", "window": 48, "horizon": 24, "stride": 5, "time": "time"}


def measured(name: str, series: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return how `auto` fares on the last quarter of a series, in one look.

    Args:
        name: The name of the series.
        series: What `tuner.series_task` is given.
        folder: Where the study is kept.
    """
    started = time.perf_counter()
    task = tuner.series_task(**series, test=0.25)
    study = tuner.tune(task, FAMILIES, trials=_TRIALS, workers=0, tracking=None, folder=folder, progress=False)
    auto, plain = study.ensemble("auto"), study.ensemble("uniform")
    trials = {trial.name: trial for trial in study.complete}
    singles = {one.trial: single_ensemble(study, trials[one.trial]) for one in auto.members}
    tested = score_test_rows(study, {"auto": auto.ensemble, "plain mean": plain.ensemble, **singles})
    losses = {key: scores[task.score.name] for key, scores in tested.scores.items()}
    best = min(singles, key=lambda one: losses[one])
    row: dict[str, Any] = {
        "series": name,
        "took": auto.ensemble.method,
        "members": len(singles),
        "auto": losses["auto"],
    }
    for what, other in (("best member", best), ("plain mean", "plain mean")):
        gain, error = tested.better("auto", other)
        row |= {what: losses[other], f"{what}: gain": gain, f"{what}: standard error": error}
    return row | {"seconds": time.perf_counter() - started}


def in_errors(row: dict[str, Any], what: str) -> float:
    """Return by how many standard errors `auto` is better; 0 where it is the same model."""
    gain, error = row[f"{what}: gain"], row[f"{what}: standard error"]
    return 0.0 if gain == 0 else float(gain / error)


def main() -> None:
    """Run all series and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=SERIES, help=f"simulated series  [default: {SERIES}]")
    parser.add_argument("--data", type=Path, help="a folder with beijing_pm25/, etth1/ and bike_sharing_hourly/")
    parser.add_argument("--keep", action="store_true", help="keep the numbers in benchmarks/results")
    given = parser.parse_args()
    cases: list[tuple[str, dict[str, Any]]] = []
    for number in range(given.series):
        frame = pd.DataFrame({"y": simulated(number)})
        name = f"{number} {'drift' if number % 2 else 'no drift'}"
        cases.append((name, {"data": frame, "target": "y", "window": 24, "horizon": 3}))
    cases += real(given.data) if given.data else []
    rows = []
    for name, series in cases:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(name, series, Path(folder)))
        print(
            "  ".join(f"{value:.4f}" if isinstance(value, float) else str(value) for value in rows[-1].values()),
            flush=True,
        )
    for what in ("best member", "plain mean"):
        errors = [in_errors(row, what) for row in rows]
        print(f"auto against {what}: {np.mean(errors):+.2f} standard errors on average, least {min(errors):+.2f}")
    if given.keep:
        save("time_order", {"series": rows})


if __name__ == "__main__":
    main()
