"""Files that may come from a stranger: JSON within bounds, names that stay inside, archives of sane size."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

_MOST_BYTES = 256 * 1024**2
_DEEPEST = 100
_LARGEST = 2**63  # whole numbers stay below
_MOST_INFLATED = 200  # times the size of an archive; forests and arrays stay far below
_SMALL_BYTES = 64 * 1024**2  # archives that unpack to less are taken


class StrangeFile(ValueError):
    """A file that is not as we write such files."""


def read_json(path: Path) -> Any:
    """Read JSON of bounded size, depth and numbers.

    Raises:
        StrangeFile: It is none, or beyond a bound.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise StrangeFile(f"{path} is larger than {_MOST_BYTES // 1024**2} MB")
    return parse_json(path.read_bytes(), str(path))


def parse_json(content: bytes, where: str) -> Any:
    """Parse JSON of bounded depth and numbers.

    Args:
        content: The text.
        where: What it is called in complaints.

    Raises:
        StrangeFile: It is none, or beyond a bound.

    >>> parse_json(b'{"a": [1, 2.5]}', "it")
    {'a': [1, 2.5]}
    """
    try:
        parsed = json.loads(content, parse_int=_whole)
    except RecursionError:
        raise StrangeFile(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise StrangeFile(f"{where} is no JSON as we write it: {error}") from error
    _check_depth(parsed, where)
    return parsed


def inside(folder: Path, name: Any) -> Path:
    """Return a file or folder that a stored name names inside of a folder.

    Raises:
        StrangeFile: The name leads out of it.

    >>> inside(Path("a"), "b/c.json").as_posix()
    'a/b/c.json'
    """
    if not is_inside(name):
        raise StrangeFile(f"{folder} names a file outside of itself: {name!r}")
    return folder / name


def is_inside(name: Any) -> bool:
    """Tell whether a stored name is a plain relative path, written as on POSIX.

    >>> [is_inside(name) for name in ("a/b", "../a", "/a", "a//b", "C:/a", "")]
    [True, False, False, False, False, False]
    """
    if not isinstance(name, str) or not name or any(sign in name for sign in "\\:\0"):
        return False
    parts = name.split("/")
    return not PurePosixPath(name).is_absolute() and all(part not in ("", ".", "..") for part in parts)


def check_archive(path: Path) -> None:
    """Refuse a zip archive that would unpack to far more than it is large.

    Raises:
        StrangeFile: It would, or is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise StrangeFile(f"{path} is no archive: {error}") from error
    if unpacked > max(_SMALL_BYTES, _MOST_INFLATED * path.stat().st_size):
        raise StrangeFile(f"{path} would unpack to {unpacked:,} bytes: that is not what a model looks like")


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) >= _LARGEST:
        raise ValueError(f"the number {text[:20]}... is too large")
    return int(text)


def _check_depth(parsed: Any, where: str) -> None:
    level, depth = [parsed], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise StrangeFile(f"{where} is nested more than {_DEEPEST} deep")
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
