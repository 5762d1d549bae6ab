"""Addresses of databases on servers."""

from __future__ import annotations

import os
from typing import Any

_SECONDS = 10  # drivers themselves wait for minutes, until which nobody hears that a host is mistyped


def limited(url: Any) -> Any:
    """Return SQLAlchemy's address of a database with a limit for connecting, ten seconds where the user says none.

    >>> from sqlalchemy.engine import make_url
    >>> str(limited(make_url("postgresql://ann@db.example/studies")))
    'postgresql://ann@db.example/studies?connect_timeout=10'
    """
    said = "connect_timeout" in url.query or "PGCONNECT_TIMEOUT" in os.environ
    return url if said else url.update_query_dict({"connect_timeout": str(_SECONDS)})
