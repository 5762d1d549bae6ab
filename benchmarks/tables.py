"""Tables to compare tools on, in three groups that were named before any result was seen.

Start lists were made on the first group, settings are chosen on the second, and what is reported comes from the third.
Rows to train on and to test on are a function of the table's name alone. A published division is kept (`adult`,
`higgs`); else a third of the rows, drawn by a seed, are for testing. At most 20,000 rows are trained on, at most
10,000 tested.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from benchmarks.starts import TABLES as STARTS

SETTINGS = ("monk-2", "california", "phoneme", "higgs", "adult", "compactiv", "banana", "iris", "wine")
REPORTED = (
    "letter",  # many classes
    "bike",  # numbers, categories
    "mammography",  # imbalanced
    "optdigits",  # wide
    "casp",  # numbers, many rows
    "heart",  # small
    "magic",  # many rows
    "wine_quality",  # numbers
    "poker",  # categories, classes of a few rows, many rows
    "electrical_grid",  # numbers
    "ring",  # two classes, no missing value, numbers only
    "beijing",  # numbers, missing values, a category, many rows
)
LONGER = ("letter", "bike", "mammography", "casp")
"""Those of the third group that are tried with 600 s, too."""
GROUPS = {"starts": STARTS, "settings": SETTINGS, "reported": REPORTED}
TARGET = "target"
ROWS, TEST_ROWS, SEED = 20_000, 10_000, 0
_NUMBERS = ("california", "compactiv", "bike", "casp", "wine_quality", "electrical_grid", "beijing")


@dataclass(frozen=True)
class Divided:
    """A table divided for a comparison.

    Attributes:
        train: Rows to train on; the column `target` holds labels as text, or numbers.
        test: Rows to predict, without their target.
        answers: The target of the test rows.
        classes: Labels of the training rows, sorted; empty where the target is a number.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    answers: NDArray[np.float64] | NDArray[np.str_]
    classes: tuple[str, ...]


def divided(data: Path, name: str) -> Divided:
    """Read a table and divide it.

    Args:
        data: The folder with a folder for each data set.
        name: One of `SETTINGS` or `REPORTED`.
    """
    of_classes = name not in _NUMBERS
    if name in _PUBLISHED:
        train, test = (_with_target(frame, of_classes) for frame in _PUBLISHED[name](data))
    else:
        frame = _with_target(_READ.get(name, _keel)(data, name), of_classes)
        train, test = train_test_split(
            frame, test_size=1 / 3, random_state=SEED, stratify=frame[TARGET] if of_classes else None
        )
    train = _drawn(train, ROWS)
    classes = tuple(sorted(train[TARGET].unique())) if of_classes else ()
    test = _drawn(test[test[TARGET].isin(classes)] if of_classes else test, TEST_ROWS)
    answers = np.asarray(test[TARGET].to_numpy(), str if of_classes else np.float64)
    return Divided(train, test.drop(columns=TARGET), answers, classes)


def _with_target(frame: pd.DataFrame, of_classes: bool) -> pd.DataFrame:
    """Return the frame with its last column as the target, labels as text that no reader takes for numbers."""
    target = frame[frame.columns[-1]]
    rest = frame[frame.columns[:-1]]
    told = target.map(lambda label: f"class {label}") if of_classes else target.astype(float)
    return rest.assign(**{TARGET: told})


def _drawn(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    return (frame.sample(rows, random_state=SEED) if len(frame) > rows else frame).reset_index(drop=True)


def _last(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame[[*(name for name in frame if name != column), column]]


def _as_text(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the frame with columns of codes as text: they are categories."""
    return frame.assign(**{name: frame[name].map(lambda code: f"{code}") for name in columns})


def _keel(data: Path, name: str) -> pd.DataFrame:
    with zipfile.ZipFile(data / "keel_suite" / "keel_dev.zip") as files:
        frame = pd.read_csv(io.BytesIO(files.read(f"{name}.dat")), header=None, skipinitialspace=True)
    frame.columns = [*(f"x{i}" for i in range(frame.shape[1] - 1)), TARGET]
    return frame


def _suite(data: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(data / "regression_suite" / f"{name}.csv.gz")


def _california(data: Path, name: str) -> pd.DataFrame:
    return _last(pd.read_csv(data / "california_housing" / "california_housing.csv.gz"), "median_house_value")


def _bike(data: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(data / "bike_sharing_hourly" / "bike_hour.csv").drop(columns=["instant", "dteday"])
    return _as_text(frame, "season", "weekday", "weathersit")


def _mammography(data: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(data / "mammography_imbalanced" / "mammography.csv")


def _casp(data: Path, name: str) -> pd.DataFrame:
    return _last(pd.read_csv(data / "casp_protein" / "casp.csv.gz"), "RMSD")


def _wine_quality(data: Path, name: str) -> pd.DataFrame:
    return _last(pd.read_csv(data / "wine_quality" / "wine_quality.csv"), "quality")


def _poker(data: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(data / "poker_hand_100k" / "poker_100k.csv.gz")
    return _as_text(frame, *(f"S{i}" for i in range(1, 6)))


def _beijing(data: Path, name: str) -> pd.DataFrame:
    frame = pd.read_csv(data / "beijing_pm25" / "beijing_pm25.csv.gz").drop(columns="No")
    return _last(frame.dropna(subset=["pm2.5"]), "pm2.5")


def _adult(data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = (pd.read_csv(data / "adult" / f"adult_{part}.csv.gz") for part in ("train", "test"))
    return train, test


def _higgs(data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, test = (
        _last(pd.read_csv(data / "higgs_7k" / f"higgs_{part}.csv.gz"), "label") for part in ("train", "test")
    )
    return train, test


_READ: Mapping[str, Callable[[Path, str], pd.DataFrame]] = {
    "california": _california,
    "compactiv": _suite,
    "electrical_grid": _suite,
    "bike": _bike,
    "mammography": _mammography,
    "casp": _casp,
    "wine_quality": _wine_quality,
    "poker": _poker,
    "beijing": _beijing,
}
_PUBLISHED = {"adult": _adult, "higgs": _higgs}
