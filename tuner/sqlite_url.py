"""Addresses of SQLite files: what stands in a path is text, though `%`, `?` and `#` mean something in an address."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

_SQLITE = "sqlite:///"


def sqlite_url(path: Path) -> str:
    """Return the address of a file.

    >>> sqlite_url(Path("runs/50%?/ledger.db"))
    'sqlite:///runs/50%25%3F/ledger.db'
    """
    return _SQLITE + re.sub("[%?#]", lambda found: quote(found[0]), path.as_posix())


def read_only(path: Path) -> str:
    """Return the address of a file that is only to be read.

    >>> read_only(Path("/runs/50%?/ledger.db"))
    'sqlite:///file:/runs/50%2525%253F/ledger.db?mode=ro&uri=true'
    """
    return f"{_SQLITE}file:{quote(quote(path.absolute().as_posix()))}?mode=ro&uri=true"


def sqlite_path(url: str) -> Path | None:
    """Return the file of an address, or None of a server's.

    >>> sqlite_path("sqlite:///runs/50%25%3F/ledger.db").as_posix(), sqlite_path("http://127.0.0.1:5000")
    ('runs/50%?/ledger.db', None)
    """
    return Path(unquote(url.removeprefix(_SQLITE))) if url.startswith(_SQLITE) else None
