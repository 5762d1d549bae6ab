"""Several writes to Optuna's storage as one transaction: all of them are there afterwards, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.storages import RDBStorage


@contextmanager
def one_transaction(storage: RDBStorage) -> Iterator[None]:
    """Commit at the end of the block what the storage writes in it, in this thread.

    Optuna commits at the end of each call; a disk takes some ten milliseconds for every one. In the block its session
    is one within our transaction, which its commits leave open (SQLAlchemy, "joining a session into an external
    transaction"). It writes a trial's rows at once, not each before the next query: Optuna asks for none of them there.
    """
    sessions = storage.scoped_session
    with storage.engine.begin() as connection:
        sessions.remove()
        sessions(bind=connection, join_transaction_mode="rollback_only", autoflush=False)
        try:
            yield
        finally:
            sessions.remove()
