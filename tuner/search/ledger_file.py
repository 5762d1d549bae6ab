"""A ledger in a file, as Optuna's storage: it waits for others, and says in a sentence what is wrong."""

from __future__ import annotations

import functools
import itertools
import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from sqlalchemy.engine import ExceptionContext

from spaces.machine.disk import kept, replaced
from tuner.sqlite_url import read_only, sqlite_url

_WAITS_SECONDS = 120.0  # for another program that holds the file, such as a backup
_DAMAGED = "is damaged"
_SAYS = {
    "locked": f"is locked by another program for {_WAITS_SECONDS:.0f} seconds: end that program, then the same call "
    "goes on",
    "disk is full": "cannot be written, as the disk is full: make room, then the same call goes on",
    "readonly": "cannot be written: is its folder read-only?",
    "unable to open": "cannot be opened: may this user read it, and is its folder there?",
    "disk I/O error": "cannot be read or written: the disk says it failed",
    "malformed": _DAMAGED,
    "not a database": _DAMAGED,
    "no such table": _DAMAGED,
}


class LedgerError(ValueError):
    """A ledger that cannot be used; the message says why, and holds no password."""


def open_file(path: Path) -> optuna.storages.RDBStorage:
    """Open a ledger, or begin one. One that cannot be written is read.

    Raises:
        LedgerError: It cannot be opened.
    """
    if not path.exists() and any(path.parent.glob("trials/*")):
        raise LedgerError(f"{path} is gone, and there are trials beside it: {_repair(path)}")
    kept(path, _begin)
    writes = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    url = sqlite_url(path) if writes else read_only(path)
    waits: dict[str, Any] = {"connect_args": {"timeout": _WAITS_SECONDS}}
    try:
        storage = optuna.storages.RDBStorage(url, waits, skip_compatibility_check=True, skip_table_creation=True)
    except optuna.exceptions.StorageInternalError as error:
        raise _error(path, getattr(error.__cause__, "orig", error.__cause__)) from None
    sqlalchemy.event.listen(storage.engine, "handle_error", functools.partial(_say, path))
    return storage


def is_whole(path: Path) -> bool:
    """Return whether a ledger is there and can be read to its end.

    Raises:
        LedgerError: Another program holds it, or the disk fails.
    """
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=_WAITS_SECONDS)) as opened:
            opened.execute("SELECT * FROM trials LIMIT 1")
            return bool(opened.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError as error:
        if _meaning(error) == _DAMAGED:
            return False
        raise _error(path, error) from None


def begin_anew(path: Path) -> Path | None:
    """Begin a ledger in the place of a damaged one, and return where that one lies now; None where it is gone.

    What SQLite keeps beside a file goes with it: it would be taken for the new one's.
    """
    aside = next(one for i in itertools.count(1) if not (one := path.with_name(f"{path.name}.damaged-{i}")).exists())
    for ending in ("-journal", "-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    with replaced(path) as part:
        _begin(part)
    return aside if aside.exists() else None


def _say(path: Path, context: ExceptionContext) -> None:
    """Say what is wrong with the file, in place of what SQLAlchemy would say."""
    if not isinstance(context.sqlalchemy_exception, sqlalchemy.exc.IntegrityError):
        raise _error(path, context.original_exception) from None


def _error(path: Path, original: BaseException | None) -> LedgerError:
    if not path.exists():
        return LedgerError(f"{path} is gone: was the folder deleted or moved?")
    means = _meaning(original)
    return LedgerError(f"{path} {means} ({original})" + (f": {_repair(path)}" if means == _DAMAGED else ""))


def _meaning(original: BaseException | None) -> str:
    return next((means for known, means in _SAYS.items() if known in str(original)), "cannot be used")


def _repair(path: Path) -> str:
    """Say what to do; only the trials of a study have files that say what they are."""
    if not (path.parent / "study.json").exists():
        return "restore it from a backup, or begin in another folder"
    return f"restore it from a backup, or tuner repair {path.parent} tells what the files of trials say into a new one"


def _begin(path: Path) -> None:
    """Write a ledger without a study; Optuna takes half a second to make its tables, so it is a copy of one."""
    path.write_bytes(_empty_ledger())


@functools.cache
def _empty_ledger() -> bytes:
    """Return the file of a storage without a study, made once in a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        optuna.storages.RDBStorage(sqlite_url(path)).engine.dispose()
        return path.read_bytes()
