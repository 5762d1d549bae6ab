"""A PostgreSQL server for benchmarks: on loopback, started here and ended with them, as the tests do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock


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
