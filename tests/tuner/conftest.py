"""Small real tasks, shared by the tests of the study."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from postgres import PASSWORD, Server, programs, running
from small import SMALL_XGBOOST, make_frame

import tuner
from tuner.ensembling.study_ensemble import StudyEnsemble
from tuner.search.stores import Database, Store


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return make_frame()


@pytest.fixture(scope="session")
def task(frame: pd.DataFrame) -> tuner.Task:
    return tuner.Task(
        frame, "label", metrics=["roc_auc", "accuracy"], split={"kind": "stratified", "folds": 3}, test=0.2
    )


@pytest.fixture(scope="session")
def study(task: tuner.Task, made_once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuner.Study:
    """A finished study of two quick families, run in one of the test processes."""

    def make(folder: Path) -> None:
        tuner.tune(
            task,
            {"linear": {}, "xgboost": SMALL_XGBOOST},
            trials=8,
            workers=0,
            seed=3,
            folder=folder,
            tracking=None,
            progress=False,
        )

    own = tmp_path_factory.mktemp("runs") / "small"  # an ensemble writes to its study
    return tuner.load_study(shutil.copytree(made_once("small", make), own))


@pytest.fixture(scope="session")
def automatic(study: tuner.Study) -> StudyEnsemble:
    """What the study ends in when no method is named: all of them tried."""
    return study.ensemble(column_time="10s")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server, for tests that are skipped where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'tuned-ensembles[postgres]'")
    if (binaries := programs()) is None:
        pytest.skip("there is no PostgreSQL here: install Debian's package postgresql")
    with running(binaries) as server:
        yield server


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger in PostgreSQL, without a password, which stands in the environment."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return server.url()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.cluster])])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Store]:
    """Returns where a ledger of a name lies, under each store."""
    if request.param == "sqlite":
        return lambda name: tmp_path / f"{name}.db"
    said, study = request.getfixturevalue("database"), uuid.uuid4().hex
    return lambda name: Database(said, f"{study}-{name}")
