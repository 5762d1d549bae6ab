"""MLflow's client, and the database that it talks to."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spaces.machine.disk import kept, write_text
from spaces.machine.torn import read_record
from tuner.database_url import limited
from tuner.sqlite_url import sqlite_path, sqlite_url
from tuner.tracking.complaints import Unusable, said_plainly, without_password
from tuner.tracking.moved import follow_the_folder

_REMEMBERED = "tracking.json"
_TOLD_ANEW = "the call that runs the study writes it anew, or delete it"
_TRIES = 2  # MLflow knocks for 102 seconds at a database that is not there, or that refuses the password
RESERVED = ("mlflow.db", "mlflow.db.lock", "mlartifacts")  # what lies beside the folders of studies
_IMPORTING = threading.Lock()  # MLflow's modules import each other: two threads at once meet halves of them


def tracking_uri(tracking: str | None, folder: Path) -> str | None:
    """Return where a study is tracked.

    Args:
        tracking: What the user says; `"auto"` is `$MLFLOW_TRACKING_URI`, or else the database beside the folder.
            `"none"` is None, as a study file has no None.
        folder: The study's folder.
    """
    if tracking == "auto":
        tracking = os.environ.get("MLFLOW_TRACKING_URI") or default_uri(folder)
    return None if tracking in (None, "none") else from_anywhere(tracking)


def from_anywhere(uri: str) -> str:
    """Return an address that means the same in any folder: the path of a database may be relative."""
    path = sqlite_path(uri)
    return uri if path is None else sqlite_url(path.absolute())


def remember(folder: Path, uri: str) -> None:
    """Keep beside a study where it is tracked, without passwords."""
    write_text(folder / _REMEMBERED, json.dumps({"uri": without_password(uri)}))


def remembered_uri(folder: Path) -> str | None:
    """Return where a study is tracked, or None where it is not; a database beside it that was moved is where it is."""
    path = folder / _REMEMBERED
    if not path.exists():
        return None
    uri, beside = read_record(path, {"uri": str}, instead=_TOLD_ANEW)["uri"], default_uri(folder)
    its, here = sqlite_path(uri), sqlite_path(beside)
    moved = its is not None and here is not None and not its.exists() and its.name == here.name and here.exists()
    return beside if moved else uri


def reachable_uri(folder: Path) -> str | None:
    """Return where a study is tracked, with the password that `$MLFLOW_TRACKING_URI` gives; None without one."""
    uri, given = remembered_uri(folder), from_anywhere(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if uri is None or uri == without_password(given):
        return given or None
    return None if "***" in uri else uri


def default_uri(folder: Path) -> str:
    """Return the database beside the study folders, shared by all of them."""
    return sqlite_url(folder.resolve().parent / "mlflow.db")


def identity(uri: str) -> tuple[int, int] | None:
    """Return what tells a database file from another of the same name; None for a server or a missing file."""
    path = sqlite_path(uri)
    if path is None or not path.exists():
        return None
    status = path.stat()
    return status.st_dev, status.st_ino


def quiet_environment() -> None:
    """Set what MLflow reads from the environment, where the user has not: no telemetry, no printing, short waits."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines for each trial on a server
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")


@contextmanager
def _some_home() -> Iterator[None]:
    """Give a user without a home one while the block runs: MLflow (3.17) asks for it when it is imported."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.gettempdir()
        try:
            yield
        finally:
            del os.environ["HOME"]
    else:
        yield


def open_client(uri: str) -> Any:
    """Return a client of MLflow; a database that is not there yet appears whole or not at all.

    Raises:
        Unusable: The file is no database of MLflow, or there is no MLflow at such an address.
    """
    quiet_environment()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with _IMPORTING, _some_home():
        from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it prints tracebacks that we handle
    if (path := sqlite_path(uri)) is not None:
        _make_database(path)
        follow_the_folder(uri)
    elif "://" in uri and not uri.startswith("http"):
        from mlflow.store.db import utils

        utils.MAX_RETRY_COUNT = _TRIES
    with said_plainly(uri):
        return MlflowClient(tracking_uri=_limited(uri))


def experiment_named(client: Any, uri: str, name: str) -> Any | None:
    """Return an experiment, or None where there is none of that name.

    Args:
        client: MLflow's.
        uri: Where MLflow is.
        name: The experiment's name.

    Raises:
        Unusable: It was deleted.
    """
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        place = without_password(uri)
        restore = f"MLFLOW_TRACKING_URI={place} mlflow experiments restore --experiment-id {found.experiment_id}"
        raise Unusable(f"the experiment {name!r} was deleted in MLflow at {place}: restore it ({restore})")
    return found


def study_run(uri: str, experiment: str, study: str, *, artifacts: Path) -> tuple[str, str | None]:
    """Return the id of a study's experiment, made if there is none, and that of its run, if there is one.

    Args:
        uri: Where MLflow is.
        experiment: The experiment's name.
        study: What identifies the study.
        artifacts: Where files of a new experiment lie.

    Raises:
        Unusable: The experiment was deleted.
    """
    client = open_client(uri)
    found = experiment_named(client, uri, experiment)
    if found is None:
        return str(client.create_experiment(experiment, artifact_location=str(artifacts))), None
    runs = client.search_runs([found.experiment_id], f"tags.`tuner.study` = '{study}'", max_results=1)
    return str(found.experiment_id), runs[0].info.run_id if runs else None


def runs_of(client: Any, experiment: str, *, parent: str, trials: Sequence[str]) -> dict[str, str]:
    """Return the ids of the runs of some of a study's trials, by the trials' names; those that have none are left out.

    Args:
        client: MLflow's.
        experiment: The id of the study's experiment.
        parent: The id of the study's run.
        trials: The trials' names.
    """
    found = {}
    for trial in trials:
        which = f"tags.`mlflow.parentRunId` = '{parent}' and tags.`tuner.trial` = '{trial}'"
        for run in client.search_runs([experiment], which, max_results=1):
            found[trial] = str(run.info.run_id)
    return found


def published(client: Any, run: str) -> tuple[str, str] | None:
    """Return name and version of the last model that was registered from a run, or None.

    Args:
        client: MLflow's; a server may have no registry.
        run: The run's id.
    """
    from mlflow.exceptions import MlflowException

    try:
        found = client.search_model_versions(f"run_id = '{run}'")
    except MlflowException:
        return None
    last = max(found, key=lambda version: version.creation_timestamp, default=None)
    return None if last is None else (str(last.name), str(last.version))


def delete_runs(uri: str, experiment: str, study: str) -> int:
    """Delete a study's run and those of its trials; MLflow keeps what was deleted until it is asked to forget it.

    Args:
        uri: Where MLflow is.
        experiment: The experiment's name.
        study: What identifies the study.

    Returns:
        How many runs were deleted.

    Raises:
        Unusable: MLflow does not answer.
    """
    client = open_client(uri)
    with said_plainly(uri, also="nothing was removed"):
        found = client.get_experiment_by_name(experiment)
        parents = client.search_runs([found.experiment_id], f"tags.`tuner.study` = '{study}'") if found else []
        count = 0
        for parent in [run.info.run_id for run in parents]:
            which = f"tags.`mlflow.parentRunId` = '{parent}'"
            while runs := client.search_runs([found.experiment_id], which, max_results=1000):
                for run in runs:
                    client.delete_run(run.info.run_id)
                count += len(runs)
            client.delete_run(parent)
            count += 1
    return count


def leave(client: Any) -> None:
    """Close a client's connections: to a file that was deleted or replaced, they would go on writing."""
    store = getattr(getattr(client, "_tracking_client", None), "store", None)
    if (engine := getattr(store, "engine", None)) is not None:
        engine.dispose()


def _limited(uri: str) -> str:
    """Return an address with a limit for connecting, where it is that of a database whose driver knows one."""
    if not uri.startswith(("postgresql", "mysql")):
        return uri
    from sqlalchemy import make_url

    return str(limited(make_url(uri)).render_as_string(hide_password=False))


def _make_database(path: Path) -> None:
    """Make an empty database under another name, and rename it: MLflow cannot go on with half of its tables."""

    def write(part: Path) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(sqlite_url(part), "./mlruns").engine.dispose()

    kept(path, write, there=_is_database)


def _is_database(path: Path) -> bool:
    """Return whether there is a database with tables; an empty file is none yet.

    Raises:
        Unusable: It is another kind of file.
    """
    if not path.exists():
        return False
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as connection:
            tables = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        connection.close()
    except sqlite3.DatabaseError as error:
        raise Unusable(f"{path} is no database of MLflow ({error}): move it away, or say tracking=") from error
    return bool(tables)
