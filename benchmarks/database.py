"""A PostgreSQL server for benchmarks: on loopback, started here and ended with them, as the tests do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from sqlalchemy.engine import make_url


@contextmanager
def database() -> Iterator[str | None]:
    """Run a server, and yield the address of a database on it, or None where PostgreSQL is not installed."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "tuner"))
    from postgres import PASSWORD, programs, running

    if (binaries := programs()) is None:
        print("PostgreSQL is not installed: SQLite alone is measured")
        yield None
        return
    with running(binaries) as server, mock.patch.dict(os.environ, {"PGPASSWORD": PASSWORD}):
        yield server.url()


@contextmanager
def borrowed(ledger: str | None) -> Iterator[None]:
    """Put a database back as it was when the block ends; None is no database."""
    if ledger is None:
        yield
        return
    _copy(ledger, to="kept")
    yield
    _copy(make_url(ledger).set(database="kept").render_as_string(), to=str(make_url(ledger).database))


def _copy(ledger: str, *, to: str) -> None:
    """Copy a database over another one; whoever is connected to either is sent away."""
    import psycopg

    name = make_url(ledger).database
    elsewhere = make_url(ledger).set(database="template1").render_as_string()
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {to} WITH (FORCE)")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        connection.execute(f"CREATE DATABASE {to} TEMPLATE {name}")
