"""Where a ledger lies: in a SQLite file of the study's folder, or in a PostgreSQL database.

A password of a database stays in the environment or in libpq's password file: no text of ours holds one.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from tuner.database_url import limited
from tuner.search.ledger_file import LedgerError, open_file

_ENVIRONMENT = "env:"
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_SECRETS = ("password", "sslpassword")
_TABLES = "tuner: tables"
# A driver whose machine is gone gives its lock back after about a minute.
_ALIVE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"


@dataclass(frozen=True)
class Database:
    """A ledger in PostgreSQL.

    Attributes:
        said: `"env:NAME"`, where the environment holds the address, or an address without a password.
        study: The study's id: a database holds many studies, and names in it begin with theirs.
    """

    said: str
    study: str


Store = Path | Database


def checked(said: str | None) -> str | None:
    """Return what a user says of a ledger, if it can be used; nothing is connected.

    Raises:
        LedgerError: It is no address of PostgreSQL, holds a password, or the driver is not installed.
    """
    if said is not None:
        _url(said)
    return said


def secrets_of(store: Store) -> tuple[str, ...]:
    """Return the variables of the environment that may hold a ledger's password: workers do not get them.

    >>> secrets_of(Database("env:LEDGER", "b2f0")), secrets_of(Path("ledger.db"))
    (('PGPASSWORD', 'LEDGER'), ())
    """
    if isinstance(store, Path):
        return ()
    named = store.said.startswith(_ENVIRONMENT)
    return ("PGPASSWORD", *([store.said.removeprefix(_ENVIRONMENT)] if named else []))


def open_storage(store: Store) -> optuna.storages.RDBStorage:
    """Open a ledger's storage, and make its tables where there are none.

    Raises:
        LedgerError: The database cannot be used.
    """
    if isinstance(store, Path):
        return open_file(store)
    url = _url(store.said)
    with _told(store.said):
        import psycopg

        with psycopg.connect(_for_libpq(url)) as connection:  # two at once would both make the tables
            connection.execute("SELECT pg_advisory_lock(%s)", [_key(_TABLES)])
            address = url.render_as_string(hide_password=False)
            storage = _database(address, store.said)
            weakref.finalize(storage, storage.engine.dispose)  # a server has few connections
            return storage


@contextmanager
def writing(store: Store) -> Iterator[None]:
    """Keep every other writer away from a study in a database; a file's folder has a lock of its own.

    Raises:
        LedgerError: Another process writes, or the database cannot be used, now or while the block runs.
    """
    if isinstance(store, Path):
        yield
        return
    with _told(store.said), _connected(store) as connection:
        if not _lock(connection, store):
            raise LedgerError(f"another process runs this study, with the ledger {store.said}: wait for it")
        yield


def is_written(store: Store) -> bool:
    """Return whether a process runs a study whose ledger is in a database, on this machine or another.

    Raises:
        LedgerError: The database cannot be used.
    """
    if isinstance(store, Path):
        return False
    with _told(store.said), _connected(store) as connection:
        return not _lock(connection, store)


def prefix(store: Store) -> str:
    """Return what names of a study begin with in its store."""
    return "" if isinstance(store, Path) else f"{store.study}/"


def forget(store: Store) -> None:
    """Delete all of a study's ledger where it is in a database; a file goes with its folder.

    Raises:
        LedgerError: The database cannot be used.
    """
    if isinstance(store, Path):
        return
    storage = open_storage(store)
    with _told(store.said):
        for study in storage.get_all_studies():
            if study.study_name.startswith(prefix(store)):
                storage.delete_study(study._study_id)


def page_name(family: str, page: int) -> str:
    """Return the name of the Optuna study that holds a family's trials, after so many changes of its space.

    >>> page_name("dense", 0), page_name("dense", 1)
    ('dense', 'dense, space 2')
    """
    return family if page == 0 else f"{family}, space {page + 1}"


def _database(address: str, said: str) -> optuna.storages.RDBStorage:
    try:
        return optuna.storages.RDBStorage(address)
    except RuntimeError:
        raise LedgerError(
            f"the ledger {said} cannot be used: its database holds tables of another program, such as MLflow, or of "
            "another version of Optuna; give the ledger a database of its own"
        ) from None


def _connected(store: Database) -> Any:
    import psycopg

    return psycopg.connect(_for_libpq(_url(store.said)), autocommit=True, options=_ALIVE)


def _lock(connection: Any, store: Database) -> bool:
    """Take the lock of a study, which ends with the connection, if nobody has it."""
    (taken,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [_key(store.study)]).fetchone()
    return bool(taken)


def _key(text: str) -> int:
    """Return the number of an advisory lock, 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _for_libpq(url: Any) -> str:
    address: str = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return address


def _url(said: str) -> Any:
    """Return the address of a database, with the password if the environment says one, and a limit for connecting."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    name = said.removeprefix(_ENVIRONMENT) if said.startswith(_ENVIRONMENT) else None
    where = "ledger" if name is None else f"ledger: ${name}"
    if name is not None and not os.environ.get(name):
        raise LedgerError(f"{where} is not set: set it to an address such as postgresql://ann:...@db.example/studies")
    try:
        url = make_url(said if name is None else os.environ[name])
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _SCHEMES:
        raise LedgerError(
            f"{where} must be an address of PostgreSQL, postgresql://ann@db.example/studies, or env:NAME where the "
            "environment holds one; left out, the ledger is a file in the study's folder"
        )
    if name is None and (url.password is not None or set(_SECRETS) & set(url.query)):
        raise LedgerError(
            "ledger holds a password, which would be written to disk: leave it out, and put it into $PGPASSWORD or "
            'your password file (~/.pgpass); or say ledger = "env:NAME" and put the whole address into $NAME'
        )
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise LedgerError("a ledger in PostgreSQL needs psycopg: pip install 'tuned-ensembles[postgres]'") from None
    return limited(url.set(drivername="postgresql+psycopg"))


@contextmanager
def _told(said: str) -> Iterator[None]:
    """Say in a sentence that a database cannot be used, and why."""
    import psycopg
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (psycopg.Error, SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, optuna.exceptions.StorageInternalError) else error
        why = " ".join(str(getattr(cause, "orig", None) or cause).split())[:300].rstrip(".")
        raise LedgerError(
            f"the ledger {said} cannot be used: {why}. Nothing that ended is lost: the same call again goes on"
        ) from None
