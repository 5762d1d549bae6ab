"""Series with a label each, within a time: a study of ours, and fixed random convolutions with ridge regression.

    python -m benchmarks.series FOLDER [--sets NAME ...] [--seconds 180] [--sides ours minirocket ...]

FOLDER holds `NAME.zip` with `NAME_TRAIN.ts` and `NAME_TEST.ts`, as the UCR and UEA archives have them; all series of a
set are of one length. Scored is the accuracy on the published test rows. Sides:

- `ours`: `tune(task, time=...)` and `study.ensemble()`, nothing else.
- `minirocket`: 9,996 shares by 84 kernels (Dempster, Schmidt, Webb 2021), scaled, and `RidgeClassifierCV`, as users of
  scikit-learn take it. The shares are ours: no package that has them can be installed beside numpy 2.4.
- `linear`, `series_conv`: five folds of that family's defaults, their mean. No study, no time limit.

Rows are appended to `results/series.jsonl` with their seconds; those that are there are not run again. Sets, seconds
and the seed stand here before any score of a study was seen.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.beside import main

SETS = ("GunPoint", "ItalyPowerDemand", "BasicMotions")
SIDES = ("minirocket", "linear", "series_conv", "ours")
SECONDS, SEED = 180.0, 0
Labelled = tuple[NDArray[np.float32], NDArray[np.str_]]


def measure(folder: Path, name: str, side: str, seconds: float) -> float:
    """Return a side's accuracy on the test rows."""
    (series, labels), (test, answers) = (
        _read(folder / f"{name}.zip", f"{name}_{part}.ts") for part in ("TRAIN", "TEST")
    )
    match side:
        case "ours":
            predicted = _ours(series, labels, test, seconds)
        case "minirocket":
            predicted = _minirocket(series, labels, test)
        case family:
            predicted = _family(family, series, labels, test)
    return float((predicted == answers).mean())


def _ours(series: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32], seconds: float) -> NDArray:
    import tuner

    with tempfile.TemporaryDirectory() as folder:
        study = tuner.tune(
            tuner.Task(series, labels), time=seconds, folder=Path(folder) / "study", seed=SEED, progress=False
        )
        return np.asarray(study.ensemble().predict(test)).ravel().astype(str)


def _minirocket(series: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]) -> NDArray:
    from sklearn.linear_model import RidgeClassifierCV

    from spaces.inputs.series.convolutions import Convolutions, learn_convolutions

    mean, deviation = series.mean(axis=(0, 1)), series.std(axis=(0, 1))
    learned, columns = learn_convolutions(Convolutions(9_996, SEED), (series - mean) / deviation)
    model = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)).fit(columns, labels)
    return np.asarray(model.predict(learned.columns((test - mean) / deviation)))


def _family(name: str, series: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]) -> NDArray:
    import tuner
    from spaces import FAMILIES, defaults
    from spaces.rows.table import Table
    from tuner.task.folds import make_folds

    task, family = tuner.Task(series, labels), FAMILIES[name]
    folds = [replace(fold, seed=SEED + k) for k, (fold, _) in enumerate(make_folds(task))]
    nothing = np.empty((len(test), 0))
    rows = Table(nothing, nothing.astype(np.int32), arrays=(test,))
    model = family.build(defaults(family.space(task.signature)), task.signature)
    said = np.mean([fitted.predict(rows) for fitted in model.fit(folds, lambda *_: None)], axis=0)
    chosen = said.argmax(axis=1) if said.shape[1] > 1 else (said[:, 0] > 0.5).astype(np.int64)
    return np.asarray(task.target.classes)[chosen]


def _read(path: Path, member: str) -> Labelled:
    """Read a .ts file: channels parted by colons, steps by commas, the label last."""
    with zipfile.ZipFile(path) as archive:
        (inside,) = [name for name in archive.namelist() if name.endswith(member)]
        lines = [line.strip() for line in io.TextIOWrapper(archive.open(inside), "utf8")]
    begun = next(i for i, line in enumerate(lines) if line.lower().startswith("@data"))
    parts = [line.split(":") for line in lines[begun + 1 :] if line]
    series = [np.array([channel.split(",") for channel in channels], np.float32).T for *channels, _ in parts]
    return np.stack(series), np.array([label for *_, label in parts])


if __name__ == "__main__":
    sys.exit(main("benchmarks.series", str(__doc__), measure, sets=SETS, sides=SIDES, seconds=SECONDS))
