"""A local database of MLflow whose folder was moved: MLflow stores absolute places."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tuner.sqlite_url import sqlite_path
from tuner.tracking.complaints import Unusable

ARTIFACTS = "mlartifacts"  # beside the database
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_WORDS = (("model_versions", "description", "true"), ("tags", "value", "key = 'mlflow.note.content'"))


def follow_the_folder(uri: str) -> str | None:
    """Rewrite places that MLflow stored, where the folder of a local database was moved or copied.

    Places elsewhere are left alone: those of a study in another folder that is tracked here, and on servers.

    Returns:
        The old place, or None where nothing had to be done.
    """
    path = sqlite_path(uri)
    if path is None:
        return None
    now = path.resolve().parent.as_posix()
    with opened(path) as connection:
        places = connection.execute("select artifact_location from experiments").fetchall()
        old = _moved_from([place for (place,) in places], now)
        if old is not None:
            for table, column in _PLACES:
                begin = f"{old}/{ARTIFACTS}"
                connection.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",
                    (now, len(old) + 1, len(begin), begin),
                )
            for table, column, which in _WORDS:  # how to serve a model, how to predict
                connection.execute(
                    f"update {table} set {column} = replace({column}, ?, ?) where {which}", (f"{old}/", f"{now}/")
                )
    return old


def _moved_from(places: list[str], now: str) -> str | None:
    """Return the folder from which a database came, or None where it is where it was.

    Args:
        places: Where the artifacts of its experiments are said to lie.
        now: The database's folder.
    """
    local = [place for place in places if place.startswith("/") and place.endswith(f"/{ARTIFACTS}")]
    before = dict.fromkeys(place.removesuffix(f"/{ARTIFACTS}") for place in local)
    copied = now not in before and (Path(now) / ARTIFACTS).is_dir()
    return next((one for one in before if one != now and (copied or not (Path(one) / ARTIFACTS).is_dir())), None)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a database of MLflow, whose changes are kept at the end.

    Raises:
        Unusable: It is none.
    """
    connection = sqlite3.connect(path)
    try:
        with connection:
            yield connection
    except sqlite3.DatabaseError as error:
        raise Unusable(
            f"{path} is no database of MLflow ({error}): move it away, and run the study again, which sends all trials"
        ) from error
    finally:
        connection.close()
