"""Make what `tests/test_golden.py` loads: `python tests/golden/make.py [NAME ...]`.

A case is a bundle, or a study in a folder of its own, with the rows it predicts and the `expected.npy` it said when it
was made. Together they hold every name that models, preprocessings and combiners are stored under. They are made again
only where a stored format is given up on purpose; then a changelog says so.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

import ensembles
import tuner
from ensembles.combiners.each_target import EachCombined
from ensembles.combiners.pooled import Pooled
from ensembles.combiners.tempered import Tempered
from ensembles.combiners.threshold import Decided
from ensembles.ensemble import Ensemble
from tuner.ensembling.looks import single_ensemble

HERE = Path(__file__).parent
QUIET: dict[str, Any] = {"workers": 0, "tracking": None, "progress": False, "seed": 0}
TREES = {"n_estimators": 5, "max_depth": 2}
NETWORK = {"epochs": 1, "units": 16, "depth": 1}
WIDE = {"epochs": 1, "crosses": [64]}
BODY = {"epochs": 1, "batch_size": 32}
Made = tuple[Ensemble, Any]
"""An ensemble, and rows that it predicts."""


# The data: each target depends on what it is told from, so that no prediction is a constant.


def table(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "new": rng.random(rows) < 0.4,
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 500, rows), unit="D"),
            "town": rng.choice(["Bern", "Lyon", "Oslo"], rows),
        }
    )
    frame["label"] = np.where(frame["x"] + (frame["town"] == "Lyon") + rng.normal(size=rows) > 0, "yes", "no")
    frame["price"] = 100 + 10 * frame["x"] + rng.normal(size=rows)
    frame.loc[::11, "x"] = np.nan
    return frame


def notes(rows: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    filler = rng.choice(["a story", "the film", "its music"], rows)
    good = rng.random(rows) < 0.5
    said = [f"{text} was {word}" for text, word in zip(filler, np.where(good, "wonderful", "awful"), strict=True)]
    return pd.DataFrame({"note": said, "minutes": rng.integers(60, 180, rows), "good": np.where(good, "yes", "no")})


def waves(rows: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    kinds = np.arange(rows) % 2
    return (rng.normal(size=(rows, 12, 2)) + kinds[:, None, None]).astype(np.float32), kinds


def pictures(rows: int = 80, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    kinds = np.arange(rows) % 2
    return (rng.integers(0, 150, (rows, 8, 8, channels)) + 100 * kinds[:, None, None, None]).astype(np.uint8), kinds


def weather(hours: int = 24 * 12) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    time = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(hours), unit="h")
    return pd.DataFrame({"time": time, "load": 50 + rng.normal(size=hours).cumsum(), "wind": rng.normal(size=hours)})


def sentences(count: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    words = rng.choice(["saw", "the", "rose", "mister"], (count, 5))
    before = np.hstack([np.full((count, 1), ""), words[:, :-1]])
    labels = np.where(before == "mister", "name", "other")
    columns = {"sentence": np.repeat(np.arange(count), 5), "word": words.ravel(), "label": labels.ravel()}
    return pd.DataFrame(columns)


def base(folder: Path) -> Path:
    """Return a base that was never trained; the folder is made anew, the name of the file stays."""
    keras.utils.set_random_seed(0)
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="edges")(images)
    x = keras.layers.MaxPooling2D(2, name="half")(x)
    x = keras.layers.BatchNormalization(name="statistics")(keras.layers.Conv2D(4, 3, padding="same", name="second")(x))
    keras.Model(images, x).save(folder / "base.keras")
    return folder / "base.keras"


# The bundles.


def trained(task: tuner.Task, families: Mapping[str, Any], folder: Path, method: str = "uniform") -> Ensemble:
    study = tuner.tune(task, families, trials=len(families), folder=folder / "study", **QUIET)
    failed = [f"{trial.name}: {trial.outcome.error}" for trial in study.trials if trial.state != "complete"]
    if failed:
        raise RuntimeError(f"what is to be kept was not trained: {failed}")
    return study.ensemble(method).ensemble


def of_table(families: Mapping[str, Any], target: str = "label", method: str = "uniform") -> Callable[[Path], Made]:
    def make(folder: Path) -> Made:
        frame = table().drop(columns={"label", "price"} - {target})
        split = {"folds": 2} if method == "joint" else "holdout"
        return trained(tuner.Task(frame, target, split=split), families, folder, method), frame.head(20)

    return make


def layered(folder: Path) -> Made:
    """Make a second layer that counts: no straight line knows that few pay ten times as much."""
    frame = table(400).drop(columns="label")
    frame.loc[frame["new"], "price"] *= np.where(frame.loc[frame["new"], "town"] == "Oslo", 10, 1)
    task = tuner.Task(frame, "price", split="holdout")
    return trained(task, {"linear": {}, "xgboost": TREES}, folder, "stack_trees_on_rows"), frame.head(20)


def combined(make: Callable[[Ensemble], Any]) -> Callable[[Path], Made]:
    """Return a case of two small members that are combined in another way."""

    def case(folder: Path) -> Made:
        made, rows = of_table({"linear": {}, "xgboost": TREES})(folder)
        return replace(made, combiner=make(made)), rows

    return case


def several(folder: Path) -> Made:
    task = tuner.Task(table(), ["label", "price"], split="holdout")
    made = trained(task, {"linear": {}, "dense": NETWORK}, folder)
    parts = tuple(Pooled(np.array(weights)) for weights in ([0.3, 0.7], [0.6, 0.4]))
    columns = tuple((one.start, one.stop) for one in made.target.columns)
    return replace(made, combiner=EachCombined(parts, columns)), table().head(20)


def texts(folder: Path) -> Made:
    families = {
        "linear": {"text.ngrams.vocabulary": {"high": 40}},
        "text_embedding": {**BODY, "units": 16},
        "text_recurrent": {**BODY, "text.recurrent.recurrent.depth": 1, "text.recurrent.recurrent.units": 16},
    }
    return trained(tuner.Task(notes(), "good", text=["note"], split="holdout"), families, folder), notes().head(20)


def series(folder: Path) -> Made:
    values, kinds = waves()
    families = {
        "xgboost": TREES,
        "series_anomaly": {"epochs": 1},
        "series_conv": {**BODY, "series.conv.blocks.residual.filters": 8, "series.conv.blocks.residual.depth": 1},
    }
    return trained(tuner.Task(values, kinds, split="holdout"), families, folder), values[:20]


def images(folder: Path) -> Made:
    values, kinds = pictures(channels=3)
    filters = {"image.conv.filters": {"high": 16, "default": 8}, "image.conv.depth": 1}
    pretrained = {"base": str(base(folder)), "head": ["network"], "head.network.epochs": 1, "cut": 0}
    families = {"image_conv": {**BODY, **filters}, "image_pretrained": pretrained}
    return trained(tuner.Task(values, kinds, split="holdout"), families, folder), values[:20]


def inputs(folder: Path) -> Made:
    frame = table(80)[["x", "town"]]
    given = {"people": frame, "waves": waves()[0], "picture": pictures()[0]}
    blocks = {"series.conv.blocks.residual.filters": 8, "series.conv.blocks.residual.depth": 1}
    filters = {"image.conv.filters": {"high": 16, "default": 8}}
    functional = {**BODY, **filters, **blocks, "image": ["conv"], "series": ["conv"]}
    made = trained(tuner.Task(given, waves()[1], split="holdout"), {"functional": functional, "linear": {}}, folder)
    return made, {name: one[:20] for name, one in given.items()}


def forecast(folder: Path) -> Made:
    task = tuner.series_task(weather(), "load", window=12, horizon=2, time="time", split={"folds": 1})
    families = {"series_dense": {**BODY, "predicts": ["change"]}, "xgboost": TREES}
    return trained(task, families, folder), weather().head(40)


def naive(folder: Path) -> Made:
    task = tuner.series_task(weather(), "load", window=12, time="time", split={"folds": 1})
    study = tuner.tune(task, {"series_baseline": {"forecast": ["drift"]}}, trials=1, folder=folder / "study", **QUIET)
    (trial,) = [trial for trial in study.trials if trial.family == "series_baseline"]
    return single_ensemble(study, trial), weather().head(40)


def steps(folder: Path) -> Made:
    task = tuner.Task(sentences(), "label", sequence="sentence", split={"kind": "grouped", "folds": 2})
    recurrent = {"epochs": 1, "layers": ["recurrent"], "layers.recurrent.units": 16, "layers.recurrent.depth": 1}
    return trained(task, {"sequence_labels": recurrent}, folder), sentences().head(20)


BUNDLES: dict[str, Callable[[Path], Made]] = {
    "pooled": of_table({"dense": NETWORK, "wide_and_deep": WIDE, "random_forest": {"n_estimators": 5}}),
    "lightgbm": of_table({"lightgbm": {"n_estimators": 5}}),
    "forests": of_table({"random_forest": {"n_estimators": 5}, "extra_trees": {"n_estimators": 5}}),
    "deep_trees": of_table({"deep_trees": {"network.epochs": 1, "network.depth": 1, "trees.n_estimators": 5}}, "price"),
    "joint": of_table({"dense": NETWORK, "xgboost": TREES}, "price", "joint"),
    "linear_stack": of_table({"linear": {}, "xgboost": TREES}, "price", "stack_linear"),
    "tree_stack": of_table({"linear": {}, "xgboost": TREES}, "price", "stack_trees"),
    "layer_stack": layered,
    "tempered": combined(lambda made: Tempered(np.array([0.8, 1.5]), made.combine, 0.9)),
    "decided": combined(lambda made: Decided(made.combine, 0.3)),
    "log_linear": combined(lambda made: Pooled(np.array([0.5, 0.9]), "log_linear")),
    "each": several,
    "texts": texts,
    "series": series,
    "images": images,
    "inputs": inputs,
    "forecast": forecast,
    "forecast_naive": naive,
    "steps": steps,
}


# The studies.


def rows_with_a_target(folder: Path) -> None:
    task = tuner.Task(table(60).drop(columns="price"), "label", split={"folds": 2}, test=0.2)
    tuner.tune(task, {"linear": {}, "xgboost": TREES}, trials=4, folder=folder, **QUIET)


def rows_restored(folder: Path) -> None:
    changes = {"epochs": 1, "latent": 2, "body": ["dense"], "depth": 1, "units": 32}
    task = tuner.Task(waves(60)[0], None, split="holdout")
    tuner.tune(task, {"autoencoder": changes}, trials=1, folder=folder, **QUIET)


def rows_made(folder: Path) -> None:
    changes = {"epochs": 5, "body.conv.filters": 16, "body.conv.depth": 1}
    task = tuner.Task(pictures(60)[0], None, metric="two_sample", split="holdout")
    tuner.tune(task, {"gan": changes}, trials=1, folder=folder, **QUIET)


STUDIES: dict[str, Callable[[Path], None]] = {
    "with_a_target": rows_with_a_target,
    "restored": rows_restored,
    "made": rows_made,
}


# Rows as files, and what is said of them: what the test reads.


def write_rows(rows: Any, path: Path) -> None:
    """Write a frame, an array, or a mapping of such into files whose names begin with `path`."""
    if isinstance(rows, Mapping):
        for name, one in rows.items():
            write_rows(one, path.with_name(f"{path.name}.{name}"))
    elif isinstance(rows, pd.DataFrame):
        rows.to_parquet(path.with_name(f"{path.name}.parquet"), index=False)
    else:
        np.save(path.with_name(f"{path.name}.npy"), rows, allow_pickle=False)


def read_rows(folder: Path) -> Any:
    """Read what `write_rows` wrote to `folder / "rows"`."""
    found = {}
    for path in sorted(folder.glob("rows.*")):
        one = pd.read_parquet(path) if path.suffix == ".parquet" else np.load(path, allow_pickle=False)
        found[path.stem.removeprefix("rows").removeprefix(".")] = one
    return found[""] if set(found) == {""} else found


def said_by_bundle(folder: Path) -> np.ndarray:
    loaded, rows = ensembles.load(folder / "bundle").warm_up(), read_rows(folder)
    if folder.name.startswith("forecast"):
        return tuner.forecast(loaded, rows).to_numpy()
    return loaded.raw(rows)


def said_by_study(folder: Path) -> np.ndarray:
    """Return what a study's best says of its own rows, then each trial's value. The folder is written to."""
    study = tuner.load_study(folder)
    values = [trial.value for trial in study.trials]
    table = study.task.rows.table.take(np.arange(20))
    if study.task.target.kind == "itself":
        said = tuner.best_model(study).fitted.predict(table)
    else:
        said = study.ensemble("uniform").ensemble.outputs(table)
    return np.concatenate([np.ravel(said), values])


def main(asked: list[str]) -> None:
    for name in asked or [*BUNDLES, *STUDIES]:
        place = HERE / ("bundles" if name in BUNDLES else "studies") / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            if name in BUNDLES:
                made, rows = BUNDLES[name](folder)
                made.save(place / "bundle")
                write_rows(rows, place / "rows")
                said = said_by_bundle(place)
            else:
                STUDIES[name](place / "study")
                (place / "study" / ".lock").unlink(missing_ok=True)
                said = said_by_study(Path(shutil.copytree(place / "study", folder / "copy")))
        np.save(place / "expected.npy", said, allow_pickle=False)


if __name__ == "__main__":
    main(sys.argv[1:])
